"""`tubekit new chapter`: a room and a notebook that run, to be filled."""

import keyword
import re
from pathlib import Path
from string import Template
from typing import Annotated

import typer

from tubekit._folders import checkout

TEMPLATE = Path(__file__).parent / "_template"


def make_chapter(name: str, title: str, citation: str, root: Path) -> list[Path]:
    """Write the room and the notebook of a chapter; nothing is written over.

    Args:
        name: of the room and of its recipes, e.g. ``"boundary"``.
        title: of the page.
        citation: key of the paper in ``book/references.bib``.
        root: of the checkout.
    Returns:
        The files.
    Raises:
        ValueError: a name that is none of Python or is taken, a title with quotes, or a key that
            the bibliography lacks.
    """
    room = root / "tubekit" / "chapters" / name
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name) or room.exists():
        raise ValueError(
            f"expected a new name of small letters, digits and underscores, got {name!r}; "
            "choose another"
        )
    if f"{{{citation}," not in (root / "book" / "references.bib").read_text(encoding="utf-8"):
        raise ValueError(
            f"expected a key of book/references.bib, got {citation!r}; add the paper there first"
        )
    if not title.strip() or set(title) & set('"\\\n'):
        raise ValueError(f"expected a title in one line without quotes, got {title!r}; shorten it")
    pages = root / "notebooks"
    taken = [int(path.name[:2]) for path in pages.glob("[0-8][0-9]_*.md")]
    page = f"{max(taken, default=0) + 1:02d}_{name}"
    words = {"name": name, "title": title, "citation": citation, "page": page}
    targets = {
        path: pages / f"{page}.md" if path.stem == "notebook.md" else room / path.stem
        for path in sorted(TEMPLATE.glob("*.txt"))
    }
    for source, target in targets.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        text = Template(source.read_text(encoding="utf-8")).substitute(words)
        target.write_text(text, encoding="utf-8")
    return list(targets.values())


def chapter_command(
    name: Annotated[str, typer.Argument(help="of its room and recipes, e.g. boundary")],
    title: Annotated[str, typer.Option(help="of its page")],
    citation: Annotated[str, typer.Option(help="key of the paper in book/references.bib")],
) -> None:
    """Make a chapter that builds, tests and appears in the ledger."""
    root = checkout()
    if root is None:
        raise ValueError("expected a checkout of the repository, got an installation; clone it")
    for path in make_chapter(name, title, citation, root):
        typer.echo(f"wrote {path.relative_to(root)}")
    typer.echo("next: jupytext --sync notebooks/*.md, then tubekit run " + name)
