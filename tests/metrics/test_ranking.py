"""Receiver curves: by hand, against the rank statistic, and their invariances."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tubekit.metrics import roc_curve


def test_by_hand():
    curve = roc_curve(np.array([0.9, 0.8, 0.8, 0.1]), np.array([1, 1, 0, 0]))
    assert curve.false_positive_rate.tolist() == [0, 0, 0.5, 1]
    assert curve.true_positive_rate.tolist() == [0, 0.5, 1, 1]
    assert curve.area == pytest.approx(0.875)


@given(st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=2, max_size=40))
def test_area_is_the_rank_statistic_with_ties_counted_half(pairs):
    scores, target = (np.array(column) for column in zip(*pairs, strict=True))
    if target.all() or not target.any():
        with pytest.raises(ValueError, match="object and background"):
            roc_curve(scores, target)
        return
    statistic = stats.mannwhitneyu(scores[target], scores[~target]).statistic
    expected = statistic / (target.sum() * (~target).sum())
    curve = roc_curve(scores, target)
    assert curve.area == pytest.approx(expected)
    assert roc_curve(scores[::-1], target[::-1]).area == pytest.approx(expected)
    assert roc_curve(np.exp(scores), target).area == pytest.approx(expected)
    assert roc_curve(-scores, target).area == pytest.approx(1 - expected)
    assert np.all(np.diff(curve.false_positive_rate) >= 0)
    assert curve.true_positive_rate[-1] == curve.false_positive_rate[-1] == 1


def test_only_valid_voxels_count(rng):
    scores, target = rng.random((6, 7)), rng.random((6, 7)) > 0.5
    valid = np.zeros((6, 7), bool)
    valid[2:5] = True
    inside = roc_curve(scores[2:5], target[2:5])
    assert roc_curve(scores, target, valid=valid).area == inside.area
    assert roc_curve(scores, target, valid=valid.astype(np.uint8)).area == inside.area


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="must be finite"):
        roc_curve(np.array([0.1, np.nan]), np.array([0, 1]))
    with pytest.raises(ValueError, match="must be binary"):
        roc_curve(np.array([0.1, 0.2]), np.array([0, 2]))
    with pytest.raises(ValueError, match="equal shapes"):
        roc_curve(np.zeros(3), np.zeros(2, bool))
