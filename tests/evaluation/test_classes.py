"""`tubekit evaluate` and classes: absent ones, lists, names, the ignored value, tidy tables."""

import json
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest

from tests.evaluation.scenes import SPACING, command, run, table
from tubekit import metrics
from tubekit.data.encode import nifti, png, write_label
from tubekit.data.storage import write_atomic
from tubekit.evaluation import summary


def write_rare(root: Path, cases: int = 4) -> None:
    """Class 1 is perfect; class 2 occurs in the last case alone, with Dice 0.5."""
    for case in range(cases):
        label = np.zeros((6, 12, 12), int)
        label[1:3] = 1
        pred = label.copy()
        if case == cases - 1:  # not in the first, whose classes are not those of all
            label[4:, :6], pred[4:, :2] = 2, 2
        write_label(root / "labels" / f"c{case}.nii.gz", label, SPACING)
        write_label(root / "preds" / f"c{case}.nii.gz", pred, SPACING)


def of_summary(root: Path) -> dict[str, dict[str, str]]:
    return {row["metric"]: row for row in table(root / "out" / "summary.csv")}


def test_a_rare_class_is_not_flattered(tmp_path: Path):
    """0/0 as 1 would be a mean of 0.875."""
    write_rare(tmp_path)
    assert command(tmp_path, "--classes", "2").exit_code == 0
    row = of_summary(tmp_path)["dice/2"]
    assert (row["mean"], row["n"], row["n_undefined"], row["both_empty"]) == (
        "0.5",
        "1",
        "3",
        "nan",
    )
    for name in ("iou/2", "nsd_1mm/2", "cldice/2", "centerline_f1/2", "hallucination_rate/2"):
        assert of_summary(tmp_path)[name]["n"] == "1", name
    page = (tmp_path / "out" / "report.html").read_text()
    assert "undefined: counted, and left out of means" in page
    assert "1 of 4" in page
    command(tmp_path, "--classes", "2", "--empty", "perfect")
    row = of_summary(tmp_path)["dice/2"]
    assert (row["mean"], row["n"], row["both_empty"]) == ("0.875", "4", "perfect")
    assert "perfect agreement" in (tmp_path / "out" / "report.html").read_text()


def test_ghost_classes_are_reported_once(tmp_path: Path):
    write_rare(tmp_path, cases=2)
    shown = command(tmp_path, "--classes", "200")
    assert "in no prediction and no label: class 3, 4, 5" in shown.stdout
    assert "and 186 more" in shown.stdout
    columns = pd.read_csv(tmp_path / "out" / "cases.csv").columns
    classes = {name.partition("/")[2] for name in columns if "/" in name}
    assert classes == {"1", "2", "mean", "union"}
    assert set(pd.read_csv(tmp_path / "out" / "tidy.csv")["class"].astype(str)) == classes
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count("and 186 more") == 1
    assert len(columns) < 130


def test_classes_by_list_and_by_name(tmp_path: Path):
    write_rare(tmp_path)
    assert command(tmp_path, "--labels", "2").exit_code == 0
    assert of_summary(tmp_path)["dice"]["mean"] == "0.5"
    command(tmp_path, "--labels", "1,2,15", "--names", "background,artery,vein")
    rows = of_summary(tmp_path)
    assert rows["dice/artery"]["mean"] == "1.0"
    assert rows["dice/vein"]["mean"] == "0.5"
    assert not any("15" in name for name in rows)
    names = tmp_path / "dataset.json"
    names.write_text(json.dumps({"labels": {"background": 0, "artery": 1, "vein": 2}}))
    command(tmp_path, "--names", str(names))  # the classes are those that have names
    assert of_summary(tmp_path)["dice/vein"]["mean"] == "0.5"
    tidy = pd.read_csv(tmp_path / "out" / "tidy.csv")
    assert list(tidy.columns) == ["case", "class", "metric", "value"]
    row = tidy[(tidy["case"] == "c3") & (tidy["class"] == "vein") & (tidy["metric"] == "dice")]
    assert row["value"].tolist() == [0.5]
    wide = pd.read_csv(tmp_path / "out" / "cases.csv")
    assert len(tidy) == 4 * sum("/" in name for name in wide.columns)
    assert '<th scope="row">vein</th>' in (tmp_path / "out" / "report.html").read_text()
    both = command(tmp_path, "--labels", "1", "--classes", "2")
    assert "got both" in str(both.exception)
    assert "e.g. 1,2,15" in str(command(tmp_path, "--labels", "1;2").exception)


def test_the_ignored_value(tmp_path: Path):
    label = np.zeros((14, 14), np.uint8)
    label[2:8, 2:8] = 1
    pred = label.copy()
    pred[2:8, 8:10] = 1  # invented, where nobody looked
    label[:, 8:] = 255
    for side, mask in (("labels", label), ("preds", pred)):
        write_atomic(tmp_path / side / "x.png", png(mask))
    refused = command(tmp_path)
    assert "--ignore 255 where that marks unlabelled voxels" in refused.output
    assert command(tmp_path, "--ignore", "255").exit_code == 0
    (row,) = table(tmp_path / "out" / "cases.csv")
    assert (row["dice"], row["false_positive_rate"]) == ("1.0", "0.0")
    assert "84 voxels were left out" in row["notes"]
    assert "voxels whose label is 255" in (tmp_path / "out" / "report.html").read_text()
    assert "none of the classes" in str(command(tmp_path, "--ignore", "1").exception)
    # Masks stored as 0 and 255 beside another ignored value.
    stored = np.where(label == 255, 128, label * 255).astype(np.uint8)
    write_atomic(tmp_path / "labels" / "x.png", png(stored))
    command(tmp_path, "--ignore", "128")
    assert table(tmp_path / "out" / "cases.csv")[0]["dice"] == "1.0"


def test_a_mark_is_named_only_where_it_helps(tmp_path: Path):
    label = np.zeros((14, 14), np.uint8)
    label[2:8, 2:8] = 1
    for side, marked in (("labels", 254), ("preds", 255)):
        stored = label.copy()
        stored[10:] = marked
        write_atomic(tmp_path / side / "x.png", png(stored))
    said = " ".join(command(tmp_path, "--ignore", "254").output.split())
    assert "preds/x.png: expected whole numbers 0..1, got values 0..255 of type uint8; pass" in said
    assert "--ignore" not in said


@pytest.mark.parametrize("words", [(), ("--labels", "1")])
def test_values_that_are_no_numbers_are_refused(tmp_path: Path, words: tuple[str, ...]):
    label = np.zeros((6, 12, 12), np.float32)
    label[2:4, 2:8] = 1
    write_label(tmp_path / "labels" / "x.nii.gz", label.astype(int), SPACING)
    for odd in (np.inf, np.nan):
        pred = np.where(label > 0, np.float32(odd), label)
        write_atomic(tmp_path / "preds" / "x.nii.gz", nifti(pred, SPACING))
        said = " ".join(command(tmp_path, *words).output.split())
        assert f"expected whole numbers, one a class, got {odd} at 144 of 864 places" in said
    command(tmp_path, *words, "--penalty-mm", "50")  # counts as an empty prediction
    assert table(tmp_path / "out" / "cases.csv")[0]["dice"] == "0.0"


def test_the_picture_shows_what_is_measured(tmp_path: Path, drawn):
    label = np.zeros((20, 22), np.uint8)
    label[4:10, 4:10] = 1
    pred = label.copy()
    pred[4:10, 14:18] = 1  # where nobody looked
    label[:, 12:] = 9
    write_atomic(tmp_path / "labels" / "x.png", png(label))
    write_atomic(tmp_path / "preds" / "x.png", png(pred))
    command(tmp_path, "--ignore", "9")
    assert table(tmp_path / "out" / "cases.csv")[0]["precision"] == "1.0"
    page = (tmp_path / "out" / "report.html").read_text()
    assert "36 pixels found, 0 invented, 0 missed" in page


def test_one_class_that_no_file_holds_is_said(tmp_path: Path):
    write_rare(tmp_path, cases=1)
    shown = command(tmp_path, "--labels", "5")
    assert "in no prediction and no label: class 5" in shown.stdout
    assert "dice" in of_summary(tmp_path)
    assert "class 5: undefined in all cases" in (tmp_path / "out" / "report.html").read_text()


def test_a_stored_mask_is_class_1_however_it_is_asked_for(tmp_path: Path):
    mask = np.zeros((12, 12), np.uint8)
    mask[3:8, 3:8] = 255
    for side in ("labels", "preds"):
        write_atomic(tmp_path / side / "x.png", png(mask))
    command(tmp_path, "--labels", "1")
    assert table(tmp_path / "out" / "cases.csv")[0]["dice"] == "1.0"
    shown = command(tmp_path, "--ignore", "255")  # which leaves the whole vessel out
    assert "in no prediction and no label: class 1" in shown.stdout
    notes = table(tmp_path / "out" / "cases.csv")[0]["notes"]
    assert "The label holds no class, only the ignored value 255." in notes


def test_the_ignored_class_of_nnunet(tmp_path: Path):
    write_rare(tmp_path, cases=1)
    path = tmp_path / "labels" / "c0.nii.gz"
    label = np.asarray(nibabel.load(path).dataobj).T.astype(int)
    label[4:, 2:6] = 3
    write_label(path, label, SPACING)
    (tmp_path / "d.json").write_text(
        json.dumps({"labels": {"background": 0, "artery": 1, "vein": 2, "ignore": 3}})
    )
    command(tmp_path, "--names", str(tmp_path / "d.json"))
    assert of_summary(tmp_path)["dice/vein"]["mean"] == "1.0"
    assert "dice/ignore" not in of_summary(tmp_path)


def test_negative_ignored_values_and_labels_a_little_off(tmp_path: Path):
    label = np.zeros((6, 12, 12), np.float32)
    label[2:4, 2:8] = 1
    for side, values in (("preds", label * np.float32(0.99999994)), ("labels", label - 2e-5)):
        marked = values.copy()
        if side == "labels":
            marked[:, 10:] = -1
        write_atomic(tmp_path / side / "x.nii.gz", nifti(marked.astype(np.float32), SPACING))
    assert "--ignore -1" in command(tmp_path).output
    assert command(tmp_path, "--ignore", "-1").exit_code == 0
    assert table(tmp_path / "out" / "cases.csv")[0]["dice"] == "1.0"
    write_atomic(tmp_path / "preds" / "x.nii.gz", nifti(label * np.float32(0.9), SPACING))
    said = " ".join(command(tmp_path, "--ignore", "-1").output.split())
    assert "expected whole numbers, one a class, got 0.9 at 144 of 864 places" in said


def test_one_slice_is_noted(tmp_path: Path):
    mask = np.zeros((1, 20, 22), int)
    mask[0, 4:12, 5:15] = 1
    write_label(tmp_path / "labels" / "x.nii.gz", mask, SPACING)
    write_label(tmp_path / "preds" / "x.nii.gz", np.roll(mask, 1, 1), SPACING)
    found = run(tmp_path).results[0]
    image = metrics.case_report(np.roll(mask[0], 1, 0), mask[0], spacing=SPACING[1:]).values
    np.testing.assert_equal(found.values, image)
    (row,) = table(tmp_path / "out" / "cases.csv")
    assert "one slice (1 x 20 x 22 voxels)" in row["notes"]
    assert "one slice" in (tmp_path / "out" / "report.html").read_text()


def test_resamples_are_those_drawn_one_by_one():
    for n in (2, 3, 5, 8, 9, 129):
        values = np.random.default_rng(n).normal(size=n)
        rng = np.random.default_rng(0)
        means = [rng.choice(values, n).mean() for _ in range(2000)]
        low, high = np.percentile(means, [2.5, 97.5])
        assert summary.bootstrap_interval(values) == (low, high), n
