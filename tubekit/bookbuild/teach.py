"""`tubekit teach`: notebooks and quizzes for a course, with or without the solutions."""

import copy
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from tubekit._extras import extra
from tubekit.bookbuild.execute import read
from tubekit.bookbuild.layout import BuildError, Layout
from tubekit.bookbuild.quiz import as_gift, as_markdown, parse

with extra("book", __name__):
    import jupytext
    from nbformat import NotebookNode

# A fenced directive: the closing fence has as many marks as the opening one.
FENCED = (
    r"^(?P<fence>`{{3,}}|~{{3,}}|:{{3,}})\{{{name}\}}(?P<argument>[^\n]*)\n"
    r"(?P<body>.*?)^(?P=fence)[ \t]*$"
)
SOLUTION = re.compile(FENCED.format(name="solution"), re.M | re.S)
QUIZ = re.compile(FENCED.format(name="quiz"), re.M | re.S)
START, END = "{solution-start}", "{solution-end}"


def export(layout: Layout, target: Path, *, solutions: bool) -> list[Path]:
    """Write every notebook (.ipynb and .md) and every quiz (JSON, GIFT) into ``target``.

    Args:
        layout: of the checkout.
        target: new or empty folder.
        solutions: keep the solutions and show the quiz answers; the quiz files, which hold the
            answers, are written only then.
    Returns:
        The files written.
    Raises:
        BuildError: ``target`` holds files already.
    """
    if target.exists() and any(target.iterdir()):
        raise BuildError(f"expected an empty folder, got {target}; choose another or empty it")
    sources = [(source, read(source)) for source in layout.notebook_sources()]
    ready = [(source, quizzes(nb), prepared(nb, solutions=solutions)) for source, nb in sources]
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for source, found, notebook in ready:
        for suffix, form in ((".ipynb", "ipynb"), (".md", "md:myst")):
            path = target / f"{source.stem}{suffix}"
            jupytext.write(notebook, path, fmt=form)
            written.append(path)
        if solutions and found:
            data, gift = target / f"{source.stem}-quiz.json", target / f"{source.stem}-quiz.gift"
            data.write_text(json.dumps(found, indent=1, ensure_ascii=False), encoding="utf-8")
            named = {title: parse(json.dumps(questions)) for title, questions in found.items()}
            text = "\n".join(as_gift(title, questions) for title, questions in named.items())
            gift.write_text(text, encoding="utf-8")
            written += [data, gift]
    for name in ("LICENSE", "LICENSE-prose"):
        path = layout.book.parent / name
        if path.is_file():
            written.append(Path(shutil.copy(path, target)))
    return written


def prepared(notebook: NotebookNode, *, solutions: bool) -> NotebookNode:
    """A copy for teaching: quizzes as plain lists, solutions kept or removed, no outputs."""
    notebook = copy.deepcopy(notebook)
    kept = notebook.cells if solutions else without_solutions(notebook.cells)
    for cell in kept:
        if cell.cell_type == "markdown":
            cell.source = QUIZ.sub(_listed(answers=solutions), cell.source)
        elif cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    notebook.cells = kept
    return notebook


def without_solutions(cells: list[NotebookNode]) -> list[NotebookNode]:
    """Drop cells tagged ``solution``, ``{solution}`` blocks, and all from start to end marks.

    Raises:
        BuildError: a ``{solution-start}`` without its end, which would leave an answer standing.
    """
    kept, inside = [], False
    for cell in cells:
        if cell.cell_type == "markdown":
            inside = inside or START in cell.source
            if inside:
                inside = END not in cell.source
                continue
            cell.source = SOLUTION.sub("", cell.source).strip()
            if not cell.source:
                continue
        if not inside and "solution" not in cell.metadata.get("tags", []):
            kept.append(cell)
    if inside:
        raise BuildError("a {solution-start} has no {solution-end}; close it in a later cell")
    return kept


def quizzes(notebook: NotebookNode) -> dict[str, list[dict[str, object]]]:
    """Title and questions of every quiz, as JSON values."""
    found: dict[str, list[dict[str, object]]] = {}
    for cell in notebook.cells:
        for match in QUIZ.finditer(cell.source if cell.cell_type == "markdown" else ""):
            title = match["argument"].strip() or f"Quiz {len(found) + 1}"
            found[title] = [question.model_dump() for question in parse(_body(match))]
    return found


def _listed(*, answers: bool) -> Callable[[re.Match[str]], str]:
    return lambda match: as_markdown(parse(_body(match)), answers=answers)


def _body(match: re.Match[str]) -> str:
    """The YAML of a quiz without the directive's own options."""
    return re.sub(r"\A(:[\w-]+:[^\n]*\n)+", "", match["body"])
