"""The form of every notebook: paired, without outputs, short cells, more words than code."""

import importlib
import inspect
import json
import re
from pathlib import Path

import jupytext
import pytest
import yaml
from nbformat import NotebookNode

from tubekit.plots import diagram

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "notebooks").glob("*.md"))
# A chapter that teaches how to write a method shows its code, compares it with the library and lets
# the reader try: more cells than one that only shows results, and lines that end early.
MAX_CODE_CELLS = 50
MAX_CELL_LINES = 22
MAX_COLUMNS = 88
HIDDEN = {"hide-input", "hide-cell", "remove-input", "remove-cell"}
MIN_WORDS_PER_CODE_LINE = 8
# What a notebook calls to show a figure, and where its alt text stands.
DRAWS = re.compile(r"\b(show|rotatable|screenshot|plt\.show)\(")

each = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)


def cells(source: Path, kind: str) -> list[NotebookNode]:
    return [cell for cell in jupytext.read(source).cells if cell.cell_type == kind]


def code_lines(cell: NotebookNode) -> int:
    lines = (line.strip() for line in cell.source.splitlines())
    return sum(bool(line) and not line.startswith("#") for line in lines)


def visible(source: Path) -> list[NotebookNode]:
    """Code cells that a reader of the page sees."""
    return [c for c in cells(source, "code") if not HIDDEN & set(c.metadata.get("tags", []))]


def included(source: Path) -> list[tuple[Path, str]]:
    """File and function of every piece of the library that the page shows."""
    shown = re.findall(
        r"^```\{literalinclude\} /_src/(\S+)\n:language: python\n:pyobject: (\S+)$",
        source.read_text(encoding="utf-8"),
        flags=re.M,
    )
    return [(ROOT / path, name) for path, name in shown]


def words(source: Path) -> int:
    """Words of prose: no code blocks, no drawings, no formulas, no directive options."""
    text = "\n".join(cell.source for cell in cells(source, "markdown"))
    text = re.sub(r"^```\{(literalinclude|diagram)\}.*?^```", "", text, flags=re.M | re.S)
    text = re.sub(r"\$\$.*?\$\$|\$[^$]*\$", " ", text, flags=re.S)
    text = re.sub(r"^:[\w-]+:.*$|^[`:~]{3,}.*$", "", text, flags=re.M)
    return len(re.findall(r"[^\W\d_]{2,}", text))


def test_there_are_notebooks() -> None:
    assert SOURCES


@each
def test_cells_are_few_and_short(source: Path) -> None:
    code = cells(source, "code")
    assert len(code) <= MAX_CODE_CELLS
    long = {i: n for i, cell in enumerate(code, 1) if (n := code_lines(cell)) > MAX_CELL_LINES}
    assert long == {}, "code cell: lines"


@each
def test_visible_lines_fit_the_page(source: Path) -> None:
    lines = [line for cell in visible(source) for line in cell.source.splitlines()]
    assert [line for line in lines if len(line) > MAX_COLUMNS] == []


@each
def test_what_is_shown_exists_and_fits_the_page(source: Path) -> None:
    for path, name in included(source):
        owner = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        for part in name.split("."):
            owner = getattr(owner, part)
        long = [n for line in inspect.getsource(owner).splitlines() if (n := len(line)) > 100]
        assert long == [], f"{path.name}: {name}"


@each
def test_an_idea_is_explained_by_code_that_is_seen(source: Path) -> None:
    """Hidden cells explain nothing: plain code stands in the page, held against the library."""
    plain = [name for path, name in included(source) if path.parent.name == "plain"]
    if not plain:
        assert source.name.startswith("9"), "a chapter shows its ideas as plain code"
        return
    says = re.compile(r"^\s*(?:assert |assert_close\()", flags=re.M)
    compared = [c for c in visible(source) if says.search(c.source)]
    assert compared, "a visible cell asserts plain == library"


@each
def test_prose_outweighs_code(source: Path) -> None:
    lines = sum(code_lines(cell) for cell in cells(source, "code"))
    assert words(source) >= MIN_WORDS_PER_CODE_LINE * lines


@each
def test_figures_have_alt_text(source: Path) -> None:
    for cell in cells(source, "code"):
        if DRAWS.search(cell.source):
            stated = cell.metadata.get("mystnb", {}).get("image", {}).get("alt")
            assert stated or re.search(r"\balt=", cell.source), cell.source


@each
def test_pictures_have_caption_and_name(source: Path) -> None:
    names = []
    for cell in cells(source, "code"):
        if re.search(r"\bshow\(", cell.source):
            figure = cell.metadata.get("mystnb", {}).get("figure", {})
            assert figure.get("caption"), cell.source
            names.append(figure.get("name"))
    assert all(names)
    assert len(set(names)) == len(names)


@each
def test_diagrams_draw_and_name_code_that_exists(source: Path) -> None:
    text = source.read_text(encoding="utf-8")
    drawings = re.findall(
        r"^```\{diagram\} [^\n]+\n:name: (fig-[^\n]+)\n(.*?)^```", text, re.M | re.S
    )
    assert len(drawings) == text.count("```{diagram}")
    for name, body in drawings:
        diagram(**yaml.safe_load(body), name=name)


@each
def test_one_parameters_cell_with_the_three_parameters(source: Path) -> None:
    tagged = [c for c in cells(source, "code") if "parameters" in c.metadata.get("tags", [])]
    assert len(tagged) == 1
    for name in ("profile", "seed", "device"):
        assert re.search(rf"^{name} = ", tagged[0].source, flags=re.M)


@each
def test_the_pair_is_in_step_and_has_no_outputs(source: Path) -> None:
    pair = source.with_suffix(".ipynb")
    assert pair.is_file(), "run jupytext --sync"
    data = json.loads(pair.read_text(encoding="utf-8"))
    for cell in data["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
    mine = [(c.cell_type, c.source.strip()) for c in jupytext.read(source).cells]
    theirs = [(c.cell_type, c.source.strip()) for c in jupytext.read(pair).cells]
    assert mine == theirs, "run jupytext --sync"


@each
def test_no_bare_address_and_no_machine_path(source: Path) -> None:
    text = source.read_text(encoding="utf-8")
    assert not re.search(r"(?<![(<\"'`])https?://", text)
    assert not re.search(r"/(home|root|work|Users)/", text)
