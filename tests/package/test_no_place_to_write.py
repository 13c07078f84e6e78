"""An installation that cannot be written, no home, an unknown user: all works, with one note."""

import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tubekit import _folders
from tubekit.data.cache import cached_array
from tubekit.data.places import on_disk
from tubekit.geometry.kernels import compiled

from .core_only import ROOT

WORK = """
import numpy as np, tubekit, tubekit.metrics as m
from tubekit.data import cached_target_map, load_cases, with_vesselness
from tubekit.types import Case
label = np.zeros((24, 24), np.uint8); label[9:14] = 1
print(m.cldice(label, label))
print(int(cached_target_map("tube", label).sum()), int(cached_target_map("skeleton", label).sum()))
case = Case("a", label[None] * 50.0, label, (1.0, 1.0))
print(with_vesselness(case, sigmas_mm=[1.0]).image.shape)
"""


@pytest.fixture(scope="module")
def read_only_copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Root may write everywhere, so files stand where folders of caches would be made."""
    package = tmp_path_factory.mktemp("site") / "tubekit"
    shutil.copytree(ROOT / "tubekit", package, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in [package, *(path for path in package.rglob("*") if path.is_dir())]:
        (folder / "__pycache__").touch()
    return package.parent


@pytest.mark.parametrize(
    "more", [{}, {"TUBEKIT_CACHE": "/dev/null/x", "NUMBA_CACHE_DIR": "/dev/null"}]
)
def test_everything_works_without_a_place_to_write(read_only_copy, more):
    environment = {"PATH": os.defpath, "HOME": "/dev/null", "PYTHONPATH": str(read_only_copy)}
    environment |= {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"} | more
    done = subprocess.run(
        [sys.executable, "-c", WORK],
        env=environment,
        cwd=read_only_copy,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[0] == "1.0"
    notes = done.stderr.strip().splitlines()
    assert [note.partition(",")[0] for note in notes] == [
        "compiled loops are not kept",
        "computed maps are not kept",
    ]
    assert "NUMBA_CACHE_DIR" in notes[0]
    assert "TUBEKIT_CACHE" in notes[1]


def test_a_user_whom_the_system_does_not_know(monkeypatch, tmp_path):
    def unknown() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("TUBEKIT_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pathlib.Path.home", unknown)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    for system in ("linux", "darwin", "win32"):
        monkeypatch.setattr("sys.platform", system)
        assert _folders.cache_root().is_relative_to(tmp_path)


def test_a_cache_that_can_neither_be_read_nor_written(monkeypatch, caplog, tmp_path):
    """So does a folder of another user answer; this one has a name that no system takes."""
    _folders.note_not_kept.cache_clear()
    refused = tmp_path / ("x" * 300)
    monkeypatch.setenv("TUBEKIT_CACHE", str(refused))
    with caplog.at_level(logging.WARNING, "tubekit"):
        for _ in range(2):
            assert cached_array(refused / "a.npz", (2,), lambda: np.ones(2)).all()
    assert caplog.text.count("computed maps are not kept") == 1


def test_compiled_code_that_cannot_be_saved_runs(monkeypatch, caplog):
    """The disk may fill up after the loops were defined."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    def loop(a: int) -> int:
        return a + 1

    _folders.note_not_kept.cache_clear()
    made = compiled.compiled(loop)
    monkeypatch.setattr(made._cache._cache_file, "save", full)
    with caplog.at_level(logging.WARNING, "tubekit"):
        assert made(1) == 2
    assert "compiled loops are not kept" in caplog.text


def test_a_data_set_in_a_folder_that_may_not_be_entered(monkeypatch, tmp_path):
    from tubekit.data import load_manifest

    manifest = load_manifest("chase_db1")
    file = manifest.case_files(manifest.cases[0].id)[0]
    monkeypatch.delenv("TUBEKIT_MIRROR", raising=False)
    monkeypatch.setenv("TUBEKIT_CACHE", str(tmp_path / ("x" * 300)))
    assert on_disk(manifest, file) is None
