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
    assert (image.path, image.conversion) == ("images/b.png", "identity")
    assert image.sources[0].url == "http://127.0.0.1:9/raw/b.png"
    assert image.sources[0].sha256 == image.facts.sha256
    assert label.conversion == "threshold_png"
    assert label.sources[0].url == "http://127.0.0.1:9/raw/b_mask.png"
    assert label.sources[0].sha256 != label.facts.sha256


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
        ('"threshold_png"', '"os.system"', "unknown conversion 'os.system'; known: .*identity"),
        ('"threshold_png"', '"raw_nifti"', "label a: raw_nifti: missing a required .*'shape'"),
        ('"threshold_png"', '"identity"\nsize = 1', "origin.label.size: Extra inputs"),
        ('url = "http://127.0.0.1:9"', "", "an origin needs repository and commit, or else url"),
        ('url = "http://127.0.0.1:9"', 'url = "file:///etc"', "origin.image.url"),
        ('url = "http://127.0.0.1:9"', 'repository = "a/../b"', "origin.image.repository"),
        ("[origin.image]", "[origin.map]", "origin.map: no such files are described"),
        ("[facts.image]\na = {", "[facts.image]\nx = {", "facts.image: no split has the case x"),
        ('one = ["a", "b"]', 'one = ["a", "x"]', "patients: no split has the case x"),
        ('one = ["a", "b"]', 'one = ["a", "a"]', "patients: listed more than once: a"),
        ("upstream = [{", "more = [{", "facts.label.a.more: Extra inputs"),
        ("values = [0, 255]", 'values = [0, 255]\nautomatic = ["?"]', "a program drew .* of c"),
        (
            'path = "labels/{id}.png"',
            'path = "labels/{id}.png"\noptions = { crop = [[0, 5]] }',
            "label a: threshold_png: got an unexpected keyword argument 'crop'",
        ),
        (
            'path = "labels/{id}.png"',
            'path = "labels/{id}.png"\noptions = { crop = [[5, 5]] }',
            "options.crop: every range",
        ),
        (
            'path = "labels/{id}.png"',
            'path = "labels/{id}.png"\noptions = { member = "../x" }',
            "without '..'",
        ),
        ('path = "images/{id}.png"', 'path = "../{id}.png"', "without '..'"),
        ('path = "images/{id}.png"', 'path = "/etc/{id}.png"', "relative path"),
        ('path = "images/{id}.png"', 'path = "{id.__class__}.png"', "no braces but {id} and"),
        ('path = "raw/{id}.png"', 'path = "a/../../{id}.png"', "without '..'"),
        ('test = ["c"]', "test = []", "facts.image: no split has the case c"),
        ('test = ["c"]', 'test = ["c", "a"]', "more than once: a"),
        ('train = ["a", "b"]', 'train = ["../a", "b"]', "splits.train.0"),
        ('folder = "toy"', 'folder = "../toy"', "folder"),
        ('name = "toy"', 'name = "other"', "expected name = 'toy', got 'other'"),
        ('name = "toy"', "name = toy", "expected TOML"),
        ('sha256 = "', 'sha256 = "g', "facts.image.a.sha256"),
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


@pytest.fixture
def masks_only(toy):
    """The toy data set with two structures, one of which case b lacks, and without images."""
    head, _, facts = toy.write_manifest().partition("[origin.image]")
    label = facts.partition("[facts.label]\n")[2]
    image = '[files.image]\npath = "images/{id}.png"\n'
    files = '[files."label/left"]\npath = "l_{id}"\n\n[files."label/right"]\npath = "r_{id}"\n'
    head = head.replace(image, "").replace('[files.label]\npath = "labels/{id}.png"\n', files)
    head = head.replace(
        "values = [0, 255]", 'values = [0, 1]\nparts = { left = "line", right = "line" }'
    )
    lines = label.splitlines()
    left = "\n".join(line for line in lines if not line.startswith("b"))
    return f'{head}[facts."label/left"]\n{left}\n\n[facts."label/right"]\n{label}'


def read_text(toy, text):
    path = toy.root / "manifests" / "toy.toml"
    path.write_text(text)
    return read_manifest(path)


def test_masks_without_images_and_structures_that_a_case_lacks(toy, masks_only):
    manifest = read_text(toy, masks_only)
    assert [f.role for f in manifest.case_files("a")] == ["label/left", "label/right"]
    assert [f.path for f in manifest.case_files("b")] == ["r_b"]


def test_stray_structures_missing_files_and_listed_shares_are_refused(toy, masks_only):
    with pytest.raises(ValueError, match=r"facts\.label/middle: no such files are described"):
        read_text(toy, masks_only.replace('[facts."label/right"]', '[facts."label/middle"]'))
    masks_only, _, _ = masks_only.partition("[facts")
    no_files = masks_only.replace('[files."label/left"]\npath = "l_{id}"', "[files]")
    no_files = no_files.replace('[files."label/right"]\npath = "r_{id}"', "")
    no_files = no_files.replace('parts = { left = "line", right = "line" }', "")
    with pytest.raises(ValueError, match=r"files\.image is needed, or the files of a label"):
        read_text(toy, no_files)
    unlisted = "group_pattern = '.+'\n" + masks_only.replace(
        '[patients]\none = ["a", "b"]\n\n[splits]\ntrain = ["a", "b"]\ntest = ["c"]', ""
    )
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


def test_case_without_facts_has_every_file_and_none_can_be_downloaded(toy):
    text = toy.write_manifest()
    rows = [r for r in text.splitlines() if not r.startswith("c = {")]
    manifest = read_text(toy, "\n".join(rows))
    assert [f.role for f in manifest.case_files("c")] == ["image", "label"]
    assert all(f.sources == () and f.facts.sha256 is None for f in manifest.case_files("c"))
    assert all(f.sources for f in manifest.case_files("a"))


def test_groups_by_name_by_pattern_and_else_by_case(toy):
    manifest = read(toy, "[patients]", "[patients]")
    assert manifest.groups == {"a": "one", "b": "one", "c": "c"}
    manifest = read(toy, 'preprocessing = "z-score"', 'preprocessing = ""\ngroup_pattern = "^[bc]"')
    assert manifest.groups == {"a": "one", "b": "one", "c": "c"}
    manifest = read(toy, '[patients]\none = ["a", "b"]\n', "")
    assert manifest.groups == {"a": "a", "b": "b", "c": "c"}


def test_addresses_of_a_repository_and_of_a_server_that_stands_in_for_it(toy, monkeypatch):
    commit = "0123456789abcdef0123456789abcdef01234567"
    place = f'repository = "some-one/x.y"\ncommit = "{commit}"'
    manifest = read(toy, 'url = "http://127.0.0.1:9"', place)
    path = f"/some-one/x.y/{commit}/raw/a.png"
    assert manifest.case_files("a")[0].sources[0].url == f"https://raw.githubusercontent.com{path}"
    monkeypatch.setenv("TUBEKIT_PUBLIC_HOST", "http://127.0.0.1:8/")
    assert manifest.case_files("a")[0].sources[0].url == f"http://127.0.0.1:8{path}"


def test_options_of_a_case_come_before_those_of_its_role(toy):
    exceptions = "\n[files.label.exceptions]\nb = { shape = [1, 2, 3] }\n"
    text = toy.write_manifest().replace('"threshold_png"', '"raw_nifti"')
    label = '[files.label]\npath = "labels/{id}.png"\n'
    text = text.replace(label, label + "options = { shape = [4, 5, 6] }\n" + exceptions)
    manifest = read_text(toy, text)
    shapes = [manifest.case_files(case)[1].options.shape for case in "abc"]
    assert shapes == [[4, 5, 6], [1, 2, 3], [4, 5, 6]]
    with pytest.raises(ValueError, match=r"files\.label\.exceptions: no split has the case x"):
        read_text(toy, text.replace("b = { shape", "x = { shape"))
