"""Records and published numbers: written whole, read strictly."""

import os

import pytest

from tests.experiments.factory import record
from tubekit.chapters import chapter as room
from tubekit.chapters import known
from tubekit.experiments.record import read_record, read_records, write_record, write_text


def test_a_record_survives_the_disk(tmp_path):
    made = record(cases={"a": {"dice": 0.8, "hd95": None}})
    path = write_record(made, tmp_path)
    assert read_record(path) == made
    assert read_records("skeleton_recall", "laptop", tmp_path) == [made]


@pytest.mark.parametrize("damage", [lambda t: t[: len(t) // 2], lambda t: "", lambda t: "{}"])
def test_a_record_cut_short_gives_one_clear_error(tmp_path, damage):
    path = write_record(record(), tmp_path)
    path.write_text(damage(path.read_text()))
    with pytest.raises(ValueError, match=r"not a complete record.*delete the file and run"):
        read_record(path)


def test_a_full_disk_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    write_text(path, "old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("chapter", known())
def test_every_committed_record_belongs_to_a_recipe_of_today(chapter):
    today = room(chapter).recipes("laptop")
    records = read_records(chapter, "laptop")
    assert records
    stale = ["/".join(r.key) for r in records if not any(m.made(r.recipe) for m in today)]
    assert stale == []
    assert all(r.stopped_by == "steps" for r in records)
