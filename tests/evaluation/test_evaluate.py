"""`tubekit evaluate`: numbers, file formats, restarts."""

import signal
import subprocess
import sys
from pathlib import Path

import imageio.v3 as iio
import nibabel
import numpy as np
import pytest
from typer.testing import CliRunner

from tests.evaluation.scenes import SPACING, run, table, tube
from tubekit import cli, metrics
from tubekit.data.encode import write_label
from tubekit.evaluation import summary, work
from tubekit.evaluation.files import Options, read_pair


def test_numbers_are_those_of_the_metrics(folders: Path):
    found = run(folders)
    assert [r.name for r in found.results] == ["a", "b with spaces", "c"]
    for row, result in zip(table(folders / "out" / "cases.csv"), found.results, strict=True):
        seed = "abc".index(result.name[0])
        label = tube(seed)
        pred = label.copy()
        pred[..., 2 : 4 + seed] = 0
        expected = metrics.case_report(pred, label, spacing=SPACING).values
        assert result.values == pytest.approx(expected, nan_ok=True, rel=0)
        assert row["case"] == result.name
        assert float(row["hd95"]) == expected["hd95"]
        assert row["error"] == ""
    dice = [r.values["dice"] for r in found.results]
    row = {r["metric"]: r for r in table(folders / "out" / "summary.csv")}["dice"]
    assert float(row["mean"]) == pytest.approx(np.mean(dice), rel=1e-15)
    assert float(row["sd"]) == pytest.approx(np.std(dice, ddof=1))
    assert float(row["median"]) == np.median(dice)
    assert (row["n"], row["n_undefined"]) == ("3", "0")
    assert min(dice) <= float(row["mean_low_95"]) < np.mean(dice) < float(row["mean_high_95"])


def test_spacing_rules(folders: Path):
    header = run(folders).results[0].values["hd95"]
    voxels = run(folders, Options()).results[0].values["hd95"]
    given = run(folders, Options(spacing=SPACING)).results[0].values["hd95"]
    assert header == given != voxels
    wrong = run(folders, Options(spacing=(1.0, 1.0)))
    assert not wrong.results
    assert all("spacing needs one positive value per axis" in f.reason for f in wrong.failures)


def counted(monkeypatch) -> list[str]:
    """Names of the cases that are really computed."""
    read: list[str] = []

    def reading(pair, options):
        read.append(pair.name)
        return read_pair(pair, options)

    monkeypatch.setattr(work, "read_pair", reading)
    return read


def test_only_what_changed_is_computed_again(folders: Path, monkeypatch):
    first = run(folders)
    read = counted(monkeypatch)
    assert run(folders) == first
    assert read == []
    for side, shift in (("preds", 1), ("labels", 3)):  # other content of one file, same name
        write_label(folders / side / "c.nii.gz", np.roll(tube(0), shift, 1), SPACING)
        assert run(folders).results[:2] == first.results[:2]
        assert read == ["c"]
        read.clear()
    run(folders, Options(from_header=True, tolerances_mm=(2.0,)))
    assert read == ["a", "b with spaces", "c"]
    read.clear()
    for file in (folders / "out" / "cases").iterdir():
        file.write_text(file.read_text()[:40])  # half written by something else
    assert run(folders) == run(folders)
    assert read == ["a", "b with spaces", "c"]


def test_values_beside_a_header_that_changed_are_measured_again(tmp_path: Path):
    mask = tube(0).astype(np.uint8)
    for side in ("preds", "labels"):
        (tmp_path / side).mkdir()
        (tmp_path / side / "x.raw").write_bytes(mask.tobytes())
        (tmp_path / side / "x.mhd").write_text(
            "NDims = 3\nDimSize = 14 12 6\nElementType = MET_UCHAR\nElementDataFile = x.raw\n"
        )
    assert run(tmp_path, Options()).results[0].values["dice"] == 1
    (tmp_path / "preds" / "x.raw").write_bytes(bytes(mask.size))
    assert run(tmp_path, Options()).results[0].values["dice"] == 0


def test_a_killed_run_is_taken_up_where_it_ended(folders: Path, monkeypatch):
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from tubekit.evaluation.files import Options\n"
        "from tubekit.evaluation.folder import evaluate_folder\n"
        "root = Path(sys.argv[1])\n"
        "def die(done, total):\n"
        "    if done == 2: os.kill(os.getpid(), signal.SIGKILL)\n"
        "evaluate_folder(root / 'preds', root / 'labels', root / 'out',\n"
        "                Options(from_header=True), progress=die)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(folders)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert not (folders / "out" / "report.html").exists()
    assert len(list((folders / "out" / "cases").iterdir())) == 2
    read = counted(monkeypatch)
    assert len(run(folders).results) == 3
    assert read == ["c"]


@pytest.mark.parametrize("stored", ["index", "255", "rgb", "rgba", "tiff"])
def test_pictures(tmp_path: Path, stored: str):
    label = tube(0)[0].astype(np.uint8)
    pred = np.roll(label, 1, 0)
    for side, mask in (("labels", label), ("preds", pred)):
        (tmp_path / side).mkdir()
        path = tmp_path / side / ("x.tif" if stored == "tiff" else "x.png")
        array = mask if stored == "index" else mask * 255
        if stored.startswith("rgb"):
            array = np.repeat(array[..., None], 3, -1)
        if stored == "rgba":
            array = np.concatenate([array, np.full_like(array[..., :1], 255)], -1)
        iio.imwrite(path, array)
    values = run(tmp_path, Options(spacing=(0.5, 1.0))).results[0].values
    expected = metrics.case_report(pred, label, spacing=(0.5, 1.0)).values
    assert values == pytest.approx(expected, nan_ok=True, rel=0)
    assert "no spacing" not in str(run(tmp_path, Options()).failures)
    assert "got none in this format" in run(tmp_path, Options(from_header=True)).failures[0].reason


def test_several_classes(tmp_path: Path):
    label = tube(0)
    label[..., 8:] *= 2
    pred = np.roll(label, 1, -1)
    write_label(tmp_path / "labels" / "x.nii.gz", label, SPACING)
    nibabel.save(  # floats that are whole numbers, as some networks write them
        nibabel.Nifti1Image(
            pred.T.astype(np.float32), nibabel.load(tmp_path / "labels" / "x.nii.gz").affine
        ),
        str((tmp_path / "preds").mkdir() or tmp_path / "preds" / "x.nii"),
    )
    found = run(tmp_path, Options(classes=2, from_header=True))
    expected = metrics.case_report(pred, label, spacing=SPACING, classes=2).values
    assert found.results[0].values == pytest.approx(expected, nan_ok=True, rel=0)
    page = found.report.read_text()
    assert "dice/mean" in page
    # Single classes fill the tables on disk, not the page's plots.
    assert "<figcaption>dice/2" not in page
    assert any(r["metric"] == "dice/2" for r in table(tmp_path / "out" / "summary.csv"))


def test_bootstrap_interval():
    values = np.random.default_rng(1).normal(5, 2, 400)
    low, high = summary.bootstrap_interval(values)
    half = 1.96 * values.std(ddof=1) / 20  # as a normal distribution would have it
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.03)
    assert summary.bootstrap_interval(values) == (low, high)
    assert np.isnan(summary.bootstrap_interval(values[:1])).all()


def test_processes_are_this_program_s_share(folders: Path, monkeypatch):
    asked: list[int] = []

    def stand_in(*_, jobs: int, **more):
        asked.append(jobs)
        raise ValueError("enough")

    monkeypatch.setattr("tubekit.evaluation.folder.evaluate_folder", stand_in)
    monkeypatch.setattr("tubekit.evaluation.cli.cores", lambda: 3)
    words = ["evaluate", str(folders / "preds"), str(folders / "labels")]
    CliRunner().invoke(cli.app, words)
    CliRunner().invoke(cli.app, [*words, "--jobs", "2"])
    assert asked == [3, 2]


@pytest.mark.parametrize("starting_s", [0.0, 60.0])
def test_more_cases_than_processes(folders: Path, monkeypatch, starting_s: float):
    """Whether the first seconds are done in this process or not, the numbers are the same."""
    monkeypatch.setattr(work, "_STARTING_S", starting_s)
    here: list[str] = []
    one = work.one
    monkeypatch.setattr(work, "one", lambda pair, *more: here.append(pair.name) or one(pair, *more))
    monkeypatch.setattr(
        work, "_in_processes", lambda pairs, *more: [(p, one(p, *more[:2])) for p in pairs]
    )
    found = run(folders, jobs=2)
    assert [r.name for r in found.results] == ["a", "b with spaces", "c"]
    assert len(here) == (3 if starting_s else 0)
