"""A long chapter as several pages: its one executed notebook, cut at marked headings.

In the source a break names the page that starts with the heading below it::

    +++ {"page": "training"}

    ## Training

What stands before the first break keeps the address of the chapter.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from tubekit._extras import extra
from tubekit.bookbuild.layout import BuildError

with extra("book", __name__):
    import yaml
    from nbformat import NotebookNode, from_dict
from nbformat.v4 import new_markdown_cell

FIRST = "method"
MARK = "page"
WHOLE = "_downloads_src/whole"
TITLE = re.compile(r"^# (.+)$", re.M)
HEADED = re.compile(r"(\(\S+\)=\s+)*## ")


@dataclass(frozen=True)
class Part:
    """One page of a chapter: what it is about, its address without ending, its cells."""

    name: str
    address: str
    notebook: NotebookNode

    @property
    def places(self) -> set[str]:
        """The ids in what the cells printed."""
        outputs = (output for cell in self.notebook.cells for output in cell.get("outputs", []))
        text = "".join(output.get("data", {}).get("text/html", "") for output in outputs)
        return set(re.findall(r' id="([^"]+)"', text))


def title_cell(notebook: NotebookNode, name: str) -> NotebookNode:
    """The cell with the title of a notebook.

    Raises:
        BuildError: there is none; the message names the notebook.
    """
    titled = next((cell for cell in notebook.cells if TITLE.search(cell.source)), None)
    if titled is None or titled.cell_type != "markdown":
        raise BuildError(f"{name}.md needs a title: a first line that starts with `# `")
    return titled


def title(notebook: NotebookNode, name: str) -> str:
    """The title of a notebook; errors as in ``title_cell``."""
    return TITLE.findall(title_cell(notebook, name).source)[0]


def split(notebook: NotebookNode, address: str) -> list[Part]:
    """The pages of a chapter in reading order; one where nothing is marked.

    Args:
        notebook: with outputs; its cells go to the pages, and the title of each page is new.
        address: of the chapter, e.g. ``notebooks/01_skeleton_recall``.
    Raises:
        BuildError: a mark without a heading of the second level below it, or a name that is
            no lower-case word or comes twice.
    """
    groups: dict[str, list[NotebookNode]] = {FIRST: []}
    for cell in notebook.cells:
        name = cell.metadata.get(MARK)
        if name is not None:
            _checked(name, cell, groups, address)
        groups.setdefault(name or list(groups)[-1], []).append(cell)
    if len(groups) == 1:
        return [Part(FIRST, address, notebook)]
    subject = title(notebook, address).partition(":")[0]
    addresses = {name: address if name == FIRST else f"{address}-{name}" for name in groups}
    parts = []
    for name, cells in groups.items():
        shown = [f"**{n}**" if n == name else f"{{doc}}`{n} </{addresses[n]}>`" for n in groups]
        pages = f"```{{div}} chapter-pages\nPages of this chapter: {', '.join(shown)}.\n```"
        if name == FIRST:
            first = title_cell(notebook, address)
            head = from_dict(
                {**first, "source": TITLE.sub(rf"\g<0>\n\n{pages}\n", first.source, count=1)}
            )
            cells = [head if cell is first else cell for cell in cells]
        else:
            cells = [new_markdown_cell(f"# {subject}: {name}\n\n{pages}", id="cell-title"), *cells]
        parts.append(Part(name, addresses[name], from_dict({**notebook, "cells": cells})))
    return parts


def _checked(name: Any, cell: NotebookNode, earlier: Mapping[str, Any], address: str) -> None:
    """Refuse a mark that would make a page without heading, without address, or a second one."""
    if not isinstance(name, str) or not re.fullmatch("[a-z]+", name) or name in earlier:
        raise BuildError(
            f"{address}.md: expected for each page a lower-case word of its own other than "
            f"{', '.join(earlier)}, got {name!r}; rename it"
        )
    if cell.cell_type != "markdown" or not HEADED.match(cell.source):
        raise BuildError(
            f"{address}.md: expected a heading `## ...` below the mark of page {name!r}, got "
            f"{cell.source[:40]!r}; move the mark above a heading"
        )


def contents(toc: str, chapters: Mapping[str, Sequence[Part]]) -> str:
    """The table of contents (YAML) with the further pages of a chapter below its first."""
    tree = yaml.safe_load(toc)
    for group in tree["parts"]:
        group["chapters"] = [e for entry in group["chapters"] for e in _entries(entry, chapters)]
    return yaml.safe_dump(tree, sort_keys=False)


def _entries(entry: dict[str, Any], chapters: Mapping[str, Sequence[Part]]) -> list[dict[str, Any]]:
    pattern = entry.get("glob") or entry["file"]
    found = [address for address in sorted(chapters) if fnmatchcase(address, pattern)]
    entries = []
    for address in found:
        below = [{"file": p.address, "title": p.name.capitalize()} for p in chapters[address][1:]]
        entries.append({"file": address, **({"sections": below} if below else {})})
    return entries or [entry]


def whole_downloads(staged: Path, site: Path) -> None:
    """Let every page of a chapter offer its whole notebook, here and where it can be run.

    The theme knows only the source of each page: cells of a part, under an address that the
    repository does not have.
    """
    for whole in sorted((staged / WHOLE).glob("*.ipynb")):
        sources = site / "_sources" / "notebooks"
        (sources / whole.name).write_bytes(whole.read_bytes())
        for piece in sources.glob(f"{whole.stem}-*.ipynb"):
            piece.unlink()
            page = site / "notebooks" / f"{piece.stem}.html"
            text = page.read_text(encoding="utf-8").replace(piece.name, whole.name)
            page.write_text(text, encoding="utf-8")
