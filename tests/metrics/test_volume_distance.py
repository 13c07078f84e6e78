"""Average Hausdorff distance: known answers, both definitions, and a table of all distances."""

import numpy as np
import pytest
from hypothesis import given, settings
from scipy.spatial.distance import cdist

from tubekit import metrics
from tubekit.metrics.volume_distance import volume_distances

from .test_contract import masks
from .test_surface import planes


def directed(points: np.ndarray, others: np.ndarray, spacing: tuple[float, ...]) -> float:
    """The plain formulation, with every distance between the voxels of both masks."""
    places, known = np.argwhere(points) * spacing, np.argwhere(others) * spacing
    return float(cdist(places, known).min(axis=1).mean())


def test_plates_are_as_far_as_they_are():
    pred, target = planes()
    for definition in ("mean", "max"):
        measured = {"definition": definition}
        assert metrics.average_hausdorff(pred, target, **measured) == 4
        far = metrics.average_hausdorff(pred, target, spacing=(2.5, 0.7, 0.3), **measured)
        assert far == pytest.approx(10)


def test_definitions_by_hand():
    """A row of 19 pixels, found, and one pixel more 8 rows away: 8 of 20 one way, 0 the other."""
    target = np.zeros((10, 19), bool)
    target[0] = True
    pred = target.copy()
    pred[8, 3] = True
    assert volume_distances(pred, target, (1.0, 1.0)) == (8 / 20, 0)
    assert metrics.average_hausdorff(pred, target) == pytest.approx(0.2)
    assert metrics.average_hausdorff(pred, target, definition="max") == pytest.approx(0.4)
    assert metrics.average_hausdorff(target, pred, definition="max") == pytest.approx(0.4)


def test_all_voxels_count_not_surfaces():
    """One voxel in the middle of a square of 5 x 5: it lies inside, so at distance 0."""
    target, pred = np.zeros((7, 7), bool), np.zeros((7, 7), bool)
    target[1:6, 1:6], pred[3, 3] = True, True
    ring = 4 * 1 + 4 * np.sqrt(2)
    outline = 4 * 2 + 8 * np.sqrt(5) + 4 * np.sqrt(8)
    found = volume_distances(pred, target, (1.0, 1.0))
    assert found == pytest.approx((0, (ring + outline) / 25))
    assert metrics.assd(pred, target) > found.average("max") > found.average("mean")


def test_the_same_error_weighs_less_in_a_thicker_vessel():
    values = []
    for width in (2, 4, 8):
        target = np.zeros((20, 30), bool)
        target[4 : 4 + width] = True
        values.append(metrics.average_hausdorff(np.roll(target, 1, 0), target))
    assert values == pytest.approx([1 / 2, 1 / 4, 1 / 8])


@settings(max_examples=60, deadline=None)
@given(pair=masks)
def test_equals_the_table_of_all_distances(pair):
    pred, target = pair
    spacing = (0.7, 1.3, 2.0)[: pred.ndim]
    if pred.any() and target.any():
        there, back = directed(pred, target, spacing), directed(target, pred, spacing)
        measured = metrics.average_hausdorff(pred, target, spacing=spacing)
        assert measured == pytest.approx((there + back) / 2, abs=1e-12)
        larger = metrics.average_hausdorff(pred, target, spacing=spacing, definition="max")
        assert larger == pytest.approx(max(there, back), abs=1e-12)


def test_a_far_blob():
    """Further away than the voxels that are looked at one by one."""
    target, pred = np.zeros((80, 30, 30), bool), np.zeros((80, 30, 30), bool)
    target[2:5, 10:13, 10:13] = pred[70:73, 10:14, 9:12] = True
    for spacing in ((1.0, 1.0, 1.0), (2.0, 0.8, 0.5)):
        found = volume_distances(pred, target, spacing)
        expected = directed(pred, target, spacing), directed(target, pred, spacing)
        assert found == pytest.approx(expected, rel=1e-12)


def test_errors():
    with pytest.raises(ValueError, match="definition must be one of 'mean', 'max'"):
        metrics.average_hausdorff(*planes(), definition="median")
