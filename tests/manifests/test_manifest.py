"""What a manifest may say, and how its mistakes are told."""

import pytest
from pydantic import ValidationError

from tests.data.conftest import Toy
from tubekit.data import load_manifest, read_manifest
from tubekit.data.manifest import manifest_folder


@pytest.fixture
def toy(tmp_path):
    return Toy(tmp_path)


def read(toy, old, new, *, name="toy"):
    text = toy.write_manifest()
    assert old in text
    path = toy.root / "manifests" / f"{name}.toml"
    path.write_text(text.replace(old, new, 1))
    return read_manifest(path)


def test_addresses_and_paths_per_case(toy):
    manifest = read(toy, "Toy", "Toy")
    image, label = manifest.case_files("b")
    assert (image.path, image.url) == ("images/b.png", "http://127.0.0.1:9/raw/b.png")
    assert (label.conversion, label.url) == ("threshold_png", "http://127.0.0.1:9/raw/b_mask.png")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('task = "lines"', 'task = "lines"\ncolour = "red"', "colour: Extra inputs"),
        ("dimensions = 2", 'dimensions = "2"', "dimensions"),
        ("dimensions = 2", "dimensions = 4", "dimensions"),
        ('access = "open"', 'access = "secret"', "access"),
        ('access = "open"', 'access = "registration"', "'obtain'"),
        ("checked = 2026-01-01", 'checked = "yesterday"', "licence.checked"),
        ("values = [0, 255]", "values = [0, 0]", "one distinct stored value per name"),
        ("values = [0, 255]", "values = [0]", "one distinct stored value per name"),
        ("value = [1.0, 1.0]", "value = [1.0, 0.0]", "positive millimetres"),
        ("value = [1.0, 1.0]", "value = [1.0]", "spacing.value needs 2 numbers"),
        ("value = [1.0, 1.0]", "", "positive millimetres"),
        ('"threshold_png"', '"os.system"', "unknown conversion 'os.system'; known: .*copy"),
        ('upstream = "here"', 'upstream = "there"', "upstream 'there' is not described"),
        ('path = "images/{id}.png"', 'path = "../{id}.png"', "without '..'"),
        ('path = "images/{id}.png"', 'path = "/etc/{id}.png"', "relative path"),
        ('origin = "raw/{id}.png"', 'origin = "a/../../{id}.png"', "without '..'"),
        ('test = ["c"]', "test = []", "cases and splits differ: c"),
        ('test = ["c"]', 'test = ["c", "a"]', "more than once: a"),
        ('id = "a"', 'id = "../a"', "cases.0.id"),
        ('folder = "toy"', 'folder = "../toy"', "folder"),
        ('name = "toy"', 'name = "other"', "expected name = 'toy', got 'other'"),
        ('name = "toy"', "name = toy", "expected TOML"),
        ('sha256 = "', 'sha256 = "g', "cases.0.image.sha256"),
    ],
)
def test_mistakes_name_file_and_place(toy, old, new, told):
    with pytest.raises(ValueError, match=rf"toy\.toml: (?s:.*){told}"):
        read(toy, old, new)


def test_manifests_do_not_change(toy):
    manifest = read(toy, "Toy", "Toy")
    with pytest.raises(ValidationError):
        manifest.name = "other"


def test_unknown_data_set_lists_the_known():
    with pytest.raises(ValueError, match=r"chase_db1, .*vesselnn\), got 'chase'; choose one"):
        load_manifest("chase")


def test_unknown_case():
    with pytest.raises(ValueError, match=r"crackforest: expected one of its cases .* got '007'"):
        load_manifest("crackforest").case("007")


def test_folder_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("TUBEKIT_MANIFESTS", str(tmp_path / "none"))
    with pytest.raises(FileNotFoundError, match="point TUBEKIT_MANIFESTS at"):
        manifest_folder()


TWO_PARTS = (
    '[files.label]\npath = "labels/{id}.png"\nupstream = "here"\norigin = "raw/{id}_mask.png"\n'
    'conversion = "threshold_png"\n'
)


@pytest.fixture
def masks_only(toy):
    """The toy data set with two structures, one of which case b lacks, and without images."""
    text = toy.write_manifest()
    image = '[files.image]\npath = "images/{id}.png"\nupstream = "here"\norigin = "raw/{id}.png"\n'
    files = '[files."label/left"]\npath = "l_{id}"\n\n[files."label/right"]\npath = "r_{id}"\n'
    text = text.replace(image, "").replace(TWO_PARTS, files)
    text = text.replace(
        "values = [0, 255]", 'values = [0, 1]\nparts = { left = "line", right = "line" }'
    )
    text = text.replace('group = "b"\n', 'group = "b"\nparts = { right = {} }\n')
    rows = [r for r in text.splitlines() if not r.startswith(("image = {", "label = {"))]
    return "\n".join(rows)


def read_text(toy, text):
    path = toy.root / "manifests" / "toy.toml"
    path.write_text(text)
    return read_manifest(path)


def test_masks_without_images_and_structures_that_a_case_lacks(toy, masks_only):
    manifest = read_text(toy, masks_only)
    assert [f.role for f in manifest.case_files("a")] == ["label/left", "label/right"]
    assert [f.path for f in manifest.case_files("b")] == ["r_b"]


def test_stray_structures_missing_files_and_listed_shares_are_refused(toy, masks_only):
    with pytest.raises(ValueError, match=r"cases\.parts: no file label/<structure> for middle"):
        read_text(toy, masks_only.replace("parts = { right = {} }", "parts = { middle = {} }"))
    no_files = masks_only.replace('[files."label/left"]\npath = "l_{id}"', "[files]")
    no_files = no_files.replace('[files."label/right"]\npath = "r_{id}"', "")
    no_files = no_files.replace('parts = { left = "line", right = "line" }', "")
    no_files = no_files.replace("parts = { right = {} }", "")
    with pytest.raises(ValueError, match=r"files\.image is needed, or the files of a label"):
        read_text(toy, no_files)
    head, _, _ = masks_only.partition("[[cases]]")
    unlisted = "group_pattern = '.+'\n" + head.replace('train = ["a", "b"]\ntest = ["c"]', "")
    with pytest.raises(ValueError, match="without a list of cases, group_pattern and a path"):
        read_text(toy, unlisted)
    with pytest.raises(ValueError, match="shares are for cases found on disk"):
        read_text(toy, masks_only + "\n[shares]\ntrain = 2\nval = 0\ntest = 1\n")


@pytest.mark.parametrize("window", ["low = 5\nhigh = 5", "low = 9.5\nhigh = -1", 'low = "a"'])
def test_bad_windows(toy, window):
    with pytest.raises(ValueError, match="window"):
        read(toy, "[splits]", f"[window]\n{window}\n\n[splits]")


def test_window_of_whole_and_broken_numbers(toy):
    window = read(toy, "[splits]", "[window]\nlow = -100\nhigh = 200.5\n\n[splits]").window
    assert (window.low, window.high) == (-100, 200.5)
