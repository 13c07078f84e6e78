"""`tubekit evaluate`: numbers, restarts, faults in single cases, hostile names."""

import csv
import html.parser
import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest
from typer.testing import CliRunner

from tubekit import cli, metrics
from tubekit.data.encode import nifti, png, write_label
from tubekit.data.storage import write_atomic
from tubekit.evaluation import folder, summary, work
from tubekit.evaluation.files import Failure, Options, Pair, find_pairs, read_pair
from tubekit.evaluation.folder import evaluate_folder
from tubekit.evaluation.pictures import dot_plot, square_pixels

SPACING = (2.0, 0.5, 0.5)


def tube(seed: int, shape: tuple[int, ...] = (6, 12, 14)) -> np.ndarray:
    mask = np.zeros(shape, int)
    mask[..., 4 + seed % 3 : 7 + seed % 3, 2:12] = 1
    return mask


def write_case(root: Path, name: str, seed: int = 0) -> None:
    label = tube(seed)
    pred = label.copy()
    pred[..., 2 : 4 + seed] = 0
    write_label(root / "labels" / f"{name}.nii.gz", label, SPACING)
    write_label(root / "preds" / f"{name}.nii.gz", pred, SPACING)


@pytest.fixture
def drawn() -> None:
    """Asked for by tests that look at the pictures of cases; the others need not wait for them."""


@pytest.fixture(autouse=True)
def _quick(request, monkeypatch) -> None:
    if "drawn" not in request.fixturenames:
        monkeypatch.setattr(folder, "case_picture", lambda pair, options: ("data:,", "a picture"))


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for seed, name in enumerate(("a", "b with spaces", "c")):
        write_case(tmp_path, name, seed)
    return tmp_path


def run(root: Path, options: Options | None = None, **more):
    options = options or Options(from_header=True)
    return evaluate_folder(root / "preds", root / "labels", root / "out", options, **more)


def command(root: Path, *words: str):
    arguments = ["evaluate", str(root / "preds"), str(root / "labels"), *words]
    return CliRunner().invoke(cli.app, [*arguments, "--output", str(root / "out"), "--jobs", "1"])


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


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
    write_case(folders, "c", seed=4)  # other content, same name
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
        "place": "expected one affine",
        "values": "expected whole numbers 0..1, got values 0..7",
        "twice": "several files of one name: twice.nii.gz, twice.nii.gz, twice.png",
        "nan": "expected whole numbers 0..1",
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
    with pytest.raises(ValueError, match="jobs must be at least 1"):
        run(folders, jobs=0)


@pytest.mark.parametrize("stored", ["index", "255", "rgb", "rgba", "tiff"])
def test_pictures(tmp_path: Path, stored: str):
    import imageio.v3 as iio

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


def test_a_colour_picture_is_no_label(tmp_path: Path):
    colours = np.zeros((12, 14, 3), np.uint8)
    colours[..., 1] = 1
    for side in ("labels", "preds"):
        write_atomic(tmp_path / side / "x.png", png(colours))
    assert "got a colour picture" in run(tmp_path, Options()).failures[0].reason


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


class Parsed(html.parser.HTMLParser):
    """Tags that balance, and what a page without a network must have."""

    VOID = ("meta", "img", "path", "br")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_hostile_names_stay_names(tmp_path: Path, drawn):
    names = (
        "<script>alert(1)<",
        "x..\\..\\up",
        '" onload="x',
        "$\\frac$ &amp; =1+1",
        "' --option; rm",
        os.fsdecode(b"bytes \xff\xfe"),
    )
    for seed, name in enumerate(names):
        write_case(tmp_path, name, seed % 3)
    found = run(tmp_path)
    assert not found.failures
    assert len(found.results) == len(names)
    outside = {path.name for path in tmp_path.iterdir()}
    assert outside == {"preds", "labels", "out"}
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"cases", "cases.csv", "summary.csv", "report.html"}
    for file in (tmp_path / "out" / "cases").iterdir():
        assert len(file.stem) == 64
        assert set(file.stem) <= set("0123456789abcdef")
    page = found.report.read_text()
    parsed = Parsed(page)
    assert "<script>alert" not in page
    assert sum(tag == "script" for tag, _ in parsed.tags) == 1
    assert not any("onload" in attributes for _, attributes in parsed.tags)
    assert {row["case"] for row in table(tmp_path / "out" / "cases.csv")} >= set(names[:5])


def test_the_page_stands_alone_and_says_what_it_shows(folders: Path, drawn):
    found = run(folders)
    page = found.report.read_text()
    parsed = Parsed(page)
    assert "http" not in page.replace("http-equiv", "")
    pictures = [attributes for tag, attributes in parsed.tags if tag == "img"]
    assert len(pictures) == 3
    for attributes in pictures:
        assert attributes["src"].startswith("data:image/png;base64,")
        assert "pixels found" in attributes["alt"]
    assert all(
        attributes.get("aria-label")
        for tag, attributes in parsed.tags
        if tag in ("svg", "div")
        if tag == "svg" or attributes.get("class") == "scroll"
    )
    for words in ("worst: ", "median: ", "best: ", "0, undefined, undefined", "scikit-image"):
        assert words in page
    assert ("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}) in (
        parsed.tags
    )
    ranked = sorted(found.results, key=lambda r: r.values["cldice"])
    assert page.index(f"worst: {ranked[0].name}") < page.index(f"best: {ranked[-1].name}")


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


def test_bootstrap_interval():
    values = np.random.default_rng(1).normal(5, 2, 400)
    low, high = summary.bootstrap_interval(values)
    half = 1.96 * values.std(ddof=1) / 20  # as a normal distribution would have it
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.03)
    assert summary.bootstrap_interval(values) == (low, high)
    assert np.isnan(summary.bootstrap_interval(values[:1])).all()


def test_dot_plot_places_values():
    svg = dot_plot(["x", "y", "z"], [0.0, 1.0, float("nan")], mean=0.5, interval=(0.2, 0.8))
    assert svg.count("<circle") == 2
    assert 'cx="14.0"' in svg
    assert 'cx="306.0"' in svg
    assert "2 cases from 0 to 1, median 0.5, mean 0.5" in svg
    assert dot_plot(["x"], [float("nan")], mean=math.nan, interval=(math.nan, math.nan)) == ""
    assert "interval" not in dot_plot(["x"], [3.0], mean=3.0, interval=(math.nan, math.nan))


def test_flat_pixels_become_square():
    mask = np.eye(3, 4, dtype=bool)
    assert np.array_equal(square_pixels(mask, (2.0, 1.0)), np.repeat(mask, 2, axis=0))
    assert np.array_equal(square_pixels(mask, (1.0, 1.0)), mask)
    assert square_pixels(mask, (0.7, 1.0)).shape == (3, 6)
