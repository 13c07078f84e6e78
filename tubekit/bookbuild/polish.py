"""Mend what the theme and its extensions write into the pages: for screen readers, for weight."""

import base64
import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path

from PIL import Image

Replacement = str | Callable[[re.Match[str]], str]
# Of all pages; each pattern is written so that a mended page is left as it is.
CORRECTIONS: tuple[tuple[str, Replacement], ...] = (
    # 1.5 MB that turn icons into drawings: the font of the same icons is there already.
    (r"<script[^>]*/fontawesome\.js[^>]*></script>\n?", ""),
    # `formulas.js` brings the parts that are needed when they are.
    (r"<script[^>]*/mathjax/[^>]*></script>\n?", ""),
    # A letter in the contents needs no MathJax, or the page would load it for that letter.
    (r'( nav-link"[^>]*>[^\n]*)<span class="math[^>]*>\\\((\w)\\\)</span>', r"\1<em>\2</em>"),
    # An icon says nothing: the button around it has a name.
    (r'<i class="([^"]*\bfa\w? [^"]*|fa-solid[^"]*)">', r'<i class="\1" aria-hidden="true">'),
    # The logo must lie in a landmark like everything else.
    (
        r'<div id="pst-primary-sidebar" class',
        '<div id="pst-primary-sidebar" role="region" aria-label="Book" class',
    ),
    # The arrow that folds a part of the contents.
    (r">([^<>]+)</a><details([^>]*)><summary>", r'>\1</a><details\2><summary aria-label="\1">'),
    # A corner or a column without words is no heading.
    (r"<th(?: [^>]*)?>(?:\s|<p></p>)*</th>", "<td></td>"),
    # A role that is deprecated, and not what a list holds.
    (r'role="doc-biblioentry"', 'role="listitem"'),
    # What may scroll sideways must be reached by keyboard.
    (
        r'<div class="pst-scrollable-table-container">',
        '<div class="pst-scrollable-table-container" role="group" tabindex="0" aria-label="Table">',
    ),
    (
        r'(?<!aria-label="Table">)(<table border="1" class="dataframe">.*?</table>)',
        r'<div class="wide-table" role="group" tabindex="0" aria-label="Table">\1</div>',
    ),
)
# Only where a reader searches; the theme loads the index with every page.
SEARCH = re.compile(
    r'<script src="[^"]*(?:searchtools|language_data|searchindex)\.js[^"]*"></script>\n?'
)
INSIDE = re.compile(r'src="data:image/png;base64,([^"]+)"')
PICTURE = re.compile(
    r'<img ((?:(?!loading=)[^>])*?)src="([^":]+\.png)"((?:(?!loading=)[^>])*?)(/?)>'
)


def polish(page: Path, site: Path) -> None:
    """Correct one page of the site in place."""
    text = page.read_text(encoding="utf-8")
    for pattern, replacement in CORRECTIONS:
        text = re.sub(pattern, replacement, text, flags=re.S)
    if page.name != "search.html":
        text = SEARCH.sub("", text)
    text = INSIDE.sub(lambda found: _outside(found[1], page, site), text)
    text = PICTURE.sub(lambda found: _late(found, page.parent), text)
    page.write_text(text, encoding="utf-8")


def _outside(picture: str, page: Path, site: Path) -> str:
    """A picture inside the page becomes a file: it can come later, and need not be read twice."""
    content = base64.b64decode(picture)
    target = site / "_images" / f"{hashlib.sha256(content).hexdigest()}.png"
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(content)
    return f'src="{os.path.relpath(target, page.parent)}"'


def _late(found: re.Match[str], folder: Path) -> str:
    """A picture that is loaded when it comes near, in a place of its size."""
    before, source, after, end = found.groups()
    with Image.open(folder / source) as image:
        width, height = image.size
    # A style that limits the height would squeeze a picture whose width is given.
    size = "" if "max-height" in before + after else f' width="{width}" height="{height}"'
    return f'<img {before}src="{source}"{after}{size} loading="lazy"{end}>'
