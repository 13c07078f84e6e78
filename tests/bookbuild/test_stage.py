"""Staging and finishing: fresh prose with stored outputs, exact folders, pruned sites."""

import dataclasses
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tubekit import _folders
from tubekit.bookbuild.execute import Run, read
from tubekit.bookbuild.layout import BuildError, Layout, checkout
from tubekit.bookbuild.ledger_page import ledger_page
from tubekit.bookbuild.pages import status
from tubekit.bookbuild.site import finish
from tubekit.bookbuild.stage import add_header, digest, sync, with_outputs

from .conftest import HEADER

RUN = Run(
    notebook="00_small",
    key="0",
    profile="smoke",
    seconds=130.0,
    peak_memory_mb=1234.0,
    finished="2026-01-02T03:04:05+00:00",
    passport={
        "device": "CPU <x>",
        "commit": "abc",
        "versions": {"torch": "2.13.0"},
        "data": [{"name": "toy", "source": "real"}],
        "verdicts": {},
    },
    folder="",
)


def test_a_page_built_without_data_says_so_below_its_title(layout: Layout) -> None:
    absent = {"name": "fundus phantom", "source": "phantom", "in_place_of": "CHASE_DB1"}
    run = dataclasses.replace(RUN, passport={**RUN.passport, "data": [absent, absent]})
    for passport, words in ((run, 1), (RUN, 0)):
        page = new_notebook(cells=[new_markdown_cell("# Title")])
        add_header(page, passport, layout)
        assert page.cells[0].source.count("CHASE_DB1") == words
        assert page.cells[0].source.count("phantom-badge") == words


def test_outputs_follow_their_cells_and_prose_is_fresh() -> None:
    parameters = {"tags": ["parameters"]}
    said = (("stdout", "prin"), ("stdout", "ted\n"), ("stderr", "bad"), ("stdout", "more"))
    outputs = [new_output("stream", name=name, text=text) for name, text in said]
    executed = new_notebook(
        cells=[
            new_markdown_cell("old prose"),
            new_code_cell("profile = 'smoke'", metadata=parameters),
            new_code_cell("profile = 'laptop'", metadata={"tags": ["injected-parameters"]}),
            new_code_cell("print()", outputs=outputs, execution_count=3),
        ]
    )
    fresh = new_notebook(
        cells=[
            new_markdown_cell("new prose"),
            new_markdown_cell("one more"),
            new_code_cell("profile = 'smoke'", metadata=parameters),
            new_code_cell("print()"),
        ]
    )
    merged = with_outputs(fresh, executed).cells
    assert [cell.source for cell in merged] == [
        "new prose",
        "one more",
        "profile = 'smoke'",
        "profile = 'laptop'",
        "print()",
    ]
    found = [(out.name, out.text) for out in merged[-1].outputs]
    assert found == [("stdout", "printed\n"), ("stderr", "bad"), ("stdout", "more")]


def test_a_badge_stands_above_the_figure_and_not_in_it() -> None:
    badge = new_output("display_data", {"text/html": "<p>Phantom.</p>"})
    picture = new_output(
        "display_data", {"image/png": "AAAA"}, metadata={"image/png": {"alt": "A"}}
    )
    figure = {"mystnb": {"figure": {"caption": "Two", "name": "fig-a"}}}
    done = [new_code_cell("draw()", outputs=[badge, picture]) for _ in range(2)]
    executed = new_notebook(cells=done)
    fresh = new_notebook(cells=[new_code_cell("draw()", metadata=figure), new_code_cell("draw()")])
    above, drawn, plain = with_outputs(fresh, executed).cells
    assert (above.source, above.outputs) == ("", [badge])
    assert above.metadata["tags"] == ["remove-input"]
    assert drawn.outputs == [picture]
    assert drawn.metadata["mystnb"]["figure"]["name"] == "fig-a"
    assert plain.outputs == [badge, picture]


def test_equal_runs_give_equal_notebooks(tmp_path: Path) -> None:
    """Else no page would ever be unchanged."""
    source = tmp_path / "a.md"
    source.write_text(HEADER + "# Title\n\n```{code-cell} ipython3\n1 + 1\n```\n\nText\n")
    first, second = (with_outputs(read(source), read(source)) for _ in range(2))
    assert nbformat.writes(first) == nbformat.writes(second)


def test_header_stands_below_the_title_even_after_a_label(layout: Layout) -> None:
    notebook = new_notebook(cells=[new_markdown_cell("(ch-x)=\n# Title\n\nText")])
    add_header(notebook, RUN, layout)
    lines = notebook.cells[0].source.splitlines()
    assert lines[:2] == ["(ch-x)=", "# Title"]
    assert "2 min, 1.2 GB" in notebook.cells[0].source
    assert "github/tubekit/tubekit/blob/main/notebooks/00_small.ipynb" in notebook.cells[0].source
    assert lines[-1] == "Text"
    with pytest.raises(BuildError, match="needs a title"):
        add_header(new_notebook(cells=[new_markdown_cell("no title")]), RUN, layout)


def test_sync_makes_the_folder_exact_and_leaves_equal_files_alone(tmp_path: Path) -> None:
    sync({"a.md": b"1", "sub/b.md": b"2"}, tmp_path)
    stamp = (tmp_path / "a.md").stat().st_mtime_ns
    sync({"a.md": b"1", "c.md": b"3"}, tmp_path)
    assert {p.name for p in tmp_path.rglob("*") if p.is_file()} == {"a.md", "c.md"}
    assert (tmp_path / "a.md").stat().st_mtime_ns == stamp


def test_digest_depends_on_names_contents_and_borders() -> None:
    values = [{"a": b"1"}, {"a": b"2"}, {"b": b"1"}, {"a": b"1", "b": b""}, {"a": b"", "b": b"1"}]
    assert len({digest(value) for value in values}) == len(values)


def test_generated_tables_escape_what_they_are_given() -> None:
    assert "CPU &lt;x&gt;" in status([RUN])


def test_the_ledger_is_folded_and_every_row_has_a_place() -> None:
    rows = [
        {
            "chapter": "c", "table": table, "row": "<r>", "metric": "m", "paper": "not known",
            "ours": "1", "data": "d", "seeds": 3, "verdict": verdict, "reason": "because",
            "link": "notebooks/00_small", "place": place, "id": f"c-{number}",
        }
        for number, (table, verdict, place) in enumerate(
            [("T", "not comparable", "here"), ("U", "reproduced", "gone"), ("U", "trend only", "x")]
        )
    ]  # fmt: skip
    page = ledger_page(
        rows,
        {"notebooks/00_small": "A <title>"},
        {"notebooks/00_small": {"here": "notebooks/00_small-proof"}},
    )
    assert "3 rows: 1 reproduced, 1 trend only, 1 not comparable." in page
    assert page.count("<details") == 3  # the chapter and its two tables
    assert "<strong>U</strong>, 2 rows: " in page
    assert '<a href="notebooks/00_small-proof.html#here">&lt;r&gt;</a>' in page
    assert page.count('<a href="notebooks/00_small.html">') == 2  # no such place in the chapter
    assert '<option value="notebooks/00_small">A &lt;title&gt;</option>' in page
    assert [f'id="c-{n}" href="#c-{n}"' in page for n in range(3)] == [True] * 3


def test_finish_prunes_mathjax_and_makes_the_entry_a_page(tmp_path: Path) -> None:
    static = tmp_path / "_static"
    kept = ["startup.js", "output/chtml/fonts/woff-v2/x.woff", "input/tex/extensions/ams.js"]
    for name in [*kept, "tex-chtml.js", "sre/mathmaps/en.json"]:
        path = static / "mathjax" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    options = static / "documentation_options.js"
    options.write_text("const DOCUMENTATION_OPTIONS = {SHOW_SEARCH_SUMMARY: true,}")
    index = tmp_path / "index.html"
    index.write_text('<meta http-equiv="Refresh" content="0; url=intro.html" />')
    (tmp_path / "intro.html").write_text("<title>A book of\n tubes &#8212; Site</title>")
    finish(tmp_path)
    left = {p.relative_to(static / "mathjax").as_posix() for p in (static / "mathjax").rglob("*.*")}
    assert left == set(kept)
    assert not (static / "mathjax" / "sre").exists()
    assert 'location.protocol !== "file:"' in options.read_text()
    entry = index.read_text()
    assert "url=intro.html" in entry
    assert '<link rel="icon" href="data:,">' in entry
    assert '<a href="intro.html">A book of tubes</a>' in entry
    fresh = "SHOW_SEARCH_SUMMARY: true"
    options.write_text(fresh)
    finish(tmp_path)  # a second build may find the first one's entry
    assert index.read_text() == entry
    options.write_text(fresh)
    index.write_text("<p>nothing</p>")
    with pytest.raises(ValueError, match="expected a redirect"):
        finish(tmp_path)
    options.write_text("renamed")
    with pytest.raises(ValueError, match="names the option differently"):
        finish(tmp_path)


def test_layout_needs_a_checkout(
    tmp_path: Path, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_folders, "_PACKAGE", tmp_path / "site-packages" / "tubekit")
    with pytest.raises(BuildError, match=r"expected to run from a checkout, .* type: git clone"):
        checkout()
    with pytest.raises(BuildError, match=r"expected MyST notebooks"):
        dataclasses.replace(layout, notebooks=tmp_path / "elsewhere").notebook_sources()
