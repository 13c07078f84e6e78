"""Thinning by compiled loops against the same rounds written with NumPy lists."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from tests.geometry import shapes
from tubekit.geometry.simple_points import CENTRE, FACES, OFFSETS, boolean_simple
from tubekit.geometry.thinning import thin

small_masks = arrays(bool, array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=9))


def thinned_by_lists(mask: np.ndarray) -> np.ndarray:
    volume = mask if mask.ndim == 3 else mask[np.newaxis]
    image = np.pad(volume, 1).astype(np.int8)
    flat = image.reshape(-1)
    step = {o: int(np.dot(o, image.strides)) for o in (CENTRE, *OFFSETS)}

    def neighbours(voxels: np.ndarray) -> dict[tuple[int, int, int], np.ndarray]:
        return {offset: flat[voxels + distance] for offset, distance in step.items()}

    while True:
        voxels = np.flatnonzero(flat)
        around = neighbours(voxels)
        border = np.any([around[face] == 0 for face in FACES], axis=0)
        end = sum(around[offset] for offset in OFFSETS) <= 1
        rim = voxels[border & ~end]
        z, y, x = (coordinate % 2 for coordinate in np.unravel_index(rim, image.shape))
        for number in range(8):
            layer = rim[4 * z + 2 * y + x == number]
            flat[layer[boolean_simple(neighbours(layer))]] = 0
        if flat.sum() == len(voxels):
            return image[1:-1, 1:-1, 1:-1].reshape(mask.shape) == 1


@settings(max_examples=150, deadline=None)
@given(small_masks)
def test_the_same_voxels_stay(mask):
    assert np.array_equal(thin(mask), thinned_by_lists(mask))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.3, 0.98))
def test_the_same_voxels_stay_at_any_density(seed, density):
    rng = np.random.default_rng(seed)
    mask = rng.random(rng.integers(1, 16, size=rng.integers(2, 4))) < density
    assert np.array_equal(thin(mask), thinned_by_lists(mask))


@pytest.mark.parametrize(
    "mask",
    [
        shapes.torus(),
        shapes.double_torus(),
        shapes.hollow_sphere(),
        shapes.annulus(),
        shapes.ball(9, 22),
        shapes.bar((6, 7, 20), 0),
        shapes.bar((8, 20)),
        np.zeros((4, 5, 6), bool),
        np.ones((4, 5, 6), bool),
        np.ones((1, 1), bool),
        np.zeros((0, 5), bool),
    ],
)
def test_known_shapes(mask):
    assert np.array_equal(thin(mask), thinned_by_lists(mask))


def test_layout_and_input_do_not_matter():
    mask = shapes.double_torus()
    before, expected = mask.copy(), thin(mask)
    turned = np.asfortranarray(mask)
    padded = np.pad(mask, 3)[3:-3, 3:-3, 3:-3]
    assert np.array_equal(thin(turned), expected)
    assert np.array_equal(thin(padded), expected)
    assert np.array_equal(mask, before)
    mask.flags.writeable = False
    assert np.array_equal(thin(mask), expected)
