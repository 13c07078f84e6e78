"""Components, the largest of them, and holes, against SciPy."""

import numpy as np
from hypothesis import given, settings
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from tests.geometry.shapes import as_image
from tubekit.geometry import components, fill_holes, largest_component

NEIGHBOURS = {2: (4, 8), 3: (6, 18, 26)}
SHAPE_OF = {4: 1, 6: 1, 8: 2, 18: 2, 26: 3}  # rank of SciPy's structuring element
small_masks = arrays(bool, array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=6))


@settings(max_examples=60, deadline=None)
@given(small_masks)
def test_components_agree_with_scipy_in_reading_order(mask):
    for neighbours in NEIGHBOURS[mask.ndim]:
        structure = ndimage.generate_binary_structure(mask.ndim, SHAPE_OF[neighbours])
        labels, count = components(mask, neighbours)
        truth, expected = ndimage.label(mask, structure)
        assert count == expected
        pairs = np.unique(np.stack([labels[mask], truth[mask]]), axis=1)
        assert pairs.shape[1] == count  # one name for one name
        _, first = np.unique(labels[mask], return_index=True)
        assert np.array_equal(first, np.sort(first))
        sizes = np.bincount(labels[mask], minlength=2)[1:]
        largest = largest_component(mask, neighbours)
        assert np.array_equal(largest, mask & (labels == sizes.argmax() + 1))
        image = as_image(mask)
        around = ndimage.generate_binary_structure(
            image.ndim, min(SHAPE_OF[neighbours], image.ndim)
        )
        filled = as_image(fill_holes(mask, neighbours))
        assert np.array_equal(filled, ndimage.binary_fill_holes(image, around))


@settings(max_examples=30, deadline=None)
@given(small_masks)
def test_components_partition_the_mask(mask):
    labels, count = components(mask)
    assert np.array_equal(labels > 0, mask)
    assert set(np.unique(labels[mask])) == set(range(1, count + 1))


def test_the_largest_has_the_most_voxels():
    mask = np.zeros((5, 9), bool)
    mask[1:4, 1:3] = True  # six voxels in three rows
    mask[4, 4:] = mask[3, 4:6] = True  # seven in two
    labels, _ = components(mask)
    assert np.array_equal(largest_component(mask), labels == 2)
    twins = np.array([[1, 1, 0, 1, 1]])
    assert largest_component(twins).tolist() == [[True, True, False, False, False]]
    assert not largest_component(np.zeros((3, 4, 5), bool)).any()


def test_a_shaft_to_any_side_opens_a_cavity():
    for ndim in (2, 3):
        box = np.ones((7,) * ndim, bool)
        box[(slice(2, 5),) * ndim] = False
        assert fill_holes(box).all()
        for axis in range(ndim):
            for side in (slice(0, 3), slice(4, 7)):
                opened = box.copy()
                shaft = [slice(3, 4)] * ndim
                shaft[axis] = side
                opened[tuple(shaft)] = False
                assert np.array_equal(fill_holes(opened), opened)
