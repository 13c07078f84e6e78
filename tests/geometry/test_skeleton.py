import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import array_shapes, arrays
from skimage import morphology

from tests.geometry import shapes
from tubekit.geometry import betti_numbers, components, skeletonize
from tubekit.geometry.thinning import thin

KEPT = ["tree2d_a", "ring2d", "two2d", "single2d", "empty2d", "full2d"]
KEPT += ["tree3d_a", "ring3d", "two3d", "single3d", "empty3d"]
small_masks = arrays(bool, array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=6))


def objects_kept(mask: np.ndarray, skeleton: np.ndarray) -> bool:
    labels, count = components(mask)
    return set(np.unique(labels[skeleton])) - {0} == set(range(1, count + 1))


@pytest.mark.parametrize("case", KEPT)
def test_agrees_with_the_reference(oracle, case):
    expected = oracle("tubed_skeleton")[f"{case}__skel"] > 0
    assert np.array_equal(skeletonize(oracle("inputs")[case]), expected)


@pytest.mark.parametrize("case", ["mc2d_a", "mc3d_a"])
def test_agrees_with_the_reference_on_classes(oracle, case):
    label = oracle("inputs")[case]
    expected = oracle("tubed_skeleton")[f"{case}__skel"]
    assert np.array_equal(skeletonize(label > 0) * label, expected)


def test_reference_loses_the_full_volume(oracle):
    """Defect: the 3-D thinning of the reference leaves nothing of a box with even sides."""
    assert not oracle("tubed_skeleton")["full3d__skel"].any()
    assert betti_numbers(skeletonize(oracle("inputs")["full3d"])) == (1, 0, 0)


@pytest.mark.parametrize("case", [*KEPT, "full3d"])
def test_every_object_of_the_inputs_is_kept(oracle, case):
    mask = oracle("inputs")[case] > 0
    assert objects_kept(mask, skeletonize(mask))


@pytest.mark.parametrize(
    "sides", list(itertools.combinations_with_replacement((1, 2, 3, 4, 6, 7), 3))
)
def test_boxes_are_kept(sides):
    mask = shapes.bar(sides)
    skeleton = skeletonize(mask)
    assert skeleton.any()
    assert not (skeleton & ~mask).any()
    lost = not morphology.skeletonize(mask).any()
    assert np.array_equal(skeleton, thin(mask) if lost else morphology.skeletonize(mask))


@pytest.mark.parametrize("side", [2, 4, 6, 8, 20])
def test_a_lost_cube_becomes_its_centre(side):
    mask = shapes.bar((side,) * 3)
    assert not morphology.skeletonize(mask).any()
    found = np.argwhere(skeletonize(mask))
    assert len(found) == 1
    assert np.abs(found - (np.array(mask.shape) - 1) / 2).max() <= 0.5


@pytest.mark.parametrize("width", [2, 4, 6, 8])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_lost_bar_becomes_its_centre_line(width, axis):
    sides = [width] * 3
    sides[axis] = 40
    mask = shapes.bar(tuple(sides))
    assert not morphology.skeletonize(mask).any()
    found = np.argwhere(skeletonize(mask))
    across = np.delete(found, axis, axis=1)
    assert np.abs(across - (width + 3) / 2).max() <= 0.5  # in the middle, all along
    along = np.sort(found[:, axis])
    assert np.array_equal(along, np.arange(along[0], along[-1] + 1))  # one voxel thin, no gap
    assert len(along) >= 40 - width - 2


def test_lost_bars_beside_a_kept_tube():
    mask = np.zeros((16, 30, 40), dtype=bool)
    mask[2:6, 3:7, 3:30] = True  # lost by the reference
    mask[2:6, 12:16, 5:9] = True  # lost by the reference
    mask[9:14, 20:25, 4:35] = True  # kept
    reference = morphology.skeletonize(mask)
    skeleton = skeletonize(mask)
    assert components(reference)[1] == 1
    assert betti_numbers(skeleton) == (3, 0, 0)
    assert np.array_equal(skeleton[8:], reference[8:])


@settings(max_examples=80, deadline=None)
@given(small_masks)
def test_skeleton_properties(mask):
    skeleton = skeletonize(mask)
    assert not (skeleton & ~mask).any()
    assert objects_kept(mask, skeleton)
    reference = morphology.skeletonize(shapes.as_image(mask)).reshape(mask.shape)
    if objects_kept(mask, reference):
        assert np.array_equal(skeleton, reference)
    else:
        assert not (reference & ~skeleton).any()


@settings(max_examples=50, deadline=None)
@given(small_masks)
def test_thinning_keeps_the_topology(mask):
    thinned = thin(mask)
    assert not (thinned & ~mask).any()
    assert betti_numbers(thinned) == betti_numbers(mask)
    assert np.array_equal(thin(thinned), thinned)


@pytest.mark.parametrize("mask", [shapes.torus(), shapes.double_torus(), shapes.annulus()])
def test_thinning_of_known_shapes(mask):
    thinned = thin(mask)
    assert betti_numbers(thinned) == betti_numbers(mask)
    assert thinned.sum() < 60


def test_bad_masks_are_named():
    with pytest.raises(ValueError, match="mask must be binary"):
        skeletonize(np.array([[0, 1], [2, 0]]))
    with pytest.raises(ValueError, match="mask must have 2 or 3 axes, got 1"):
        skeletonize(np.ones(4, bool))
