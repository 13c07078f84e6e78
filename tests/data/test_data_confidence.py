"""Confidence in the background of an incomplete label."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tubekit.data.confidence import confidence_map, relaxation_beta


def one_in(n: int) -> np.ndarray:
    """One foreground voxel among n."""
    label = np.zeros((1, n), np.uint8)
    label[0, n // 2] = 1
    return label


@pytest.mark.parametrize(("n", "beta"), [(100, 0.2176), (1000, 0.1448), (2, 1.0), (3, 1.0)])
def test_beta_by_hand(n: int, beta: float):
    """1 % foreground: 1 / ln 99; below e background voxels per foreground voxel it is 1."""
    assert relaxation_beta(one_in(n)) == pytest.approx(beta, abs=5e-5)
    assert relaxation_beta(one_in(n)) == pytest.approx(1 / math.log(max(n - 1, math.e)))


def test_beta_of_half_and_more_foreground_is_one():
    for share in (10, 15, 20):
        label = np.zeros((4, 5), np.int64)
        label.flat[:share] = 1
        assert relaxation_beta(label) == 1


@pytest.mark.parametrize("shape", [(9, 11), (7, 9, 11)])
def test_the_map_by_hand(shape: tuple[int, ...]):
    label = np.zeros(shape, np.int16)
    low, high = (2,) * len(shape), tuple(n - 3 for n in shape)
    label[low], label[high] = 1, 3  # classes count together
    made = confidence_map(label)
    box = np.zeros(shape, bool)
    box[tuple(slice(a, b + 1) for a, b in zip(low, high, strict=True))] = True
    assert made.dtype == np.float32
    assert (made[~box] == 1).all()
    assert (made[label > 0] == 1).all()
    assert (made[box & (label == 0)] == np.float32(relaxation_beta(label))).all()


def test_one_voxel_and_a_full_label_leave_nothing_in_doubt():
    assert (confidence_map(one_in(50)) == 1).all()
    assert (confidence_map(np.ones((4, 5), np.uint8)) == 1).all()


def test_the_box_reaches_the_border():
    label = np.zeros((6, 8), bool).astype(np.uint8)
    label[0, 0] = label[5, 7] = 1
    assert (confidence_map(label) < 1).sum() == 46


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 99), axis=st.integers(0, 2))
def test_flips_and_transposes(seed: int, axis: int):
    label = (np.random.default_rng(seed).random((5, 6, 7)) > 0.97).astype(np.int64)
    label[2, 3, 4] = 1
    made = confidence_map(label)
    assert (confidence_map(np.flip(label, axis)) == np.flip(made, axis)).all()
    assert (confidence_map(label.T) == made.T).all()


@pytest.mark.parametrize("function", [confidence_map, relaxation_beta])
def test_bad_input(function):
    with pytest.raises(ValueError, match="at least one annotated voxel, got an empty label"):
        function(np.zeros((4, 5), np.int64))
    with pytest.raises(ValueError, match="label must have 2 or 3 axes"):
        function(np.ones(5, np.int64))
    with pytest.raises(ValueError, match=r"label must lie in 0\.\., got -1\.\.0"):
        function(np.zeros((4, 5), np.int64) - np.eye(4, 5, dtype=np.int64))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("function", [confidence_map, relaxation_beta])
@pytest.mark.parametrize("value", [np.nan, 0.5])
def test_a_label_that_is_no_class_map(function, value: float):
    with pytest.raises(ValueError, match="label must hold integer classes, got float64"):
        function(np.full((4, 5), value))
