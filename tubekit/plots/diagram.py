"""Diagrams of methods: boxes, arrows, and names of code that must exist."""

import importlib
import re
import textwrap
from collections.abc import Mapping, Sequence
from html import escape

from tubekit._html import Html
from tubekit.plots.diagram_layout import WIDTH, Box, Layout, Point
from tubekit.plots.style import OKABE_ITO

ARROW = re.compile(r"(\S+) (->|<->|\.\.>) (\S+) ?(.*)")
VERBS = {"->": "leads to", "<->": "exchanges with", "..>": "gives, without a gradient, to"}
COLOURS = {
    "losses": OKABE_ITO["vermilion"],
    "networks": OKABE_ITO["blue"],
    "geometry": OKABE_ITO["green"],
    "data": OKABE_ITO["green"],
}
LINE, PADDING = 15.0, 8.0
CODE, PROSE = 6.75, 6.6  # widest usual character of 11.2 px monospace, mean one of 12 px sans-serif
CODE_FONT = "font-family:ui-monospace,monospace;font-size:11.2px"
STYLE = (
    "display:block;width:100%;max-width:27rem;height:auto;margin:0 auto;"
    "font-family:system-ui,sans-serif;font-size:12px"
)


def diagram(
    grid: Sequence[str], boxes: Mapping[str, str], arrows: Sequence[str], *, name: str, alt: str
) -> Html:
    """Boxes and arrows as SVG in the colour of the surrounding text.

    It is 320 units wide with type of 11 units and more, so a phone shows it as it is and a desktop
    enlarges it.

    Args:
        grid: rows of box keys with blanks between them; a key that is repeated within a row spans
            these columns, a dot is a free cell.
        boxes: text by key. A word that starts with ``tubekit.`` is the public name of code: it is
            looked up, and gives the box its colour.
        arrows: ``"a -> b"``, ``"a <-> b"`` or, dotted, ``"a ..> b"`` where no gradient flows; then
            a label, if wanted. An arrow runs to a neighbour, straight through free cells, around
            a corner into the next row, or along a margin.
        name: identifier of the drawing in its page.
        alt: what is to be seen, in a sentence; the arrows are added to it in words.
    Raises:
        ValueError: a name that the library does not export, text wider than its box, a box or an
            arrow that does not fit into the grid, or an empty ``alt``.
    Example:
        >>> boxes = {"a": "a mask", "b": "tubekit.geometry.skeletonize"}
        >>> drawn = diagram(["a b"], boxes, ["a -> b"], name="thin", alt="A mask is thinned.")
        >>> drawn.text.startswith("<svg")
        True
    """
    if not alt.strip():
        raise ValueError("alt needs a sentence that says what is to be seen, got an empty text")
    links = [_arrow(text, boxes) for text in arrows]
    layout = Layout(grid, [(start, end) for start, _, end, _ in links])
    if layout.at.keys() != boxes.keys():
        raise ValueError(
            f"expected the grid to hold the boxes {sorted(boxes)}, got {sorted(layout.at)}; "
            "give each one a text and a place"
        )
    texts = {key: _lines(key, text, layout.width(key)) for key, text in boxes.items()}
    height = layout.stack({key: len(text) * LINE + 2 * PADDING for key, text in texts.items()})
    places = [layout.box(key) for key in texts]
    parts = [
        _box(place, texts[key], _colour(boxes[key]))
        for key, place in zip(texts, places, strict=True)
    ]
    for start, kind, end, label in links:
        corners, label_at = layout.path(start, end)
        parts.append(_line(corners, kind, name) + _label(label, label_at, places))
    said = "; ".join(f"{boxes[a]} {VERBS[kind]} {boxes[b]}" for a, kind, b, _ in links)
    return Html(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {height:g}" role="img" '
        f'style="{STYLE}" aria-labelledby="{name}-title" aria-describedby="{name}-desc">'
        f'<title id="{name}-title">{escape(alt)}</title>'
        f'<desc id="{name}-desc">{escape(said)}.</desc><defs><marker id="{name}-head" '
        'viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
        'markerUnits="userSpaceOnUse" orient="auto-start-reverse">'
        f'<path d="M0 0L8 4L0 8z" fill="currentColor"/></marker></defs>{"".join(parts)}</svg>'
    )


def _public(name: str) -> tuple[str, str]:
    """Package and name in it; an error unless the package exports that name."""
    package, _, last = name.rpartition(".")
    try:
        found = last in importlib.import_module(package).__all__
    except (ImportError, AttributeError):
        found = False
    if not found:
        raise ValueError(f"{name} is no public name of the library; correct it, or export it")
    return package, last


def _arrow(text: str, boxes: Mapping[str, str]) -> tuple[str, str, str, str]:
    found = ARROW.fullmatch(text)
    if not found or {found[1], found[3]} - boxes.keys() or found[1] == found[3]:
        raise ValueError(
            f"an arrow reads 'a -> b label' with ->, <-> or ..> between two of the boxes "
            f"{sorted(boxes)}, got {text!r}; correct it"
        )
    return found[1], found[2], found[3], found[4]


def _lines(key: str, text: str, width: float) -> list[tuple[str, str]]:
    """Lines of a box with their style; a name of code may break after its last dot."""
    found: list[tuple[str, str]] = []
    room = width - 8
    for part in re.split(r"\s*(\btubekit\.[\w.]+)\s*", text):
        if part.startswith("tubekit."):
            package, last = _public(part)
            pieces = [part] if len(part) * CODE <= room else [f"{package}.", last]
            found += [(CODE_FONT, piece) for piece in pieces]
        elif part:
            found += [("", line) for line in _even(part, int(room / PROSE))]
    for style, line in found:
        if len(line) * (CODE if style else PROSE) > room:
            raise ValueError(f"{line!r} does not fit into box {key!r}; let it span more columns")
    return found


def _even(text: str, width: int) -> list[str]:
    """Wrapped lines, as few as fit and as even as that allows."""
    wrapped = [textwrap.wrap(text, w, break_long_words=False) for w in range(1, max(width, 1) + 1)]
    return next(lines for lines in wrapped if len(lines) == len(wrapped[-1]))


def _colour(text: str) -> str:
    named = re.search(r"\btubekit\.(\w+)", text)
    return COLOURS.get(named[1], "gray") if named else "gray"


def _box(box: Box, lines: Sequence[tuple[str, str]], colour: str) -> str:
    left, top, right, bottom = box
    x, y = (left + right) / 2, (top + bottom - LINE * len(lines)) / 2 + 11.5
    text = "".join(
        f'<text x="{x:.1f}" y="{y + LINE * i:.1f}" text-anchor="middle" fill="currentColor" '
        f'style="{style}">{escape(line)}</text>'
        for i, (style, line) in enumerate(lines)
    )
    return (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" '
        f'height="{bottom - top:.1f}" rx="6" fill="{colour}" fill-opacity="0.12" '
        f'stroke="{colour}" stroke-width="1.5"/>{text}'
    )


def _line(corners: Sequence[Point], kind: str, name: str) -> str:
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in corners)
    both = f' marker-start="url(#{name}-head)"' if kind == "<->" else ""
    dots = ' stroke-dasharray="2 3"' if kind == "..>" else ""
    return (
        f'<path d="{path}" fill="none" stroke="currentColor" stroke-width="1.3"{dots}{both} '
        f'marker-end="url(#{name}-head)"/>'
    )


def _label(label: str, at: Point, boxes: Sequence[Box]) -> str:
    """Text beside an arrow, from its left edge, at half height."""
    if not label:
        return ""
    (x, y), end = at, at[0] + len(label) * PROSE
    hits = any(x < c and a < end and y - 5 < d and b < y + 5 for a, b, c, d in boxes)
    if hits or end > WIDTH:
        raise ValueError(f"no room for the label {label!r}; shorten it, or leave cells free")
    return f'<text x="{x:.1f}" y="{y + 4:.1f}" fill="currentColor">{escape(label)}</text>'
