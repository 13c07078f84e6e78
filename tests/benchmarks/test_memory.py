"""What the rows of working memory leave behind: nothing."""

import tempfile
from pathlib import Path

import pytest

from tubekit.benchmarks import memory


def test_the_file_of_the_reader_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(memory, "SHAPE", (40, 48, 48))
    memory.image.cache_clear()
    written = 0
    for row in memory.rows():
        if row.instrument.startswith("reading"):
            assert row.ours()[0].shape == (1, *memory.SHAPE)
            written = len(list(tmp_path.rglob("*.nii.gz")))
    memory.image.cache_clear()
    assert written == 1
    assert not list(tmp_path.iterdir())
