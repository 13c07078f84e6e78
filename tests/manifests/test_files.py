"""Every file of the mirror: listed once, with a public address, its hash, and what it is worth."""

import hashlib
import re

import pytest

from tests.manifests.sets import HERE, all_files, read
from tubekit.data.integrity import content_digest
from tubekit.data.places import local_folders

# Files in the mirror, and downloads that they are made of.
FILES, DOWNLOADS = 2053, 2169
ADDRESS = re.compile(r"https://raw\.githubusercontent\.com/[\w.-]+/[\w.-]+/[0-9a-f]{40}/[\w./-]+")


@pytest.mark.parametrize("name", HERE)
def test_hashes_sizes_and_contents_are_those_of_the_mirror(name):
    """The digests are computed here, not taken from the code that is under test."""
    folder = local_folders(read(name))[0][1]
    contents = 0
    for file in all_files(name):
        path = folder / file.path
        if file.facts.sha256 is None:
            assert not path.exists()
            continue
        data = path.read_bytes()
        assert hashlib.sha256(data).hexdigest() == file.facts.sha256
        assert len(data) == file.facts.bytes
        if file.facts.content and contents < 3:
            assert content_digest(data, path) == file.facts.content
            contents += 1


def test_every_file_of_the_mirror_is_listed_once(mirror):
    ours = [
        f"{read(name).folder}/{file.path}"
        for name in HERE
        for file in all_files(name)
        if file.facts.sha256
    ]
    there = [p for p in mirror.glob("*/*/**/*") if p.is_file()]
    assert sorted(ours) == sorted(p.relative_to(mirror).as_posix() for p in there)
    assert len(ours) == FILES


def test_every_file_has_an_address_with_a_commit_and_a_hash():
    sources = set()
    for name in HERE:
        for file in all_files(name):
            if file.facts.sha256 is None:  # CHASE_DB1, children 13 and 14
                assert (name, file.case_id[6:8] in "13 14") == ("chase_db1", True)
                continue
            assert file.sources
            for source in file.sources:
                assert ADDRESS.fullmatch(source.url)
                assert ".." not in source.url
            sources.update(file.sources)
            if file.conversion == "identity":
                assert file.sources[0][1:] == (file.facts.sha256, file.facts.bytes)
            else:
                assert file.facts.content
    assert len(sources) == len({s.url for s in sources}) == DOWNLOADS
    assert max(s.bytes for s in sources) < 4 << 20


def test_every_folder_of_the_mirror_belongs_to_a_data_set(mirror):
    folders = {path.name for path in mirror.iterdir() if path.is_dir()}
    assert {read(name).folder for name in HERE} == folders
    assert len(HERE) == 26


def test_masks_that_a_program_drew_are_for_training_only():
    drawn = {name: read(name).automatic for name in HERE}
    assert {name: cases for name, cases in drawn.items() if cases} == {
        "medrad_tree_masks": ["lung_1", "lung_2", "lung_3", "lung_4"],
        "sct_spinal_cord": ["t2"],
        "totalsegmentator_pseudo": ["abdomen_3mm", "thorax_aorta_1p5mm", "thorax_pulmonary_1p5mm"],
    }
    for name, cases in drawn.items():
        assert set(cases) <= set(read(name).splits.train)


def test_lost_spacing_is_stated():
    """Where a volume became slices of 8 bits no length in millimetres can be measured."""
    lost = {n for n in HERE if "no measures in millimetres" in read(n).spacing.note}
    assert lost == {
        *(n for n in HERE if n.endswith("_slices")),
        "coronary_xray",
        "lightsheet_vesselexpress",
        "lvsd_liver_vessels_25d",
        "vascusynth_tsf",
    }
