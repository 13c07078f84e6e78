"""A chapter as pages: nothing lost, nothing twice, and the old address still works."""

import copy
from pathlib import Path

import jupytext
import pytest
import yaml
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_output

from tubekit.bookbuild.execute import Run, read
from tubekit.bookbuild.layout import BuildError, Layout, checkout
from tubekit.bookbuild.parts import FIRST, WHOLE, Part, contents, split, whole_downloads
from tubekit.bookbuild.stage import add_header, with_outputs

from .conftest import HEADER

ADDRESS = "notebooks/01_long"
LONG = """
(ch-long)=
# Keep tubes: a loss

## Idea

+++ {"page": "training"}

(sec-train)=
## Training

```{code-cell} ipython3
draw()
```

+++ {"page": "evidence"}

## Evidence

```{code-cell} ipython3
table()
```

Last words.
"""


def chapter(text: str = LONG) -> NotebookNode:
    """The notebook of ``text``; its n-th code cell has printed a place ``place-n``."""
    notebook = jupytext.reads(HEADER + text, fmt="md:myst")
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for number, cell in enumerate(code):
        html = {"text/html": f'<p id="place-{number}">{number}</p>', "image/png": "AAAA"}
        cell.outputs = [new_output("display_data", html)]
    return notebook


def sources(parts: list[Part]) -> list[str]:
    """Cells in the order of the pages, without the lines that each page has for itself."""
    cells = [c for p in parts for c in p.notebook.cells[p.name != FIRST :]]
    return [c.source.partition("\n\n```{div} chapter-pages")[0].rstrip() for c in cells]


def test_every_cell_is_on_one_page_in_order_with_its_output() -> None:
    whole = chapter()
    before = copy.deepcopy(whole)
    parts = split(whole, ADDRESS)
    mine = sources(parts)
    assert mine[0] == "(ch-long)=\n# Keep tubes: a loss"
    assert mine[1:] == [cell.source for cell in whole.cells][1:]
    assert [sorted(part.places) for part in parts] == [[], ["place-0"], ["place-1"]]
    drawn = [c for p in parts for c in p.notebook.cells if c.cell_type == "code"]
    assert [c.outputs for c in drawn] == [c.outputs for c in whole.cells if "outputs" in c]
    assert whole == before, "the download is the whole notebook, as it was"


def test_the_first_page_keeps_the_address_and_each_page_leads_to_the_others() -> None:
    parts = split(chapter(), ADDRESS)
    addresses = [part.address for part in parts]
    assert addresses == [ADDRESS, f"{ADDRESS}-training", f"{ADDRESS}-evidence"]
    for part in parts:
        text = part.notebook.cells[0].source
        for other in parts:
            link = f"{{doc}}`{other.name} </{other.address}>`"
            assert (link in text) == (other is not part)
            assert (f"**{other.name}**" in text) == (other is part)
    titles = [part.notebook.cells[0].source.splitlines()[0] for part in parts[1:]]
    assert titles == ["# Keep tubes: training", "# Keep tubes: evidence"]


def test_every_page_says_what_was_run_and_offers_the_notebook(layout: Layout) -> None:
    (layout.notebooks / "01_long.md").write_text("")
    run = Run("01_long", "0", "smoke", 1.0, 1.0, "2026-01-02", {"data": []}, "")
    for part in split(chapter(), ADDRESS):
        add_header(part.notebook, run, layout)
        text = part.notebook.cells[0].source
        assert text.count("run-line") == 1
        assert "01_long.md>`" in text
        assert "main/notebooks/01_long.ipynb" in text


def test_without_marks_nothing_changes() -> None:
    whole = chapter("\n# One page\n\nText\n")
    (only,) = split(whole, ADDRESS)
    assert (only.address, only.notebook) == (ADDRESS, whole)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"evidence"', '"training"', "a lower-case word of its own"),
        ('"evidence"', '"method"', "a lower-case word of its own"),
        ('"evidence"', '"The end"', "a lower-case word of its own"),
        ('"evidence"', "3", "a lower-case word of its own"),
        ("## Evidence", "Words", "move the mark above a heading"),
        ("## Evidence", "# Evidence", "move the mark above a heading"),
        ("# Keep tubes: a loss", "No title", "needs a title"),
    ],
)
def test_a_mark_that_makes_no_page_is_refused(old: str, new: str, message: str) -> None:
    assert old in LONG
    with pytest.raises(BuildError, match=message):
        split(chapter(LONG.replace(old, new)), ADDRESS)


def test_pages_stand_below_their_chapter_in_reading_order() -> None:
    toc = {
        "root": "intro",
        "parts": [
            {"caption": "Chapters", "chapters": [{"glob": "notebooks/[0-8]*"}]},
            {"caption": "Rest", "chapters": [{"file": "notebooks/90_own"}, {"glob": "api/*"}]},
        ],
    }
    plain = [Part(FIRST, name, NotebookNode()) for name in ("notebooks/02_b", "notebooks/90_own")]
    chapters = {ADDRESS: split(chapter(), ADDRESS)} | {part.address: [part] for part in plain}
    after = yaml.safe_load(contents(yaml.safe_dump(toc), chapters))
    below = [
        {"file": f"{ADDRESS}-training", "title": "Training"},
        {"file": f"{ADDRESS}-evidence", "title": "Evidence"},
    ]
    assert after["parts"][0]["chapters"] == [
        {"file": ADDRESS, "sections": below},
        {"file": "notebooks/02_b"},
    ]
    assert after["parts"][1] == toc["parts"][1]


def test_every_page_of_a_chapter_offers_the_whole_notebook(tmp_path: Path) -> None:
    staged, site = tmp_path / "src", tmp_path / "html"
    for name, text in {
        f"src/{WHOLE}/01_long.ipynb": "whole",
        "html/_sources/notebooks/01_long.ipynb": "first",
        "html/_sources/notebooks/01_long-training.ipynb": "second",
        "html/_sources/notebooks/02_b.ipynb": "other",
        "html/notebooks/01_long-training.html": '<a href="main/notebooks/01_long-training.ipynb">',
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    whole_downloads(staged, site)
    offered = {path.name: path.read_text() for path in site.rglob("*.ipynb")}
    assert offered == {"01_long.ipynb": "whole", "02_b.ipynb": "other"}
    page = (site / "notebooks" / "01_long-training.html").read_text()
    assert page == '<a href="main/notebooks/01_long.ipynb">'


@pytest.mark.parametrize("source", checkout().notebook_sources(), ids=lambda path: path.stem)
def test_the_chapters_of_the_book_can_be_cut(source: Path) -> None:
    """Also of what is executed: the cells that papermill and the badges add."""
    executed = read(source)
    injected = new_code_cell("seed = 1", metadata={"tags": ["injected-parameters"]})
    executed.cells.insert(2, injected)
    whole = with_outputs(read(source), executed)
    parts = split(whole, f"notebooks/{source.stem}")
    assert parts[0].address == f"notebooks/{source.stem}"
    assert sources(parts)[1:] == [cell.source.rstrip() for cell in whole.cells][1:]
    text = source.read_text(encoding="utf-8")
    assert len(parts) == 1 + text.count('+++ {"page"')
    if source.stem[:2] in ("01", "02"):
        assert [part.name for part in parts] == ["method", "training", "evidence"]
