"""Surface distances of shapes whose distances are known, beside a peer's."""

import math

import numpy as np
import pytest

from tubekit import metrics
from tubekit.evaluation.analytic import analytic_pairs, analytic_rows

PAIRS = list(analytic_pairs())
every_pair = pytest.mark.parametrize("pair", PAIRS, ids=[pair.name for pair in PAIRS])


@every_pair
def test_distances_are_exact_up_to_the_grid(pair):
    found = metrics.case_report(pair.pred, pair.target, spacing=pair.spacing).values
    assert abs(found["hausdorff"] - pair.hausdorff_mm) <= pair.grid_mm + 1e-12
    if not math.isnan(pair.mean_mm):
        assert abs(found["assd"] - pair.mean_mm) <= pair.grid_mm + 1e-12
    if pair.hausdorff_mm == pair.mean_mm and not pair.grid_mm:  # all distances are one
        assert found["hd95"] == pytest.approx(pair.hausdorff_mm, abs=1e-12)


@pytest.mark.parametrize(
    "pair", [p for p in PAIRS if p.hausdorff_mm == p.mean_mm and not p.grid_mm]
)
def test_surface_dice_jumps_at_the_one_distance(pair):
    for tolerance, expected in ((pair.mean_mm * (1 - 1e-4), 0), (pair.mean_mm, 1)):
        found = metrics.nsd(pair.pred, pair.target, tolerance_mm=tolerance, spacing=pair.spacing)
        assert found == expected


@every_pair
def test_spacing_doubles_and_axes_turn(pair):
    report = metrics.case_report(pair.pred, pair.target, spacing=pair.spacing).values
    double = tuple(2 * s for s in pair.spacing)
    larger = metrics.case_report(pair.pred, pair.target, spacing=double).values
    turned = metrics.case_report(pair.pred.T, pair.target.T, spacing=pair.spacing[::-1]).values
    for name in ("hausdorff", "hd95", "assd"):
        assert larger[name] == pytest.approx(2 * report[name], rel=1e-14)
        assert turned[name] == pytest.approx(report[name], rel=1e-14)


@pytest.mark.filterwarnings("ignore::FutureWarning")  # of the peer, about an argument of its own
def test_rows_are_at_least_as_near_as_the_peer():
    rows = analytic_rows()
    assert {row["metric"] for row in rows} == {"hausdorff", "assd"}
    for row in rows:
        assert row["tubekit_error_mm"] <= row["monai_error_mm"] + 2e-6, row  # float32 there
        assert row["tubekit_mm"] == pytest.approx(row["monai_mm"], rel=1e-5)
    exact = [row for row in rows if row["grid_mm"] == 0]
    assert max(row["tubekit_error_mm"] for row in exact) < 1e-14
    assert np.mean([row["monai_error_mm"] > 1e-9 for row in exact]) > 0  # the peer rounds
