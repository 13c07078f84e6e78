"""The generated part of a manifest, from a small table and a small mirror."""

import csv
import hashlib
import subprocess
import sys

import numpy as np
import pytest

from tubekit.data.encode import nifti, png
from tubekit.data.integrity import content_digest
from tubekit.data.manifest import read_manifest
from tubekit.data.upstream import MARKER, update

COMMIT = "0123456789abcdef0123456789abcdef01234567"
HEAD = """\
name = "lines"
version = "1"
title = "Lines"
task = "lines"
dimensions = 2
access = "open"
folder = "drawn"
citation = "none"
preprocessing = "none"

[licence]
name = "CC0"
url = "https://example.org"

[labels]
names = ["background", "line"]
values = [0, 255]

[spacing]
rule = "constant"
value = [1.0, 1.0]

[files.image]
path = "{part}/images/{id}.png"

[files.label]
path = "{part}/labels/{id}.png"

[part]
train = "one"
test = "two"

[others]
paths = ["volumes/*"]

[splits]
train = ["a", "b"]
test = ["c"]
"""
COLUMNS = (
    *("set", "our_path", "our_sha256", "repository", "commit"),
    *("upstream_path", "upstream_sha256", "upstream_bytes", "conversion", "exact", "note"),
)


def sha(data):
    return hashlib.sha256(data).hexdigest()


class Table:
    def __init__(self, root):
        self.mirror, self.manifests = root / "mirror", root / "manifests"
        self.manifests.mkdir()
        (self.manifests / "lines.toml").write_text(HEAD)
        self.rows = []

    def add(self, path, data, conversion, *upstream, note=""):
        """One of our files, and (path, bytes) of what it is made of."""
        target = self.mirror / "drawn" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        for name, raw in upstream:
            raw_facts = [name, sha(raw), len(raw)]
            origin = ["someone/lines", COMMIT, *raw_facts, conversion, "yes", note]
            self.rows.append(dict(zip(COLUMNS, ["drawn", path, sha(data), *origin], strict=True)))

    def update(self):
        with open(self.mirror / "UPSTREAM.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(self.rows)
        return update(self.mirror, self.manifests)

    @property
    def text(self):
        return (self.manifests / "lines.toml").read_text()


IMAGES = {case: png(np.full((4, 5), n, np.uint8)) for n, case in enumerate(["a", "b", "c"])}
VOLUME = nifti(np.zeros((2, 3, 4), np.int16), (1.0, 1.0, 1.0))
SLICES = [b"outside", b"first", b"second", b"behind"]


@pytest.fixture
def table(tmp_path):
    made = Table(tmp_path)
    for case, data in IMAGES.items():
        part = "two" if case == "c" else "one"
        ending = "PNG" if case == "a" else "png"
        made.add(f"{part}/images/{case}.png", data, "identity", (f"{part}/{case}.{ending}", data))
        raw = (f"masks/{case}.png", case.encode())
        made.add(f"{part}/labels/{case}.png", data, "threshold_png", raw)
    crop = "crop x 5:9, y 6:9, z 1:3"
    for k, raw in enumerate(SLICES):
        outside = "" if k in (1, 2) else " (outside the crop)"
        slice_ = (f"slices/image_{k}", raw)
        made.add(
            "volumes/v.nii.gz",
            VOLUME,
            "dicom_crop_nifti",
            slice_,
            note=f"slice {k}; {crop}{outside}",
        )
    return made


def test_manifest_gets_addresses_hashes_and_conversions(table):
    assert table.update() == ["lines"]
    head, _, tail = table.text.partition(MARKER)
    assert head == HEAD + "\n"
    manifest = read_manifest(table.manifests / "lines.toml")
    base = f"https://raw.githubusercontent.com/someone/lines/{COMMIT}"
    for case, data in IMAGES.items():
        image, label = manifest.case_files(case)
        part = "two" if case == "c" else "one"
        ending = "PNG" if case == "a" else "png"
        assert image.sources == ((f"{base}/{part}/{case}.{ending}", sha(data), len(data)),)
        assert image.facts.content is None
        raw = case.encode()
        assert label.sources == ((f"{base}/masks/{case}.png", sha(raw), len(raw)),)
        assert (label.facts.sha256, label.facts.bytes) == (sha(data), len(data))
        assert label.facts.content == content_digest(data, "x.png")
        assert label.conversion == "threshold_png"
    volume = manifest.all_files()[-1]  # no case reads it
    assert [s.url for s in volume.sources] == [f"{base}/slices/image_{k}" for k in (1, 2)]
    assert volume.options.crop == [[1, 3], [6, 9], [5, 9]]
    assert 'path = "{part}/{id}.png"' in tail  # fits two of three, so only one path is written out
    assert tail.count('path = "one/a.PNG"') == 1


def test_second_run_changes_nothing(table):
    table.update()
    before = table.text
    stamp = (table.manifests / "lines.toml").stat().st_mtime_ns
    assert table.update() == []
    assert table.text == before
    assert (table.manifests / "lines.toml").stat().st_mtime_ns == stamp


def test_only_the_part_below_the_marker_is_written_anew(table):
    table.update()
    path = table.manifests / "lines.toml"
    path.write_text(
        table.text.replace('title = "Lines"', 'title = "Strokes"').replace("one/a", "x")
    )
    assert table.update() == ["lines"]
    assert 'title = "Strokes"' in table.text
    assert 'path = "one/a.PNG"' in table.text


def fails(table, told):
    before = table.text
    with pytest.raises(ValueError, match=told):
        table.update()
    assert table.text == before


def test_file_that_no_manifest_describes(table):
    table.add("elsewhere/x.png", b"x", "identity", ("x.png", b"x"))
    fails(table, r"a manifest for every file .* got none for drawn/elsewhere/x\.png \(1 files\)")


def test_mirror_with_another_file(table):
    (table.mirror / "drawn/two/images/c.png").write_bytes(b"other")
    fails(table, r"two/images/c\.png: expected SHA-256")


def test_copy_that_is_none(table):
    table.rows[0]["upstream_sha256"] = "0" * 64
    fails(table, r"one/images/a\.png: expected the upstream file unchanged")


def test_row_that_is_not_exact(table):
    table.rows[0]["exact"] = "no"
    fails(table, r"one/images/a\.png: expected exact rows only")


def test_two_origins_for_one_role(table):
    table.rows[0]["commit"] = COMMIT[::-1]
    fails(table, "image: expected one repository, commit and conversion")


def test_conversion_that_does_not_exist(table):
    for row in table.rows:
        row["conversion"] = row["conversion"].replace("threshold_png", "os.system")
    fails(table, r"lines\.toml: .*unknown conversion 'os\.system'")


@pytest.mark.parametrize(
    ("note", "path", "options"),
    [
        ("members M/bone/image_0..7", "x", {"member": "M/bone", "slices": 8}),
        ("bytes equal; crop x 1:2, y 3:4, z 5:6", "x", {"crop": [[5, 6], [3, 4], [1, 2]]}),
        ("bytes equal", "images/1_y3_x20.png", {"crop": [[3, 643], [20, 660]]}),
        ("bytes equal; the same file is in y 1", "images/1.png", {}),
    ],
)
def test_parameters_in_notes_and_names(note, path, options):
    from tubekit.data.upstream import _options

    row = {"note": note, "our_path": path, "conversion": "road_image"}
    assert _options(row) == options
    row["conversion"] = "identity"
    assert _options(row) == (options if path == "x" else {})


def test_module_runs(table):
    table.update()
    command = [sys.executable, "-m", "tubekit.data.upstream", table.mirror, table.manifests]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "changed: nothing\n"
