"""Folders as people lay them out: flat, one per case, one per class; missing predictions."""

from pathlib import Path

import numpy as np
import pytest

from tests.evaluation.scenes import SPACING, command, run, table, tube
from tubekit import metrics
from tubekit.data.encode import write_label
from tubekit.evaluation.files import Options
from tubekit.evaluation.pairs import find_pairs


def write(root: Path, side: str, name: str, mask: np.ndarray) -> None:
    write_label(root / side / f"{name}.nii.gz", mask, SPACING)


def write_both(root: Path, pred: str, label: str, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A tube and a prediction that lacks its end."""
    true = tube(seed)
    found = true.copy()
    found[..., 2 : 4 + seed] = 0
    write(root, "preds", pred, found)
    write(root, "labels", label, true)
    return found, true


def names(root: Path, layout: str = "auto") -> list[str]:
    return [pair.name for pair in find_pairs(root / "preds", root / "labels", layout)[0]]


def test_one_file_in_each_folder_is_the_case_of_that_name(tmp_path: Path):
    for case, label in (("case_01", "seg"), ("case_02", "l"), ("deep/case_03", "label")):
        write_both(tmp_path, f"{case}/prediction", f"{case}/{label}")
    assert names(tmp_path) == ["case_01", "case_02", "deep/case_03"]
    assert [r.name for r in run(tmp_path).results] == ["case_01", "case_02", "deep/case_03"]


def test_flat_predictions_meet_labels_in_folders(tmp_path: Path):
    write_both(tmp_path, "case_01", "case_01/seg")
    write_both(tmp_path, "case_02", "case_02/seg")
    assert names(tmp_path) == ["case_01", "case_02"]


def test_files_beside_folders_are_paired_alone(tmp_path: Path):
    write_both(tmp_path, "a", "a")
    write(tmp_path, "preds", "old/a", tube(1))
    write(tmp_path, "labels", "unused/a", tube(1))
    assert names(tmp_path) == ["a"]


def test_what_is_ambiguous_says_what_to_type(tmp_path: Path):
    for case in ("case_01", "case_02"):
        for organ in ("aorta", "cava"):
            write_both(tmp_path, f"{case}/{organ}", f"{case}/{organ}")
    shown = str(command(tmp_path).exception)
    assert "case_01/aorta, case_01/cava, case_02/aorta" in shown
    for words in ("--layout case/class", "class/case", "or case"):
        assert words in shown
    assert names(tmp_path, "case") == [
        *("case_01/aorta", "case_01/cava", "case_02/aorta", "case_02/cava")
    ]
    assert "layout must be one of 'auto'" in str(command(tmp_path, "--layout", "x").exception)


@pytest.mark.parametrize("layout", ["case/class", "class/case"])
def test_a_file_for_each_class(tmp_path: Path, layout: str, drawn):
    masks: dict[tuple[str, str], tuple[np.ndarray, np.ndarray]] = {}
    for at, case in enumerate(("case_01", "case_02")):
        for seed, organ in enumerate(("aorta", "cava")):
            place = f"{case}/{organ}" if layout == "case/class" else f"{organ}/{case}"
            masks[case, organ] = write_both(tmp_path, place, place, (at + seed) % 3)
    found = run(tmp_path, Options(from_header=True, layout=layout))
    assert [r.name for r in found.results] == ["case_01", "case_02"]
    for result in found.results:
        single = {}
        for organ in ("aorta", "cava"):
            single[organ] = metrics.case_report(*masks[result.name, organ], spacing=SPACING).values
            for metric, value in single[organ].items():
                np.testing.assert_equal(result.values[f"{metric}/{organ}"], value)
        both = np.mean([values["hd95"] for values in single.values()])
        assert result.values["hd95/mean"] == both
        assert "hd95/union" not in result.values
    rows = table(tmp_path / "out" / "tidy.csv")
    assert {row["class"] for row in rows} == {"aorta", "cava", "mean"}
    page = found.report.read_text()
    assert page.count("<img") == 2
    assert "one file each" in page


def test_a_file_for_each_class_holds_one(tmp_path: Path):
    for organ in ("aorta", "cava"):
        write_both(tmp_path, f"case_01/{organ}", f"case_01/{organ}")
    for words in (("--classes", "3"), ("--labels", "1,2")):
        refused = command(tmp_path, "--layout", "case/class", *words)
        assert "expected one class in each file of the layout case/class" in str(refused.exception)
    named = command(tmp_path, "--layout", "case/class", "--names", "background,artery,vein")
    assert named.exit_code == 0, named.output
    assert {r["class"] for r in table(tmp_path / "out/tidy.csv")} == {"aorta", "cava", "mean"}


def test_a_case_without_one_of_its_classes_has_no_mean(tmp_path: Path):
    for case in ("case_01", "case_02"):
        for organ in ("aorta", "cava", "iliac"):
            write_both(tmp_path, f"{case}/{organ}", f"{case}/{organ}")
    (tmp_path / "preds/case_01/aorta.nii.gz").unlink()
    (tmp_path / "preds/case_01/cava.nii.gz").write_bytes(b"")
    found = run(tmp_path, Options(layout="case/class"))
    assert [r.name for r in found.results] == ["case_02"]
    (failure,) = found.failures
    assert failure.name == "case_01"
    assert "no prediction for" in failure.reason
    assert "expected a complete .nii.gz file" in failure.reason


def test_a_class_empty_in_both_files_is_in_no_mean(tmp_path: Path):
    write_both(tmp_path, "case_01/aorta", "case_01/aorta")
    for side in ("preds", "labels"):
        write(tmp_path, side, "case_01/cava", np.zeros((6, 12, 14), int))
    found = run(tmp_path, Options(layout="case/class", empty="perfect")).results[0]
    assert found.values["dice/cava"] == 1
    assert found.values["dice/mean"] == found.values["dice/aorta"] < 1
    assert found.absent == ("cava",)


def test_a_missed_case_counts_on_request(tmp_path: Path):
    for name in ("good", "missing", "damaged", "shape"):
        write_both(tmp_path, name, name)
    (tmp_path / "preds/missing.nii.gz").unlink()
    (tmp_path / "preds/damaged.nii.gz").write_bytes(b"")
    write(tmp_path, "preds", "shape", tube(0, (5, 12, 14)))
    assert command(tmp_path).exit_code == 1
    shown = command(tmp_path, "--penalty-mm", "50", "--spacing-from-header")
    assert shown.exit_code == 0, shown.output
    rows = {row["case"]: row for row in table(tmp_path / "out" / "cases.csv")}
    for name in ("missing", "damaged", "shape"):
        assert (rows[name]["dice"], rows[name]["hd95"]) == ("0.0", "50.0")
        assert "Counted as an empty prediction: " in rows[name]["notes"]
        assert rows[name]["error"] == ""
    assert "no prediction for" in rows["missing"]["notes"]
    assert "expected one shape" in rows["shape"]["notes"]
    summary = {row["metric"]: row for row in table(tmp_path / "out" / "summary.csv")}
    good = float(rows["good"]["dice"])
    assert float(summary["dice"]["mean"]) == pytest.approx(good / 4)
    assert summary["hd95"]["n"] == "4"
    page = (tmp_path / "out" / "report.html").read_text()
    assert "distances are 50 mm" in page
    assert "<b>missing</b>: Counted as an empty prediction" in page
    assert "penalty_mm must be above 0" in str(command(tmp_path, "--penalty-mm", "0").exception)


def test_a_label_that_cannot_be_read_is_no_missed_case(tmp_path: Path):
    write_both(tmp_path, "good", "good")
    write_both(tmp_path, "bad", "bad")
    (tmp_path / "labels/bad.nii.gz").write_bytes(b"")
    found = run(tmp_path, Options(penalty_mm=50))
    assert [f.name for f in found.failures] == ["bad"]
