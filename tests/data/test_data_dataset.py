"""Loading splits, reducing resolution, and the facts for the table of data sets."""

import csv

import numpy as np
import pytest
from typer.testing import CliRunner

from tubekit.data import DataUnavailable, describe, downscale, known_names, load_cases
from tubekit.data.cli import app
from tubekit.types import Case


@pytest.fixture
def real(mirror, monkeypatch, tmp_path):
    monkeypatch.setenv("TUBEKIT_MIRROR", str(mirror))
    monkeypatch.setenv("TUBEKIT_CACHE", str(tmp_path))
    monkeypatch.setenv("TUBEKIT_OFFLINE", "1")
    return mirror


def test_split_in_order_and_limit(toy, monkeypatch, tmp_path):
    monkeypatch.setenv("TUBEKIT_MIRROR", str(toy.write_mirror(tmp_path / "m")))
    assert [c.id for c in load_cases("toy", "train")] == ["a", "b"]
    assert [c.id for c in load_cases("toy", "train", limit=1)] == ["a"]
    with pytest.raises(DataUnavailable, match="split 'val', got none"):
        load_cases("toy", "val")
    with pytest.raises(ValueError, match="split must be one of train, val, test, got 'dev'"):
        load_cases("toy", "dev")
    with pytest.raises(ValueError, match="limit must be an integer of at least 1"):
        load_cases("toy", "train", limit=0)


def test_leaking_split_is_refused(toy, monkeypatch, tmp_path):
    monkeypatch.setenv("TUBEKIT_MIRROR", str(toy.write_mirror(tmp_path / "m")))
    text = toy.write_manifest().replace('one = ["a", "b"]', 'one = ["a", "c"]')
    (toy.root / "manifests" / "toy.toml").write_text(text)
    with pytest.raises(ValueError, match="every patient in one split"):
        load_cases("toy", "train")


@pytest.mark.parametrize("scale", [0.0, 2.0, 0.3, (0.5,), (0.5, 0.5, 0.5)])
def test_scale_is_one_over_a_whole_number(toy, monkeypatch, tmp_path, scale):
    monkeypatch.setenv("TUBEKIT_MIRROR", str(toy.write_mirror(tmp_path / "m")))
    with pytest.raises(ValueError, match=r"scale must be 1/n for whole n.*got"):
        load_cases("toy", "train", scale=scale)


def test_downscale_image_label_valid_and_spacing(rng):
    image = rng.normal(size=(2, 6, 7)).astype(np.float32)
    label = np.zeros((6, 7), np.uint8)
    label[:, 3] = 1
    label[0, 6] = 1
    valid = np.ones((6, 7), bool)
    valid[:2, :2] = False
    small = downscale(Case("a", image, label, (1.0, 0.5), valid), (2, 2))
    assert small.image.shape == (2, 3, 4)
    assert small.image[1, 0, 0] == pytest.approx(image[1, :2, :2].mean(), abs=1e-6)
    assert small.image[0, 2, 3] == pytest.approx(image[0, 4:, 6].mean(), abs=1e-6)
    assert small.label[:, :3].tolist() == [[0, 1, 0]] * 3
    assert small.label[:, 3].tolist() == [1, 0, 0]
    assert not small.valid[0, 0]
    assert small.valid.sum() == 11
    assert small.spacing == (2.0, 1.0)


def test_downscale_one_axis_of_a_volume_keeps_the_others(rng):
    case = Case("v", rng.normal(size=(1, 3, 8, 8)).astype(np.float32), None, (5.0, 1.0, 1.0))
    small = downscale(case, (1, 2, 2))
    assert small.image.shape == (1, 3, 4, 4)
    assert small.spacing == (5.0, 2.0, 2.0)
    assert downscale(case, (1, 1, 1)) is case
    assert downscale(case, (1, 3, 3)).image.shape == (1, 3, 3, 3)


@pytest.mark.parametrize("name", ["chase_db1", "crackforest", "massachusetts_roads", "deepcrack"])
def test_facts_agree_with_the_mirror(real, name):
    """files.csv of the mirror was made by other code."""
    row = describe(name)
    folder = "deepcrack_tiles" if name == "deepcrack" else name
    with open(real / folder / "files.csv", newline="") as file:
        labels = [r for r in csv.DictReader(file) if "labels/" in r["file"]]
    assert row["cases"] == len(labels) == row["train"] + row["val"] + row["test"]
    assert row["components"] == pytest.approx(np.mean([int(r["components"]) for r in labels]))
    wanted = 100 * np.mean([float(r["fg_fraction"]) for r in labels])
    assert row["foreground_percent"] == pytest.approx(wanted, abs=1e-4)


def test_facts_of_an_unavailable_set(real):
    row = describe("drive")
    assert row["cases"] == 0
    assert row["access"] == "registration"
    assert np.isnan(row["foreground_percent"])


def test_chase_at_half_resolution(real):
    (case,) = load_cases("chase_db1", "test", limit=1, scale=0.5)
    (whole,) = load_cases("chase_db1", "test", limit=1)
    assert case.image.shape == (3, 480, 500)
    assert case.spacing == (2.0, 2.0)
    assert (case.label > 0).mean() == pytest.approx((whole.label > 0).mean(), rel=0.1)


def test_command_list(real):
    result = CliRunner().invoke(app, ["list"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert all(name in result.output for name in known_names())


def test_command_fetch_and_verify(toy, monkeypatch, tmp_path):
    mirror = toy.write_mirror(tmp_path / "m")
    monkeypatch.setenv("TUBEKIT_MIRROR", str(mirror))
    runner = CliRunner()
    fetched = runner.invoke(app, ["fetch", "toy"])
    assert (fetched.exit_code, fetched.output) == (0, "toy: 6 files ready, 0 not here\n")
    assert runner.invoke(app, ["verify"]).output == "toy: 6 ok\n"
    (mirror / "toy/labels/c.png").write_bytes(b"x")
    damaged = runner.invoke(app, ["verify", "toy"])
    assert damaged.exit_code == 1
    assert "c label" in damaged.output
    assert "toy: 5 ok, 1 damaged" in damaged.output
    assert runner.invoke(app, ["fetch", "toy"]).exit_code == 1


def test_command_unknown_name_and_unavailable(toy, monkeypatch):
    monkeypatch.setenv("TUBEKIT_OFFLINE", "1")
    unknown = CliRunner().invoke(app, ["fetch", "toys"])
    assert unknown.exit_code == 2
    assert "no data set 'toys'; known: toy" in unknown.output
    missing = CliRunner().invoke(app, ["fetch", "toy"])
    assert missing.exit_code == 1
    assert missing.output == (
        "6 files are missing; TUBEKIT_OFFLINE forbids to download them\n"
        "toy: 0 files ready, 6 not here\n"
        "  6 files: the network is off (first images/a.png)\n"
    )


def test_command_fetch_all_without_registration_is_no_failure(real):
    result = CliRunner().invoke(app, ["fetch"])
    assert result.exit_code == 0
    assert "crackforest: 204 files ready, 0 not here" in result.output
    assert "chase_db1: 72 files ready, 12 not here" in result.output
    assert "register at https://drive" in result.output


def test_command_fetch_from_an_archive(toy, monkeypatch, tmp_path):
    import zipfile

    monkeypatch.setenv("TUBEKIT_OFFLINE", "1")
    with zipfile.ZipFile(tmp_path / "toy.zip", "w") as opened:
        for path, data in toy.made.items():
            opened.writestr(path, data)
    result = CliRunner().invoke(app, ["fetch", "toy", "--archive", str(tmp_path / "toy.zip")])
    assert (result.exit_code, result.output) == (0, "toy: 6 files ready, 0 not here\n")
