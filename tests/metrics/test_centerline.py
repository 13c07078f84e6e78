"""clDice against known answers and the recorded references."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from tubekit import metrics
from tubekit.geometry import skeletonize

from .test_contract import masks

TUBES = ("tree2d_a", "ring2d", "two2d", "tree3d_a", "ring3d", "two3d")
NAMES = {"tprec": metrics.topology_precision, "tsens": metrics.topology_sensitivity}


def line(start: int, stop: int) -> np.ndarray:
    """A horizontal line one pixel thick: its own skeleton."""
    mask = np.zeros((5, 40), bool)
    mask[2, start:stop] = True
    return mask


def test_cldice_by_hand():
    """20 predicted pixels, 15 of them on a true line of 30."""
    pair = line(15, 35), line(0, 30)
    assert metrics.topology_precision(*pair) == pytest.approx(15 / 20)
    assert metrics.topology_sensitivity(*pair) == pytest.approx(15 / 30)
    assert metrics.cldice(*pair) == pytest.approx(2 * 0.75 * 0.5 / 1.25)


def test_a_thicker_prediction_costs_next_to_nothing():
    thick = np.zeros((5, 40), bool)
    thick[1:4, :] = True
    assert metrics.topology_sensitivity(thick, line(0, 40)) == 1
    # Thinning bends the end of the line by one pixel.
    assert metrics.topology_precision(thick, line(0, 40)) == pytest.approx(38 / 39)
    assert metrics.precision(thick, line(0, 40)) == pytest.approx(1 / 3)


def test_disjoint_masks_score_zero():
    assert metrics.cldice(line(0, 10), line(20, 30)) == 0


@pytest.mark.parametrize("name", TUBES)
def test_references(oracle, name: str):
    inputs, reference = oracle("inputs"), oracle("cldice_metric")
    pred, target = inputs[f"{name}__pred"], inputs[name]
    for key, metric in NAMES.items():
        expected = float(reference[f"{name}__{key}__pred_vs_gt"])
        assert metric(pred, target) == pytest.approx(expected, rel=1e-6)
    for key in ("official", "topcow"):
        expected = float(reference[f"{name}__cldice_{key}__pred_vs_gt"])
        assert metrics.cldice(pred, target) == pytest.approx(expected, rel=1e-6)
    assert metrics.cldice(target, target) == reference[f"{name}__cldice_official__self"] == 1


def test_references_on_a_full_and_a_foreign_prediction(oracle):
    inputs, reference = oracle("inputs"), oracle("cldice_metric")
    for tag, other in (("fullpred", "full2d"), ("other", "two2d")):
        got = metrics.cldice(inputs[other], inputs["tree2d_a"])
        assert got == pytest.approx(float(reference[f"tree2d_a__cldice_official__{tag}"]), rel=1e-6)


def test_empty_masks_differ_from_the_references_on_purpose(oracle):
    """The authors' code returns NaN, TopCoW's 0; ours NaN for both empty, 0 for one."""
    inputs, reference = oracle("inputs"), oracle("cldice_metric")
    empty, tree = inputs["empty2d"], inputs["tree2d_a"]
    assert np.isnan(reference["empty2d__cldice_official__self"])
    assert reference["empty2d__cldice_topcow__self"] == 0
    assert np.isnan(metrics.cldice(empty, empty))
    assert metrics.cldice(empty, empty, empty="perfect") == 1
    for tag, pair in (("emptypred", (empty, tree)), ("emptygt", (tree, empty))):
        assert np.isnan(reference[f"tree2d_a__cldice_official__{tag}"])
        assert reference[f"tree2d_a__cldice_topcow__{tag}"] == metrics.cldice(*pair) == 0
    # An empty prediction has no precision there, and precision 0 here.
    assert np.isnan(reference["tree2d_a__tprec__emptypred"])
    assert metrics.topology_precision(empty, tree) == 0


def test_a_box_keeps_its_skeleton(oracle):
    """The 3-D thinning of the references deletes a full box, and its score is undefined."""
    full, reference = oracle("inputs")["full3d"], oracle("cldice_metric")
    assert np.isnan(reference["full3d__cldice_official__self"])
    assert metrics.cldice(full, full) == 1


# --- F1 of the lines


def test_f1_by_hand():
    """True: 0..27 and 38, 39. Predicted: 18..37, of which 18..29, 36 and 37 are near enough."""
    pred, target = line(18, 38), line(0, 28) | line(38, 40)
    precise, sensitive = 14 / 20, (12 + 2) / 30  # 16..27, 38 and 39
    expected = 2 * precise * sensitive / (precise + sensitive)
    assert metrics.centerline_f1(pred, target) == pytest.approx(expected)
    assert metrics.centerline_f1(target, pred) == pytest.approx(expected)


def test_f1_jumps_at_its_tolerance():
    pred, target = line(0, 40), np.roll(line(0, 40), 2, 0)
    assert metrics.centerline_f1(pred, target) == 1
    assert metrics.centerline_f1(pred, target, tolerance_mm=1.99) == 0
    assert metrics.centerline_f1(pred, target, spacing=(1.01, 0.1)) == 0
    assert metrics.centerline_f1(pred, target, spacing=(1.0, 9.0)) == 1
    assert metrics.centerline_f1(pred, target, spacing=(1.5, 0.1), tolerance_mm=3.0) == 1
    assert metrics.centerline_f1(pred, target, tolerance_mm=0) == 0
    assert metrics.centerline_f1(pred, pred, tolerance_mm=0) == 1


def test_f1_does_not_ask_for_widths():
    """A wide prediction of a thin line, and a thin one of a wide vessel."""
    wide = np.zeros((30, 60), bool)
    wide[8:21] = True
    thin = np.zeros_like(wide)
    thin[14] = True
    for pair in ((wide, thin), (thin, wide)):
        # Thinning shortens the wide one by less than half its width at each end.
        assert metrics.centerline_f1(*pair) > 0.8
        assert metrics.dice(*pair) < 0.15
    beside = np.roll(thin, 5, 0)  # inside the wide vessel, so right for clDice's precision
    assert metrics.topology_precision(beside, wide) == 1
    assert metrics.centerline_f1(beside, wide) < 0.2


@settings(max_examples=60, deadline=None)
@given(pair=masks, tolerance=st.floats(0, 4))
def test_f1_equals_the_table_of_all_distances(pair, tolerance):
    spacing = (0.7, 1.3, 2.0)[: pair[0].ndim]
    found = metrics.centerline_f1(*pair, spacing=spacing, tolerance_mm=tolerance)
    if all(mask.any() for mask in pair):
        table = cdist(*(np.argwhere(skeletonize(mask)) * spacing for mask in pair))
        precise = (table.min(axis=1) <= tolerance).mean()
        sensitive = (table.min(axis=0) <= tolerance).mean()
        both = precise + sensitive
        assert found == pytest.approx(2 * precise * sensitive / both if both else 0)
    wider = metrics.centerline_f1(*pair, spacing=spacing, tolerance_mm=tolerance + 0.5)
    assert wider >= found or np.isnan([wider, found]).all()
    doubled = metrics.centerline_f1(
        *pair, spacing=tuple(2 * s for s in spacing), tolerance_mm=2 * tolerance
    )
    assert doubled == found or np.isnan([doubled, found]).all()


def test_f1_errors():
    for tolerance in (-1.0, float("nan")):
        with pytest.raises(ValueError, match="tolerance_mm must be at least 0"):
            metrics.centerline_f1(line(0, 9), line(0, 9), tolerance_mm=tolerance)
