"""Closing the organ mask, restricting the label to it, cropping."""

import dataclasses

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tubekit.data import close_organ_mask, crop_to_valid, inside_closed_organ, load_cases
from tubekit.geometry import components
from tubekit.types import Case

masks = arrays(bool, st.sampled_from([(9, 11), (4, 7, 6), (1, 5, 8)]))


def closed_by_hand(mask, iterations):
    """Fill every slice, then dilate and erode step by step in a much larger image."""
    planes = mask if mask.ndim == 3 else mask[None]
    filled = np.stack([scipy.ndimage.binary_fill_holes(plane) for plane in planes])
    organ = np.pad(filled.reshape(mask.shape), 20)

    def faces(array, reduce):
        moved = [np.roll(array, step, axis) for axis in range(array.ndim) for step in (1, -1)]
        return reduce.reduce([array, *moved])

    for _ in range(iterations):
        organ = faces(organ, np.logical_or)
    for _ in range(iterations):
        organ = faces(organ, np.logical_and)
    return organ[(slice(20, -20),) * mask.ndim]


@settings(max_examples=40, deadline=None)
@given(masks, st.integers(0, 4))
def test_closing_is_filling_dilation_and_erosion(mask, iterations):
    made = close_organ_mask(mask, iterations)
    assert made.dtype == bool
    assert (made >= mask).all()
    assert (made == closed_by_hand(mask, iterations)).all()


@settings(max_examples=20, deadline=None)
@given(masks, st.integers(0, 3))
def test_closing_moves_with_flips(mask, iterations):
    made = close_organ_mask(mask, iterations)
    for axis in range(mask.ndim):
        assert (close_organ_mask(np.flip(mask, axis), iterations) == np.flip(made, axis)).all()


def test_notches_up_to_twice_the_iterations_close_and_holes_of_any_size():
    notched = np.zeros((13, 40, 40), bool)
    notched[:, 2:38, 2:38] = True
    notched[:, 2:20, 10:16] = False  # 6 voxels wide, open at the border of the organ
    notched[6, 22:36, 20:36] = False  # a hole in one slice
    assert (close_organ_mask(notched, 3)[3:10, 8:38, 2:38]).all()
    assert not close_organ_mask(notched, 2)[6, 10, 12]
    assert close_organ_mask(notched, 0)[6, 30, 30]
    assert not close_organ_mask(notched, 0)[:, 5, 12].any()


def test_mask_at_the_border_keeps_its_voxels_and_gains_none_outside():
    organ = np.zeros((12, 12), bool)
    organ[:, :6] = True
    assert (close_organ_mask(organ, 8) == organ).all()
    assert close_organ_mask(np.ones((3, 4, 5), bool)).all()
    assert not close_organ_mask(np.zeros((3, 4, 5), bool)).any()


def test_bad_masks():
    with pytest.raises(ValueError, match="mask must be binary"):
        close_organ_mask(np.full((3, 3), 2))
    with pytest.raises(ValueError, match="mask must have 2 or 3 axes"):
        close_organ_mask(np.zeros(4, bool))
    with pytest.raises(ValueError, match="iterations must be an integer of at least 0, got -1"):
        close_organ_mask(np.zeros((3, 3), bool), -1)


@pytest.fixture
def case(rng):
    shape = (8, 20, 24)
    valid = np.zeros(shape, bool)
    valid[2:6, 5:15, 6:20] = True
    valid[2:6, 5:12, 10:12] = False
    label = np.zeros(shape, np.uint8)
    label[4, :, 10] = 2
    image = rng.normal(size=(2, *shape)).astype(np.float32)
    return Case("c", image, label, (2.0, 1.0, 0.5), valid, derived=1)


def test_label_is_restricted_to_the_closed_organ(case):
    made = inside_closed_organ(case, 2)
    assert (made.valid == close_organ_mask(case.valid, 2)).all()
    assert made.valid[4, 8, 10]
    assert not case.valid[4, 8, 10]
    assert (made.label == np.where(made.valid, case.label, 0)).all()
    assert made.label.dtype == case.label.dtype
    assert made.label[4, 8, 10] == 2
    assert made.label[4, 0, 10] == 0
    assert made.derived == 1
    assert made.image is case.image
    assert inside_closed_organ(dataclasses.replace(case, valid=None)).label is case.label
    unlabelled = dataclasses.replace(case, label=None)
    assert inside_closed_organ(unlabelled, 2).label is None


def test_crop_to_the_organ_and_a_margin_in_millimetres(case):
    tight = crop_to_valid(case)
    assert tight.image.shape == (2, 4, 10, 14)
    assert (tight.image == case.image[:, 2:6, 5:15, 6:20]).all()
    assert (tight.label == case.label[2:6, 5:15, 6:20]).all()
    assert tight.valid[0].any()
    assert tight.valid[:, :, -1].any()
    assert tight.derived == 1
    assert tight.spacing == case.spacing
    wide = crop_to_valid(case, 3)  # 2, 3 and 6 voxels
    assert (wide.image == case.image[:, 0:8, 2:18, 0:24]).all()
    uneven = crop_to_valid(case, 0.6)  # rounded up: 1, 1 and 2 voxels
    assert uneven.image.shape == (2, 6, 12, 18)
    assert (crop_to_valid(case, 4).image == case.image[:, 0:8, 1:19, 0:24]).all()
    assert crop_to_valid(case, 1000).image.shape == case.image.shape
    rounded = dataclasses.replace(case, spacing=(9.0, 9.0, 0.7))
    assert crop_to_valid(rounded, 2.1).image.shape == (2, 6, 12, 20)  # 2.1 / 0.7 > 3 in floats
    tight.image[:] = 0
    tight.label[:] = 7
    assert case.image.any()
    assert case.label.max() == 2


def test_crop_without_organ_mask_or_with_an_empty_one(case):
    everywhere = dataclasses.replace(case, valid=None)
    assert crop_to_valid(everywhere, 5) is everywhere
    empty = dataclasses.replace(case, valid=np.zeros_like(case.valid))
    with pytest.raises(ValueError, match=r"case c: expected an organ mask .*got an empty one"):
        crop_to_valid(empty)
    with pytest.raises(ValueError, match="margin_mm must be at least 0, got -1"):
        crop_to_valid(case, -1)


@pytest.mark.parametrize(("split", "before", "after"), [("train", 45, 7), ("test", 6, 3)])
def test_closing_the_liver_joins_the_real_portal_tree(
    mirror, monkeypatch, tmp_path, split, before, after
):
    monkeypatch.setenv("TUBEKIT_MIRROR", str(mirror))
    monkeypatch.setenv("TUBEKIT_CACHE", str(tmp_path))
    (case,) = load_cases("ircad01", split, offline=True)
    assert components((case.label == 1) & case.valid)[1] == before
    closed = inside_closed_organ(case)
    assert components(closed.label == 1)[1] == after
    assert 1 < closed.valid.sum() / case.valid.sum() < 1.02
    small = crop_to_valid(closed, 5.0)
    assert (small.label > 0).sum() == (closed.label > 0).sum()
    assert small.valid.sum() == closed.valid.sum()
