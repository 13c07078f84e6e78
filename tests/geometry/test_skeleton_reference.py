"""The list-based thinning gives what scikit-image gives, voxel for voxel."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage
from skimage import morphology

from tests.geometry import shapes
from tubekit.geometry import components, skeletonize
from tubekit.geometry.kernels import thinning2d
from tubekit.geometry.thinning import thin
from tubekit.phantoms import Root, grow_tree, rasterise

small_masks = arrays(bool, array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=6))


def plain(mask: np.ndarray) -> np.ndarray:
    """The reference's skeleton; objects found lost by labelling, each thinned in its own box."""
    skeleton = morphology.skeletonize(shapes.as_image(mask)).reshape(mask.shape)
    labels, count = components(mask)
    boxes = ndimage.find_objects(labels.astype(np.int32))
    for number in np.setdiff1d(np.arange(1, count + 1), labels[skeleton]):
        box = boxes[number - 1]
        skeleton[box] |= thin(labels[box] == number)
    return skeleton


def tiled(masks: np.ndarray) -> np.ndarray:
    """Many small masks (a b .. n m ..) side by side in one image, a gap of one between them."""
    ndim = masks.ndim // 2
    gaps = np.pad(masks, [(0, 0)] * ndim + [(0, 1)] * ndim)
    order = [axis for pair in zip(range(ndim), range(ndim, 2 * ndim), strict=True) for axis in pair]
    sides = np.multiply(gaps.shape[:ndim], gaps.shape[ndim:])
    return gaps.transpose(order).reshape(sides)


def tree(shape: tuple[int, ...], seed: int) -> np.ndarray:
    start = (*(side / 2 for side in shape[:-1]), 5.0)
    root = Root(start, (*[0.0] * (len(shape) - 1), 1.0), 3.5)
    return rasterise(grow_tree(shape, seed=seed, roots=[root])).owner > 0


def blobs(shape: tuple[int, ...], seed: int, share: float) -> np.ndarray:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 1.7)
    return noise > np.quantile(noise, 1 - share)


def test_every_mask_of_4_by_4_pixels():
    masks = (np.arange(1 << 16)[:, None] >> np.arange(16) & 1).astype(bool)
    image = tiled(masks.reshape(256, 256, 4, 4))
    assert np.array_equal(skeletonize(image), morphology.skeletonize(image))


def test_every_mask_of_2_by_2_by_3_voxels():
    masks = (np.arange(1 << 12)[:, None] >> np.arange(12) & 1).astype(bool)
    image = tiled(masks.reshape(16, 16, 16, 2, 2, 3))
    assert np.array_equal(skeletonize(image), plain(image))


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7, 0.9])
@pytest.mark.parametrize(
    "sides", [(7, 9), (13, 14), (3, 3, 3), (4, 4, 4), (5, 6, 7), (2, 9, 9), (9, 2, 5), (8, 8, 1)]
)
def test_hundreds_of_random_masks(rng, sides, share):
    image = tiled(rng.random((7 if len(sides) == 3 else 25,) * len(sides) + sides) < share)
    assert np.array_equal(skeletonize(image), plain(image))


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3, 0.6])
@pytest.mark.parametrize("shape", [(90, 120), (24, 30, 36), (1, 60, 60), (60, 1, 60), (60, 60, 1)])
def test_blobs_that_touch_the_border(shape, share):
    mask = blobs(shape, 1, share)
    assert np.array_equal(skeletonize(mask), plain(mask))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("shape", [(200, 180), (56, 60, 64)])
def test_trees(shape, seed):
    mask = tree(shape, seed)
    assert mask.sum() > 300
    for part in (mask, mask[3:, 10:], mask[..., ::-1], mask.T):  # also cut, flipped, strided
        assert np.array_equal(skeletonize(part), plain(part))


@pytest.mark.parametrize(
    "mask",
    [
        *(shapes.torus(), shapes.double_torus(), shapes.annulus(), shapes.hollow_sphere()),
        *(shapes.ball(9, 19), shapes.ball(9.5, 20), shapes.ball(40, 81, 2)),
        *(np.ones((12, 40), bool), np.ones((9, 7, 30), bool), np.ones((1, 4, 4), bool)),
        *(shapes.bar((1, 9, 9)), shapes.bar((2, 12, 13)), np.eye(30, dtype=bool)),
    ],
)
def test_known_shapes_as_the_reference(mask):
    assert np.array_equal(skeletonize(mask), plain(mask))


@settings(max_examples=80, deadline=None)
@given(small_masks)
def test_skeleton_equals_the_plain_version(mask):
    assert np.array_equal(skeletonize(mask), plain(mask))
    if mask.ndim == 2 or min(mask.shape) > 1:  # a single slice is thinned otherwise, see below
        assert np.array_equal(skeletonize(np.pad(mask, 2)), np.pad(skeletonize(mask), 2))


def test_a_slice_alone_and_in_a_volume():
    """Alone it is an image; between empty slices it is a sheet, thinned from above and below."""
    mask = np.array([[[1, 1, 1, 1], [1, 1, 1, 1], [0, 1, 1, 1], [1, 0, 1, 1]]], bool)
    assert np.array_equal(skeletonize(mask)[0], skeletonize(mask[0]))
    alone, inside = skeletonize(mask), skeletonize(np.pad(mask, 1))[1:-1, 1:-1, 1:-1]
    assert not np.array_equal(alone, inside)


def test_goes_on_while_a_single_side_changes():
    """A rare case: from five of six sides nothing can go, and yet the thinning is not over."""
    mask = np.ones((5, 5, 5), bool)
    holes = [3, 6, 15, 19, 28, 30, 32, 34, 38, 51, 70]
    holes += [79, 80, 86, 91, 106, 112, 114, 117, 123, 124]
    mask.flat[holes] = False
    assert np.array_equal(skeletonize(mask), plain(mask))


def test_two_dimensional_thinning_cannot_lose_an_object():
    """All 5 x 5 surroundings: a pixel that goes leaves a neighbour that does not go with it."""
    ring = [(-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1)]
    outside = [p for p in itertools.product(range(-2, 3), repeat=2) if max(map(abs, p)) == 2]
    bits = np.arange(1 << 16)
    for half, key in itertools.product((1, 2), range(256)):
        if not thinning2d._HALVES[key] & half:
            continue
        pixels = {p: (bits >> i & 1).astype(np.uint8) for i, p in enumerate(outside)}
        pixels |= {p: np.uint8(key >> i & 1) for i, p in enumerate(ring)} | {(0, 0): np.uint8(1)}
        all_go = np.ones(len(bits), bool)
        for y, x in (p for p in ring if pixels[p]):
            around = [pixels[y + v, x + u] << np.uint8(i) for i, (v, u) in enumerate(ring)]
            all_go &= thinning2d._HALVES[sum(around)] & half > 0
        assert not all_go.any()


def test_the_mask_is_not_changed():
    for mask in (np.ones((6, 9), np.uint8), shapes.bar((4, 4, 4))):
        mask.flags.writeable = False
        assert np.array_equal(skeletonize(mask), skeletonize(mask.astype(bool)))
