"""Lengths that meet their limit exactly: distances are whole multiples of the spacing.

``3 * 0.1`` is larger than ``0.3`` in floats; what lies on a limit is within it all the same.
"""

import numpy as np
import pytest

from tests.planting import Planted
from tubekit import metrics

SIDES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.1, 0.55, 0.976562, 1 / 3, 0.05)
SHARES = {
    "nsd": metrics.nsd,
    "nsd by area": lambda *masks, **more: metrics.nsd(*masks, definition="area", **more),
    "centerline_f1": metrics.centerline_f1,
    "not hallucinated": lambda *masks, **more: 1 - metrics.hallucination_rate(*masks, **more),
}
planted = Planted("tubekit.metrics")


def rows(k: int, axes: int) -> tuple[np.ndarray, np.ndarray]:
    """Two lines (in 3-D plates) ``k`` voxels apart along the first axis."""
    pred, target = np.zeros((2, 20, *(6,) * (axes - 1)), bool)
    pred[5], target[5 + k] = True, True
    return pred, target


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("axes", [2, 3])
def test_a_distance_on_the_tolerance_is_within(side: float, axes: int):
    spacing = (side, *(0.7,) * (axes - 1))
    for k in range(1, 12):
        masks, typed = rows(k, axes), round(k * side, 6)
        for tolerance in (k * side, typed, float(np.float32(k * np.float32(side)))):
            found = {
                name: share(*masks, spacing=spacing, tolerance_mm=tolerance)
                for name, share in SHARES.items()
                if axes == 2 or name != "centerline_f1"  # the line of a plate is a choice
            }
            assert found == dict.fromkeys(found, 1.0), (k, tolerance)
        for name in ("nsd", "not hallucinated"):
            assert SHARES[name](*masks, spacing=spacing, tolerance_mm=k * side * 0.9999) == 0, k


@pytest.mark.parametrize("side", SIDES)
def test_a_report_names_the_tolerance_as_typed(side: float):
    for k in (3, 6, 7):
        typed = round(k * side, 6)
        found = metrics.case_report(
            *rows(k, 2), spacing=(side, 1.0), tolerances_mm=[typed], nsd=("count", "area")
        )
        assert found.values[f"nsd_{typed:g}mm"] == found.values[f"nsd_{typed:g}mm_area"] == 1


@pytest.mark.parametrize("side", SIDES)
def test_a_vessel_as_wide_as_the_bound_is_of_the_wider_class(side: float):
    """A bar of 2 n - 1 voxels reads 2 n voxels wide, 2 n times the spacing."""
    for n in (1, 2, 3, 5, 6, 7):
        bar = np.zeros((24, 80), bool)
        bar[3 : 2 + 2 * n] = True
        width = 2 * n * side
        for bound in (width, round(width, 6), float(np.float32(width))):
            found = metrics.dice_by_diameter(bar, bar, spacing=(side, side), bounds_mm=(bound,))
            assert np.isnan(found[0]), (n, bound)
            assert found[1] == 1
        wider = metrics.dice_by_diameter(bar, bar, spacing=(side, side), bounds_mm=(width * 1.001,))
        assert wider[0] == 1


@pytest.mark.parametrize("side", SIDES)
def test_what_counts_as_a_branch_does_not_depend_on_the_spacing(side: float):
    """A piece of the skeleton exactly as long as wide is no branch, on every grid."""
    rng = np.random.default_rng(5)
    for _ in range(6):
        mask = np.zeros((30, 40), bool)
        mask[8:15] = True
        for at in rng.integers(2, 36, 4):
            mask[15 : 15 + rng.integers(2, 12), at : at + rng.integers(1, 5)] = True
        in_voxels = metrics.diameter_map(mask)
        found = metrics.diameter_map(mask, spacing=(side, side))
        assert found == pytest.approx(in_voxels * side, rel=1e-5)


def test_a_share_of_95_percent_is_reached_at_95_percent():
    """Twenty equal weights: the 19th smallest distance is the percentile, however weights round."""
    for weight in (0.1, 0.3, 0.7, 1 / 3, 1.1):
        far, weights = np.arange(20.0), np.full(20, weight)
        found = metrics.SurfaceDistances(far, far, weights, weights)
        assert found.percentile(95, "area") == 18


def test_branches_on_the_limit_of_80_percent_are_detected():
    for length in range(5, 60, 5):
        row = np.zeros((5, 70), bool)
        row[2, 3 : 3 + length] = True
        found = metrics.branch_report(row & (np.arange(70) < 3 + length * 4 // 5), row)
        assert (found.length_detected, found.branches_detected) == (length * 4 // 5, 1)


def plain_comparison(length, limit):
    return length <= limit


def within() -> None:
    test_a_distance_on_the_tolerance_is_within(0.1, 2)


def on_the_bound() -> None:
    test_a_vessel_as_wide_as_the_bound_is_of_the_wider_class(0.1)


for file in ("surface_distance", "centerline", "hallucination"):
    planted(file, "at_most", within)(plain_comparison)


@planted("calibre", "below", on_the_bound)
def plainly_below(length, limit):
    return length < limit


@planted.each()
def test_the_bug_is_caught(monkeypatch, place, name, bug, check):
    planted.catch(monkeypatch, place, name, bug, check)
