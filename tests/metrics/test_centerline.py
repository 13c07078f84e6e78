"""clDice against known answers and the recorded references."""

import numpy as np
import pytest

from tubekit import metrics

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
    """The authors' code returns NaN, TopCoW's 0; ours 1 for both empty and 0 for one."""
    inputs, reference = oracle("inputs"), oracle("cldice_metric")
    empty, tree = inputs["empty2d"], inputs["tree2d_a"]
    assert np.isnan(reference["empty2d__cldice_official__self"])
    assert reference["empty2d__cldice_topcow__self"] == 0
    assert metrics.cldice(empty, empty) == 1
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
