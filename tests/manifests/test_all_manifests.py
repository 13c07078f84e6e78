"""Every manifest in the repository: valid, patient-wise, and true of the files in the mirror."""

import hashlib

import pytest

from tubekit.data import check_patient_wise, known_names, load_manifest, read_case
from tubekit.data.convert import content_digest
from tubekit.data.fetch import local_folders, resolve, verify
from tubekit.data.schema import SPLITS

NAMES = [
    "chase_db1",
    "crackforest",
    "deepcrack",
    "drive",
    "hrf",
    "ircad01",
    "massachusetts_roads",
    "narrow_cracks",
    "octa_synthetic",
    "toothfairy",
    "topcow",
    "vesselnn",
]
HERE = [n for n in NAMES if n not in ("drive", "narrow_cracks", "toothfairy", "topcow")]


@pytest.fixture(autouse=True)
def _places(monkeypatch, mirror, tmp_path):
    monkeypatch.setenv("TUBEKIT_MIRROR", str(mirror))
    monkeypatch.setenv("TUBEKIT_CACHE", str(tmp_path))
    monkeypatch.setenv("TUBEKIT_OFFLINE", "1")


def test_the_expected_data_sets_are_known():
    assert known_names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_patients_stay_in_one_split(name):
    manifest = load_manifest(name)
    check_patient_wise(manifest)
    groups = manifest.groups
    seen = {s: {groups[i] for i in getattr(manifest.splits, s)} for s in SPLITS}
    assert not seen["train"] & seen["test"]
    assert not seen["train"] & seen["val"]
    assert not seen["val"] & seen["test"]


def test_eyes_of_one_child_and_overlapping_stacks_are_one_group():
    chase = load_manifest("chase_db1").groups
    assert chase["Image_07L"] == chase["Image_07R"] != chase["Image_08L"]
    stacks = load_manifest("vesselnn").groups
    assert stacks["poon2015_BBB_Leakage"] == stacks["poon2015_BBB_noLeakage"]
    assert (
        stacks["santos2015_lowContrastVessels"] == stacks["santos2015_mixedSizelowContrastVessels"]
    )
    deepcrack = load_manifest("deepcrack")
    for case_id, group in deepcrack.groups.items():
        assert case_id.startswith(group)


def test_circle_of_willis_has_thirteen_named_arteries():
    labels = load_manifest("topcow").labels
    arteries = "BA,R-PCA,L-PCA,R-ICA,R-MCA,L-ICA,L-MCA,R-Pcom,L-Pcom,Acom,R-ACA,L-ACA,3rd-A2"
    assert ",".join(labels.names[1:]) == arteries
    assert len(labels.names) == 14


@pytest.mark.parametrize("name", HERE)
def test_hashes_sizes_and_contents_are_those_of_the_mirror(name):
    """The digests are computed here, not taken from the code that is under test."""
    manifest = load_manifest(name)
    folder = local_folders(manifest)[0][1]
    checked = 0
    for case in manifest.cases:
        for file in manifest.case_files(case.id):
            path = folder / file.path
            if file.facts.sha256 is None:
                assert not path.exists()
                continue
            data = path.read_bytes()
            assert hashlib.sha256(data).hexdigest() == file.facts.sha256
            assert len(data) == file.facts.bytes
            if file.facts.content and checked < 6:
                assert content_digest(data, path) == file.facts.content
            checked += 1
    assert checked


@pytest.mark.parametrize("name", HERE)
def test_first_case_of_every_split_reads(name):
    found = resolve(name)
    for split in [s for s in SPLITS if getattr(found.manifest.splits, s)]:
        case_id = next(i for i in getattr(found.manifest.splits, split) if i in found.files)
        case = read_case(found.manifest, case_id, found.files[case_id])
        assert case.image.dtype == "float32"
        assert case.label is not None
        assert case.label.max() == len(found.manifest.labels.names) - 1
        assert 0.001 < (case.label > 0).mean() < 0.6


def test_open_addresses_name_a_commit_and_converted_files_a_content_hash():
    for name in HERE:
        manifest = load_manifest(name)
        for case in manifest.cases:
            for file in manifest.case_files(case.id):
                if file.url:
                    upstream = manifest.upstream[manifest.files[file.role].upstream]
                    assert upstream.commit
                    assert upstream.commit in file.url
                if file.conversion != "copy" and file.facts.sha256:
                    assert file.facts.content


def test_verify_reports_every_listed_file():
    states = [state for _, state in verify("chase_db1")]
    assert states.count("ok") == 72
    assert states.count("missing") == 12
    assert len(states) == 84
