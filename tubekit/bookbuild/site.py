"""Finish a rendered site so that it is complete on a disk without network, and no larger."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from tubekit.bookbuild.polish import polish
from tubekit.bookbuild.weight import lighten

ENTRY = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="0; url={page}">
<link rel="icon" href="data:,">
<title>{title}</title>
<p><a href="{page}">{title}</a></p>
</html>
"""
# Of MathJax's 24 MB: what `formulas.js` asks for.
MATHJAX_KEPT = (
    "startup.js",
    "core.js",
    "input/tex-base.js",
    "input/tex/extensions/ams.js",
    "output/chtml.js",
    "output/chtml/fonts/",
    "a11y/assistive-mml.js",
)


def finish(site: Path) -> None:
    """Correct the pages, keep the search silent, make the entry a page, prune what none uses."""
    _prune_mathjax(site / "_static" / "mathjax")
    _search_without_server(site / "_static" / "documentation_options.js")
    _entry_page(site / "index.html")
    for page in site.rglob("*.html"):
        polish(page, site)
    for leftover in _unused(site):
        leftover.unlink()
    lighten(site)


def _prune_mathjax(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not name.startswith(MATHJAX_KEPT):
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def _search_without_server(options: Path) -> None:
    """Search results quote the page they found, which browsers forbid between files on a disk."""
    text = options.read_text(encoding="utf-8")
    quoted = "SHOW_SEARCH_SUMMARY: true"
    if quoted not in text:
        raise ValueError(
            f"{options}: expected {quoted!r}, found none; this version of Sphinx names the option "
            "differently"
        )
    text = text.replace(quoted, 'SHOW_SEARCH_SUMMARY: location.protocol !== "file:"')
    options.write_text(text, encoding="utf-8")


def _entry_page(index: Path) -> None:
    """Jupyter Book's bare redirect names no icon, so browsers ask for one that is not there.

    The icon here is an empty one inside the page: a request would be cut off by leaving at once.
    """
    found = re.search(r'url=([^"]+)"', index.read_text(encoding="utf-8"))
    if found is None:
        raise ValueError(
            f"{index}: expected a redirect to the first page, found none; this version of Jupyter "
            "Book writes it differently"
        )
    first = (index.parent / found[1]).read_text(encoding="utf-8")
    named = re.search(r"<title>(.*?)</title>", first, re.DOTALL)
    title = " ".join(named[1].partition("&#8212;")[0].split()) if named else found[1]
    index.write_text(ENTRY.format(page=found[1], title=title), encoding="utf-8")


def _unused(site: Path) -> Iterator[Path]:
    yield from (site / "_static").rglob("*.map")
    yield from (site / "_static").rglob("fontawesome.js*")


def clean(build: Path) -> None:
    """Remove the built site and its sources, not the runs."""
    shutil.rmtree(build, ignore_errors=True)
