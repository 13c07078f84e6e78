"""Data frames as tables that a screen reader can read and a phone can scroll."""

from collections.abc import Mapping
from html import escape

import numpy as np
import pandas as pd

from tubekit.plots.html import Html

VERDICT_ICONS: Mapping[str, str] = {
    "reproduced": "✓",
    "trend only": "≈",
    "not reproduced": "✗",
    "not comparable": "–",
}


def table_html(
    frame: pd.DataFrame, *, caption: str, verdict: str | None = None, digits: int = 3
) -> Html:
    """A table with caption, row and column headings, in a box that scrolls sideways.

    Args:
        frame: text, whole numbers and fractions; the index becomes the row headings.
        caption: what the table shows; also its name for screen readers.
        verdict: column of verdict words, which get a sign before the word.
        digits: of fractions after the point.
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
    names = [str(name) for name in frame.index.names if name]
    head = [", ".join(names), *map(str, frame.columns)]
    heading = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = []
    # Row tuples keep the type of each column; rows as series would turn whole numbers into floats.
    for name, row in zip(frame.index, frame.itertuples(index=False, name=None), strict=True):
        texts = [_text(value, digits) for value in row]
        cells = "".join(
            f"<td>{_verdict(text) if column == verdict else escape(text)}</td>"
            for column, text in zip(frame.columns, texts, strict=True)
        )
        body.append(f'<tr><th scope="row">{escape(_heading(name))}</th>{cells}</tr>')
    text = escape(caption)
    return Html(
        f'<div class="wide-table" role="region" tabindex="0" aria-label="{text}" '
        'style="overflow-x:auto">'
        f"<table><caption>{text}</caption><thead><tr>{heading}</tr></thead>"
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def _heading(name: object) -> str:
    return ", ".join(map(str, name)) if isinstance(name, tuple) else str(name)


def _text(value: object, digits: int) -> str:
    if value is None or value != value:
        return "–"
    if isinstance(value, float | np.floating):
        return f"{value:.{digits}f}"
    return str(value)


def _verdict(word: str) -> str:
    icon = VERDICT_ICONS.get(word, "")
    sign = f'<span aria-hidden="true">{icon}</span> ' if icon else ""
    kind = word.replace(" ", "-") if icon else "none"
    return f'<span class="verdict verdict-{escape(kind)}">{sign}{escape(word)}</span>'
