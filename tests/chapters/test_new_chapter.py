"""`tubekit new chapter`, called as CONTRIBUTING says: a chapter that runs and is in the ledger."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tubekit.chapters.new import make_chapter

ROOT = Path(__file__).resolve().parents[2]
CITATION = "kirchhoff2024skeleton"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout in which a chapter was made; the command is the user's."""
    root = tmp_path_factory.mktemp("checkout")
    leave = shutil.ignore_patterns("__pycache__", "_build", "*.ipynb")
    for folder in ("tubekit", "notebooks", "book", "tests", "data_manifests"):
        shutil.copytree(ROOT / folder, root / folder, ignore=leave)
    shutil.copy(ROOT / "pyproject.toml", root)
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    called(root, "-m", *shlex.split(re.search(r"^\$ (tubekit new chapter .*)$", text, re.M)[1]))
    return root


def called(root: Path, *words: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(root), "TUBEKIT_COMMIT": "test"}
    done = subprocess.run(
        [sys.executable, *words], cwd=root, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
def test_its_recipes_run_and_its_statements_stand_in_the_ledger(copy: Path) -> None:
    called(copy, "-m", "tubekit", "run", "slopes", "--profile=smoke", "--steps=2")
    found = sorted(p.name for p in (copy / "book/results/slopes/smoke").glob("*.json"))
    assert found == ["table-1__fundus__ce_dice__seed0.json", "table-1__fundus__ours__seed0.json"]
    look = (
        "import json; from tubekit.evidence.ledger import rows; "
        "print(json.dumps([r for r in rows() if r['chapter'] == 'slopes']))"
    )
    rows = json.loads(called(copy, "-c", look).splitlines()[-1])
    assert "the loss raises clDice" in {row["row"] for row in rows}


@pytest.mark.slow
def test_its_notebook_has_the_form_of_a_chapter_and_runs(copy: Path) -> None:
    page = next((copy / "notebooks").glob("*_slopes.md"))
    called(copy, "-m", "jupytext", "--to=ipynb", str(page))
    called(copy, "-m", "pytest", "-q", "tests/notebooks/test_anatomy.py", "-k", page.stem)
    run = "import sys, papermill; papermill.execute_notebook(sys.argv[1], sys.argv[2], cwd='.')"
    called(copy, "-c", run, str(page.with_suffix(".ipynb")), str(copy / "done.ipynb"))


@pytest.mark.parametrize(
    ("name", "citation", "words"),
    [
        ("skeleton_recall", CITATION, "a new name of small letters"),
        ("../up", CITATION, "a new name of small letters"),
        ("slopes", "nobody2024", "a key of book/references.bib"),
    ],
)
def test_what_does_not_fit_is_refused_and_writes_nothing(
    name: str, citation: str, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        make_chapter(name, "A title", citation, ROOT)
    assert not (ROOT / "tubekit/chapters/slopes").exists()
