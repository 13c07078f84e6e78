"""The export for courses: students get no answers, in any form of writing them."""

import json
from pathlib import Path

import pytest

from tubekit.bookbuild.layout import BuildError, Layout
from tubekit.bookbuild.teach import export

from .conftest import code, notebook

CELLS = (
    "````{exercise} Cut\n:label: ex-cut\nHow many?\n````\n\n````{solution} ex-cut\nSECRET-1\n"
    "```python\nSECRET-2\n```\n````\n\nProse after.",
    code(":tags: [exercise]\n\nanswer = ..."),
    code(":tags: [solution]\n\nanswer = 'SECRET-3'"),
    "```{solution-start} ex-other\n```\n\nSECRET-4",
    code("answer = 'SECRET-5'"),
    "Between.",
    "SECRET-6\n\n```{solution-end}\n```",
    ":::{solution} ex-cut\nSECRET-7\n:::",
    "```{quiz} On topology\n- question: What is left?\n  choices:\n    - text: Two\n"
    "      correct: true\n"
    "      feedback: SECRET-8\n    - text: One\n      feedback: SECRET-9\n```",
    code("print('kept')"),
)
SECRETS = {f"SECRET-{n}" for n in range(1, 10)}


def texts(folder: Path) -> str:
    return "".join(path.read_text() for path in folder.iterdir())


@pytest.fixture
def taught(layout: Layout, source: Path) -> Layout:
    source.write_text(
        notebook(*(f"+++\n\n{cell}" if "{code" not in cell else cell for cell in CELLS))
    )
    return layout


def test_students_get_no_answers(taught: Layout, tmp_path: Path) -> None:
    export(taught, tmp_path / "out", solutions=False)
    text = texts(tmp_path / "out")
    assert not {secret for secret in SECRETS if secret in text}
    for kept in ("How many?", "Prose after.", "answer = ...", "What is left?", "- Two", "kept"):
        assert kept in text
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"00_small.ipynb", "00_small.md"}


def test_instructors_get_everything_and_the_quiz_files(taught: Layout, tmp_path: Path) -> None:
    export(taught, tmp_path / "out", solutions=True)
    text = texts(tmp_path / "out")
    assert {secret for secret in SECRETS if secret in text} == SECRETS
    quiz = json.loads((tmp_path / "out" / "00_small-quiz.json").read_text())
    assert quiz["On topology"][0]["choices"][0]["correct"] is True
    assert "=Two#SECRET-8" in (tmp_path / "out" / "00_small-quiz.gift").read_text()


def test_exports_carry_no_outputs(taught: Layout, tmp_path: Path) -> None:
    export(taught, tmp_path / "out", solutions=True)
    data = json.loads((tmp_path / "out" / "00_small.ipynb").read_text())
    assert all(not cell.get("outputs") for cell in data["cells"])


def test_a_folder_with_files_is_not_touched(taught: Layout, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(BuildError, match="empty folder"):
        export(taught, tmp_path / "out", solutions=True)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_an_unclosed_solution_writes_nothing(layout: Layout, source: Path, tmp_path: Path) -> None:
    source.write_text(notebook("```{solution-start} ex\n```\n\nSECRET"))
    with pytest.raises(BuildError, match=r"no \{solution-end\}"):
        export(layout, tmp_path / "out", solutions=False)
    assert not (tmp_path / "out").exists()
