"""Data frames as tables that a screen reader can read and a phone can scroll."""

from collections.abc import Mapping
from html import escape

import pandas as pd

from tubekit.plots.html import Html

VERDICT_ICONS: Mapping[str, str] = {
    "reproduced": "✓",
    "trend only": "≈",
    "not reproduced": "✗",
    "not comparable": "–",
}


def table_html(frame: pd.DataFrame, *, caption: str, verdict: str | None = None) -> Html:
    """A table with caption, row and column headings, in a box that scrolls sideways.

    Args:
        frame: cells as they shall be printed; the index becomes the row headings.
        caption: what the table shows; also its name for screen readers.
        verdict: column of verdict words, which get a sign before the word.
    Raises:
        ValueError: an empty caption, or a ``verdict`` column that is not there.
    """
    if not caption.strip():
        raise ValueError("caption must say what the table shows, got an empty text; add one")
    if verdict is not None and verdict not in frame.columns:
        raise ValueError(
            f"verdict must name a column of {[str(c) for c in frame.columns]}, got {verdict!r}"
            "; choose one"
        )
    head = [str(frame.index.name or ""), *map(str, frame.columns)]
    heading = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = []
    # Row tuples keep the type of each column; rows as series would turn whole numbers into floats.
    for name, row in zip(frame.index, frame.itertuples(index=False, name=None), strict=True):
        cells = "".join(
            f"<td>{_verdict(str(value)) if column == verdict else escape(_text(value))}</td>"
            for column, value in zip(frame.columns, row, strict=True)
        )
        body.append(f'<tr><th scope="row">{escape(str(name))}</th>{cells}</tr>')
    text = escape(caption)
    return Html(
        f'<div class="wide-table" role="region" tabindex="0" aria-label="{text}" '
        'style="overflow-x:auto">'
        f"<table><caption>{text}</caption><thead><tr>{heading}</tr></thead>"
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def _text(value: object) -> str:
    return "–" if value is None or (isinstance(value, float) and value != value) else str(value)


def _verdict(word: str) -> str:
    icon = VERDICT_ICONS.get(word, "")
    sign = f'<span aria-hidden="true">{icon}</span> ' if icon else ""
    kind = word.replace(" ", "-") if icon else "none"
    return f'<span class="verdict verdict-{escape(kind)}">{sign}{escape(word)}</span>'
