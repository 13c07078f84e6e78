"""Hallucination rate: by hand, against a table of all distances, and its limits."""

import numpy as np
import pytest
from hypothesis import given, settings
from scipy.spatial.distance import cdist

from tubekit import metrics

from .test_contract import masks


def test_beyond_two_millimetres_by_hand():
    """A line along x; predicted: its 10 pixels, 10 at 2 rows, 5 at 3 rows from it."""
    target = np.zeros((12, 14), bool)
    target[2, 2:12] = True
    pred = target.copy()
    pred[4, 2:12] = pred[5, 2:7] = True
    assert metrics.hallucination_rate(pred, target) == pytest.approx(5 / 25)
    assert metrics.hallucination_rate(pred, target, tolerance_mm=3.0) == 0
    assert metrics.hallucination_rate(pred, target, tolerance_mm=1.9) == pytest.approx(15 / 25)
    assert metrics.hallucination_rate(pred, target, spacing=(0.5, 9.0)) == 0
    assert metrics.hallucination_rate(pred, target, spacing=(1.1, 0.1)) == pytest.approx(15 / 25)


def test_a_thicker_wall_is_no_invention_but_a_second_vessel_is():
    target = np.zeros((20, 30, 30), bool)
    target[8:12, 8:12] = True
    thick = np.zeros_like(target)
    thick[6:14, 6:14] = True
    assert metrics.precision(thick, target) == pytest.approx(1 / 4)
    assert metrics.hallucination_rate(thick, target) == pytest.approx(12 / 64)  # the edges
    twice = target | np.roll(target, 15, axis=1)
    assert metrics.hallucination_rate(twice, target) == metrics.precision(twice, target) == 0.5


@given(masks)
@settings(max_examples=40, deadline=None)
def test_equals_a_table_of_all_distances(pair: tuple[np.ndarray, np.ndarray]):
    pred, target = pair
    spacing = (1.5, 0.7, 0.4)[: pred.ndim]
    if pred.any() and target.any():
        places, known = np.argwhere(pred) * spacing, np.argwhere(target) * spacing
        expected = float((cdist(places, known).min(axis=1) > 0.85).mean())
        found = metrics.hallucination_rate(pred, target, spacing=spacing, tolerance_mm=0.85)
        assert found == pytest.approx(expected)
        exact = metrics.hallucination_rate(pred, target, spacing=spacing, tolerance_mm=0)
        assert exact == pytest.approx(1 - metrics.precision(pred, target))


def test_a_negative_tolerance():
    mask = np.ones((4, 4), bool)
    with pytest.raises(ValueError, match="tolerance"):
        metrics.hallucination_rate(mask, mask, tolerance_mm=-1)
