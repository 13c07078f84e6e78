"""Conventions of a report: classes asked for, absent ones, empty masks, an ignored value, names."""

import inspect

import numpy as np
import pytest

from tests.planting import Planted
from tubekit import metrics

from . import test_contract as contract

planted = Planted("tubekit.metrics")
AGREEING = ("dice", "iou", "cldice", "centerline_f1", "hallucination_rate")


def labels() -> tuple[np.ndarray, np.ndarray]:
    """Class 1 perfect, class 2 found by a third (Dice 0.5), class 15 nowhere, 7 in the target."""
    target = np.zeros((14, 14), int)
    target[2:5, 2:12] = 1
    pred = target.copy()
    target[8:10, :6], pred[8:10, :2] = 2, 2
    target[12, 12] = 7
    return pred, target


def test_two_empty_masks_are_undefined_unless_they_agree():
    nothing = np.zeros((5, 6, 7), bool)
    for name in AGREEING:
        metric = getattr(metrics, name)
        assert np.isnan(metric(nothing, nothing)), name
        perfect = 0 if name == "hallucination_rate" else 1
        assert metric(nothing, nothing, empty="perfect") == perfect, name
        with pytest.raises(ValueError, match="empty must be one of 'nan', 'perfect', got 'one'"):
            metric(nothing, nothing, empty="one")
    assert np.isnan(metrics.nsd(nothing, nothing, tolerance_mm=1))
    assert metrics.nsd(nothing, nothing, tolerance_mm=1, empty="perfect") == 1
    found = metrics.case_report(nothing, nothing, empty="perfect", nsd=("count", "area"))
    for name in (*AGREEING, "nsd_1mm", "nsd_1mm_area"):
        assert found.values[name] == float(name != "hallucination_rate"), name
        assert found.policy[name].endswith(f", {found.values[name]:g}")
    assert np.isnan([found.values[name] for name in ("precision", "recall", "hd95")]).all()
    assert found.to_dict()["empty"] == "perfect"


def test_the_convention_changes_nothing_else():
    some, other = np.zeros((2, 6, 7), bool)
    some[2, 1:4] = True
    for masks in ((some, other), (other, some), (some, some), (some, np.roll(some, 1))):
        plain = metrics.case_report(*masks).values
        np.testing.assert_equal(metrics.case_report(*masks, empty="perfect").values, plain)


def test_absent_classes_are_named_and_undefined():
    found = metrics.case_report(*labels(), classes=20)
    assert found.absent == tuple(str(k) for k in range(1, 21) if k not in (1, 2, 7))
    values = found.values
    assert (values["dice/1"], values["dice/2"], values["dice/7"]) == (1, 0.5, 0)
    assert np.isnan(values["dice/15"])
    assert values["dice/mean"] == 0.5
    assert "In neither map: class 3, 4" in str(found)
    agreed = metrics.case_report(*labels(), classes=20, empty="perfect").values
    assert agreed["dice/15"] == 1
    assert agreed["dice/mean"] == 0.5  # no mean over classes counts what is nowhere


def test_absent_classes_cost_no_computation(monkeypatch):
    calls = []
    report = planted.module("report")
    original = report.Parts
    monkeypatch.setattr(report, "Parts", lambda *a: calls.append(1) or original(*a))
    metrics.case_report(*labels(), classes=200)
    assert len(calls) == 1 + 3 + 1  # union, three classes, one for all absent


@pytest.mark.parametrize("listed", [[1, 2], (2, 1), np.array([1, 2]), [np.uint8(1), np.int64(2)]])
def test_a_list_of_classes(listed):
    pred, target = labels()
    target[0] = 900  # not asked for
    found = metrics.case_report(pred, target, classes=listed).values
    clean = [np.where(m > 2, 0, m) for m in (pred, target)]
    expected = metrics.case_report(*clean, classes=2).values
    np.testing.assert_equal({k: found[k] for k in expected}, expected)
    assert set(found) == set(expected)
    alone = metrics.case_report(pred, target, classes=[2])
    assert alone.values["dice"] == 0.5
    only = metrics.evaluate_case(pred, target, classes=[2], metrics={"dice": metrics.dice})
    assert only == {"dice": 0.5}


def test_lists_that_are_none(unchecked):
    for classes in ([], [1, 1], [0, 1], [1.0], [True]):
        with pytest.raises(ValueError, match="class"):
            metrics.case_report(*labels(), classes=classes)


def test_ignored_voxels_do_not_count():
    pred, target = labels()
    hidden = target.copy()
    hidden[8:10, 3:6] = 255  # half of class 2: two thirds of the rest are found
    hidden[2, 2:5] = 255
    found = metrics.case_report(pred, hidden, classes=7, ignore=255)
    assert found.values["dice/2"] == 2 * 4 / (4 + 6)
    assert found.values["dice/1"] == 1  # the prediction there does not count either
    assert "9 voxels were left out" in found.notes[0]
    seen = hidden != 255
    by_hand = metrics.counts((pred == 2)[seen][None], (target == 2)[seen][None])
    assert found.values["false_positive_rate/2"] == by_hand.false_positive_rate
    wrong = pred.copy()
    wrong[8:10, 3:6] = 1
    again = metrics.case_report(wrong, hidden, classes=7, ignore=np.int16(255)).values
    np.testing.assert_equal(again, found.values)
    with pytest.raises(ValueError, match=r"target must lie in 0\.\.7, got 0\.\.255"):
        metrics.case_report(pred, hidden, classes=7)
    below = metrics.case_report(pred, np.where(hidden == 255, -1, hidden), classes=7, ignore=-1)
    np.testing.assert_equal(below.values, found.values)


def test_a_penalty_stands_for_distances_that_do_not_exist():
    pred, target = labels()
    found = metrics.case_report(pred, target, classes=7, penalty_mm=40, hd95=("max", "area"))
    for name in ("hausdorff", "hd95", "hd95_area", "assd", "average_hausdorff_max"):
        assert found.values[f"{name}/7"] == 40, name
        assert found.values[f"{name}/2"] < 10, name
        assert np.isnan(found.values[f"{name}/3"]), name
        assert found.policy[name] == "40, 40, undefined"
    assert found.values["dice/7"] == 0
    assert np.isnan(metrics.case_report(pred, target, classes=7).values["hd95/7"])


def test_names_and_a_tidy_table():
    names = {0: "background", 1: "artery", 2: "vein"}
    found = metrics.case_report(*labels(), classes=[1, 2], names=names)
    assert found.values["dice/vein"] == 0.5
    assert "dice/2" not in found.values
    frame = found.to_frame()
    assert list(frame.columns) == ["class", "metric", "value"]
    assert set(frame["class"]) == {"artery", "vein", "mean", "union"}
    row = frame[(frame["class"] == "vein") & (frame["metric"] == "dice")]
    assert row["value"].tolist() == [0.5]
    assert len(frame) == len(found.values)
    binary = metrics.case_report(*(m == 1 for m in labels()), names=names).to_frame()
    assert set(binary["class"]) == {"artery"}
    assert set(metrics.case_report(*(m == 1 for m in labels())).to_frame()["class"]) == {"1"}


@planted("report", "_settled", test_two_empty_masks_are_undefined_unless_they_agree)
def nothing_settled(value, measure, parts, empty, penalty_mm):
    return value


@planted("cases", "_present", test_absent_classes_are_named_and_undefined)
def absent_classes_measured(pred, target, classes):
    return list(classes)


@planted("report", "_settled", test_a_penalty_stands_for_distances_that_do_not_exist)
def penalty_forgotten(value, measure, parts, empty, penalty_mm):
    return value


@planted.each()
def test_the_bug_is_caught(monkeypatch, place, name, bug, check):
    planted.catch(monkeypatch, place, name, bug, check)


def test_the_contract_knows_every_metric_with_the_convention():
    with_argument = {
        name
        for name in metrics.__all__
        if inspect.isfunction(f := getattr(metrics, name))
        and "empty" in inspect.signature(f).parameters
    }
    assert with_argument == {*AGREEING, "nsd", "case_report"}
    assert all(np.isnan(contract.EMPTY[name][2]) for name in with_argument - {"case_report"})


def test_the_only_class_of_a_list_has_its_number():
    mask = np.zeros((12, 12), int)
    mask[3:9, 3:9] = 15
    assert metrics.case_report(mask, mask, classes=[15]).of_class == "15"
    assert set(metrics.case_report(mask, mask, classes=[15]).to_frame()["class"]) == {"15"}
    named = metrics.case_report(mask, mask, classes=[15], names={np.int64(15): "vein"})
    assert named.of_class == "vein"
    assert metrics.case_report(mask > 0, mask > 0).of_class == "1"


@pytest.mark.parametrize("penalty", [0, -1.0, np.inf, np.nan])
def test_a_penalty_is_a_length(penalty):
    mask = np.ones((5, 5), bool)
    with pytest.raises(ValueError, match="penalty_mm must be above 0 and finite, got"):
        metrics.case_report(mask, mask, penalty_mm=penalty)
