"""`tubekit evaluate`: faults in single cases, and in what is asked."""

import json
import math
import os
from pathlib import Path

import nibabel
import numpy as np
import pytest

from tests.evaluation.scenes import SPACING, command, run, table, tube, write_case
from tubekit.data.encode import nifti, png, write_label
from tubekit.data.storage import write_atomic
from tubekit.evaluation import work
from tubekit.evaluation.files import Options
from tubekit.evaluation.pairs import Failure, Pair, find_pairs
from tubekit.types import Placed


def damage(root: Path) -> dict[str, str]:
    """Every fault at once, and words of the reason expected for it."""
    for name in ("corrupt", "shape", "missing", "place", "values", "twice", "nan"):
        write_case(root, name)
    preds, labels = root / "preds", root / "labels"
    whole = (preds / "corrupt.nii.gz").read_bytes()
    (preds / "corrupt.nii.gz").write_bytes(whole[: len(whole) // 2])
    write_label(preds / "shape.nii.gz", tube(0, (5, 12, 14)), SPACING)
    (preds / "missing.nii.gz").unlink()
    write_label(preds / "extra.nii.gz", tube(0), SPACING)
    moved = nibabel.load(labels / "place.nii.gz")
    affine = moved.affine.copy()
    affine[0, 3] += 1.0
    nibabel.save(
        nibabel.Nifti1Image(np.asarray(moved.dataobj), affine), str(preds / "place.nii.gz")
    )
    write_label(preds / "values.nii.gz", tube(0) * 7, SPACING)
    (labels / "twice.png").write_bytes(png(np.zeros((3, 3), np.uint8)))
    write_atomic(preds / "nan.nii.gz", nifti(np.full((6, 12, 14), np.nan, np.float32), SPACING))
    return {
        "corrupt": "expected a complete .nii.gz file",
        "shape": "expected one shape, got (5, 12, 14) and (6, 12, 14)",
        "missing": "no prediction for",
        "extra": "no label for",
        "place": "expected the place of the grid it belongs to, affine",
        "values": "expected whole numbers 0..1, got values 0..7",
        "twice": "several files of one name: twice.nii.gz, twice.nii.gz, twice.png",
        "nan": "expected whole numbers, one a class, got nan at 1008 of 1008 places",
    }


def test_bad_cases_are_listed_and_do_not_stop_the_rest(folders: Path):
    expected = damage(folders)
    shown = command(folders, "--spacing-from-header")
    assert shown.exit_code == 1
    assert "3 cases measured, 8 without a result" in shown.stdout
    rows = {row["case"]: row for row in table(folders / "out" / "cases.csv")}
    page = (folders / "out" / "report.html").read_text()
    for name, words in expected.items():
        assert words in rows[name]["error"], name
        assert rows[name]["dice"] == ""
        assert f"<b>{name}</b>" in page
    for both in ("shape", "place"):  # both files are named
        assert f"preds/{both}.nii.gz" in rows[both]["error"]
        assert f"labels/{both}.nii.gz" in rows[both]["error"]
    assert rows["a"]["error"] == ""
    assert {r["metric"]: r for r in table(folders / "out" / "summary.csv")}["dice"]["n"] == "3"
    assert "Traceback" not in shown.output + page


def test_no_cases_is_one_clear_error(tmp_path: Path):
    with pytest.raises(ValueError, match="expected a folder, got"):
        run(tmp_path)
    (tmp_path / "preds").mkdir()
    (tmp_path / "labels").mkdir()
    with pytest.raises(ValueError, match=r"got 0 in .* and 0 in .* and none in both"):
        run(tmp_path)
    write_label(tmp_path / "preds" / "a.nii.gz", tube(0), SPACING)
    write_label(tmp_path / "labels" / "b.nii.gz", tube(0), SPACING)
    with pytest.raises(ValueError, match=r"got 1 in .* and 1 in .* and none in both"):
        run(tmp_path)
    assert not (tmp_path / "out").exists()


def test_all_cases_bad_still_gives_a_report(tmp_path: Path):
    write_case(tmp_path, "a")
    (tmp_path / "preds" / "a.nii.gz").write_bytes(b"")
    shown = command(tmp_path)
    assert shown.exit_code == 1
    assert "0 cases measured, 1 without a result" in shown.stdout
    assert "<b>a</b>" in (tmp_path / "out" / "report.html").read_text()


def test_bad_options(folders: Path):
    both = command(folders, "--spacing", "1,1,1", "--spacing-from-header")
    assert "got both" in str(both.exception)
    assert "must be numbers" in str(command(folders, "--spacing", "1;1").exception)
    assert "must be at least 0" in str(command(folders, "--tolerance-mm", "-1").exception)
    assert "positive value per axis" in str(command(folders, "--spacing", "1,0,1").exception)
    assert command(folders, "--classes", "0").exit_code == 2
    assert not (folders / "out").exists()
    with pytest.raises(ValueError, match="jobs must be an integer of at least 1"):
        run(folders, jobs=0)


def test_a_colour_picture_is_no_label(tmp_path: Path):
    colours = np.zeros((12, 14, 3), np.uint8)
    colours[..., 1] = 1
    for side in ("labels", "preds"):
        write_atomic(tmp_path / side / "x.png", png(colours))
    assert "got a colour picture" in run(tmp_path, Options()).failures[0].reason


class Bomb:
    """Ends the process that unpacks it, as a full memory does."""

    def __reduce__(self):
        return os._exit, (1,)


@pytest.mark.slow
def test_a_process_that_dies_takes_one_case_with_it(folders: Path):
    pairs, _ = find_pairs(folders / "preds", folders / "labels")
    broken = Pair("bomb", Bomb(), pairs[0].label)  # type: ignore[arg-type]
    found = list(
        work.compute([pairs[0], broken], Options(from_header=True), folders / "out", jobs=2)
    )
    assert {r.name: isinstance(r, Failure) for r in found} == {"a": False, "bomb": True}
    assert "the process that computed it was ended" in next(
        f.reason for f in found if isinstance(f, Failure)
    )


def test_undefined_values_are_counted_not_averaged(tmp_path: Path):
    write_case(tmp_path, "a")
    empty = np.zeros((6, 12, 14), int)
    write_label(tmp_path / "labels" / "none.nii.gz", empty, SPACING)
    write_label(tmp_path / "preds" / "none.nii.gz", empty, SPACING)
    found = run(tmp_path)
    row = {r["metric"]: r for r in table(tmp_path / "out" / "summary.csv")}["hd95"]
    assert (row["n"], row["n_undefined"]) == ("1", "1")
    assert float(row["mean"]) == found.results[0].values["hd95"]
    assert row["sd"] == row["mean_low_95"] == ""
    assert math.isnan(found.results[1].values["hd95"])
    file = next(f for f in (tmp_path / "out" / "cases").iterdir() if "null" in f.read_text())
    json.loads(file.read_text(), parse_constant=pytest.fail)
    assert "(1 undefined)" in found.report.read_text()


def test_a_file_that_states_no_place_lies_where_the_other_does(tmp_path: Path):
    write_case(tmp_path, "a")
    write_case(tmp_path, "b")
    place = np.array([[0, 0, -0.5, 9], [0, 0.5, 0, 2], [2, 0, 0, -7], [0, 0, 0, 1.0]])
    for side in ("preds", "labels"):
        write_label(tmp_path / side / "b.nii.gz", tube(0), SPACING, place)
    nowhere = Placed.of(SPACING, None)
    write_label(tmp_path / "labels" / "a.nii.gz", tube(0), nowhere)
    assert len(run(tmp_path).results) == 2
    write_label(tmp_path / "preds" / "b.nii.gz", tube(0), nowhere)
    assert len(run(tmp_path).results) == 2
    write_label(tmp_path / "preds" / "b.nii.gz", tube(0), SPACING)
    (failure,) = run(tmp_path).failures
    assert "got [0.5 0 0 0; 0 0.5 0 0; 0 0 2 0]; resample it to that grid" in failure.reason
    assert "[-0.5 0 0 9; 0 0.5 0 2; 0 0 2 -7]" in failure.reason
