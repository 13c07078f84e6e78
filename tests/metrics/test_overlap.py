"""Overlap metrics on a case that can be counted by hand. No fixtures: see test_mutants."""

import numpy as np
import pytest

from tubekit import metrics


def shifted() -> tuple[np.ndarray, np.ndarray]:
    """12 true voxels, 8 predicted, 6 of them right, in an image of 40."""
    target, pred = np.zeros((4, 10), bool), np.zeros((4, 10), bool)
    target[0:2, 0:6] = True
    pred[0:2, 3:7] = True
    return pred, target


def test_counts():
    assert metrics.counts(*shifted()) == (6, 2, 6, 26)


def test_overlap_by_hand():
    pair = shifted()
    assert metrics.dice(*pair) == pytest.approx(12 / 20)
    assert metrics.iou(*pair) == pytest.approx(6 / 14)
    assert metrics.precision(*pair) == pytest.approx(6 / 8)
    assert metrics.recall(*pair) == pytest.approx(6 / 12)
    assert metrics.false_positive_rate(*pair) == pytest.approx(2 / 28)
    assert metrics.volume_ratio(*pair) == pytest.approx(8 / 12)


def test_a_full_target_has_no_false_positive_rate():
    full = np.ones((3, 3), bool)
    assert np.isnan(metrics.false_positive_rate(full, full))
