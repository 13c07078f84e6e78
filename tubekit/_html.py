"""The one place that writes tables as HTML, for notebooks, generated pages and reports."""

import dataclasses
from collections.abc import Iterable, Sequence
from html import escape


@dataclasses.dataclass(frozen=True)
class Html:
    """HTML text; as the last value of a cell it is shown as a page fragment.

    Attributes:
        text: a fragment, not a whole page.
    Example:
        >>> Html("<b>bold</b>").text
        '<b>bold</b>'
    """

    text: str

    def _repr_html_(self) -> str:
        return self.text


def cell(value: object) -> str:
    """HTML of one value: ``Html`` stays as it is, nothing and NaN become a dash."""
    if isinstance(value, Html):
        return value.text
    missing = value is None or (isinstance(value, float) and value != value)
    return "–" if missing else escape(str(value))


def link(address: str, text: str) -> Html:
    """A link to a page of the book."""
    return Html(f'<a class="reference internal" href="{escape(address)}">{escape(text)}</a>')


def table(
    caption: str,
    head: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    key: str = "",
    kind: str = "",
    note: str = "",
) -> Html:
    """A table in a box of its own that can be reached by keyboard and scrolls if it must.

    From four columns on it takes the margin of the page, too (``full-width`` is a class of the
    theme). Every cell carries the name of its column: on a narrow page the style sheet shows each
    row as a card, so that nothing lies beyond the border.

    Args:
        caption: what the table shows; also its name for screen readers.
        head: names of the columns; none leaves the head out.
        rows: cells of each row; the first one is the heading of the row.
        key: id of the table, for links to it.
        kind: further classes of the box.
        note: a sentence below the table.
    """
    labels = [f' data-label="{escape(name)}"' for name in head] or [""] * 2
    heading = "".join(_heading(name) for name in head)
    body = "\n".join(
        f'<tr><th scope="row">{cell(first)}</th>'
        + "".join(f"<td{at}>{cell(v)}</td>" for at, v in zip(labels[1:], rest, strict=True))
        + "</tr>"
        for first, *rest in rows
    )
    name = escape(caption)
    wide = "full-width cards" if len(head) > 3 else ""
    classes = " ".join(filter(None, ("wide-table", wide, kind)))
    place = f' id="{escape(key)}"' if key else ""
    return Html(
        f'<div class="{classes}"{place} role="group" tabindex="0" aria-label="{name}"><table>'
        f"<caption>{name}</caption>"
        + (f"<thead><tr>{heading}</tr></thead>" if head else "")
        + f"<tbody>\n{body}\n</tbody></table></div>"
        + (f'<p class="table-note">{escape(note)}</p>' if note else "")
    )


def _heading(name: str) -> str:
    """A corner without words is no heading."""
    return f'<th scope="col">{escape(name)}</th>' if name else "<td></td>"
