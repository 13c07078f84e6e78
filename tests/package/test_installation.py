"""A copy of the package as a wheel lays it out, away from the checkout: every command works there
or says what is needed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tubekit import _folders, cli
from tubekit.benchmarks import run, training_step
from tubekit.experiments import cost, environment, queue

from .core_only import ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for ``sys.path`` that holds the package and its shipped folders."""
    folder = tmp_path_factory.mktemp("installation")
    unneeded = shutil.ignore_patterns("__pycache__", "*.nb[ic]")
    shutil.copytree(ROOT / "tubekit", folder / "tubekit", ignore=unneeded)
    for name, there in _folders._BESIDE.items():
        shutil.copytree(ROOT / there, folder / "tubekit" / "shipped" / name)
    return folder


def tubekit(words: str, site: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of the copy in ``folder``."""
    return python("-m", "tubekit", *words.split(), site=site, folder=folder)


def python(*words: str, site: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run Python with the copy in ``folder``, with a cache of its own."""
    variables = {k: v for k, v in os.environ.items() if not k.startswith("TUBEKIT_")}
    variables |= {"PYTHONPATH": str(site), "TUBEKIT_CACHE": str(folder / "cache"), "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, *words],
        capture_output=True,
        text=True,
        cwd=folder,
        env=variables,
    )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("data list", "chase_db1"),
        ("ledger", "Statements"),
        ("run skeleton_recall --profile smoke --dry-run", "runs to do"),
    ],
)
def test_commands_read_what_was_shipped(words: str, says: str, site: Path, tmp_path: Path) -> None:
    done = tubekit(words, site, tmp_path)
    assert done.returncode == 0, done.stderr
    assert says in done.stdout


def test_compiled_loops_go_to_the_cache(site: Path, tmp_path: Path) -> None:
    code = (
        "import numba, numpy, tubekit; before = numba.config.CACHE_DIR;"
        "print(tubekit.geometry.skeletonize(numpy.ones((9, 9), bool)).any());"
        "print(numba.config.CACHE_DIR == before)"
    )
    done = python("-c", code, site=site, folder=tmp_path)
    assert done.stdout.split() == ["True", "True"], done.stderr
    assert list((tmp_path / "cache" / "compiled").rglob("*.nbi"))
    assert not list(site.rglob("*.nb[ic]"))


@pytest.mark.parametrize("words", ["book", "serve --no-browser", "teach course"])
def test_commands_of_the_book_say_that_they_need_a_checkout(
    words: str, site: Path, tmp_path: Path
) -> None:
    done = tubekit(words, site, tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: expected to run from a checkout")
    assert "git clone https://" in done.stderr
    assert done.stderr.count("\n") == 1


def test_records_go_to_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_folders, "_PACKAGE", tmp_path / "site-packages" / "tubekit")
    monkeypatch.chdir(tmp_path)
    roots = []
    monkeypatch.setattr(queue, "work", lambda jobs, *, root, **_: roots.append(root) or [])
    monkeypatch.setattr(run, "run", lambda only, report, *, root: roots.append(root))
    monkeypatch.setattr(training_step, "fig_6", lambda profile, place: [])
    monkeypatch.setattr(training_step, "fig_7", lambda profile, place: [])
    monkeypatch.setattr(cost, "write_costs", lambda name, rows, place, root: roots.append(root))
    for words in ("run skeleton_recall --profile smoke", "bench", "cost --device cpu"):
        monkeypatch.setattr(sys, "argv", ["tubekit", *words.split()])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        assert not stopped.value.code
    assert roots == [tmp_path / "results"] * 4


def test_the_history_around_an_installation_is_not_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    author = ["-c", "user.name=a", "-c", "user.email=a"]
    commit = ["commit", "-qm", "theirs", "--allow-empty"]
    subprocess.run(["git", *author, "-C", tmp_path, *commit], check=True)
    monkeypatch.delenv("TUBEKIT_COMMIT", raising=False)
    monkeypatch.setattr(_folders, "_PACKAGE", tmp_path / "site-packages" / "tubekit")
    assert environment.commit() == "unknown"
