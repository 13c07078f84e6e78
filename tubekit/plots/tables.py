"""Data frames as tables that a screen reader can read and a phone can show."""

from collections.abc import Mapping
from html import escape

import numpy as np
import pandas as pd

from tubekit._html import Html, table

VERDICT_ICONS: Mapping[str, str] = {
    "reproduced": "✓",
    "trend only": "≈",
    "open": "?",
    "opposite": "✗",
    "not comparable": "–",
}


def table_html(
    frame: pd.DataFrame,
    *,
    caption: str,
    verdict: str | None = None,
    digits: int = 3,
    key: str = "",
    note: str = "",
) -> Html:
    """A table with caption, row and column headings, in a box of its own.

    Args:
        frame: text, whole numbers and fractions; the index becomes the row headings.
        caption: what the table shows; also its name for screen readers.
        verdict: column of verdict words, which get a sign before the word.
        digits: of fractions after the point.
        key: id of the table, for links to it.
        note: a sentence below the table.
    Raises:
        ValueError: an empty caption, or a ``verdict`` column that is not there.
    Example:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"Dice": [0.91234]}, index=["ours"])
        >>> "0.912" in table_html(frame, caption="Overlap.").text
        True
    """
    if not caption.strip():
        raise ValueError("caption must say what the table shows, got an empty text; add one")
    if verdict is not None and verdict not in frame.columns:
        raise ValueError(
            f"verdict must name a column of {[str(c) for c in frame.columns]}, got {verdict!r}"
            "; choose one"
        )
    if verdict is not None:
        frame = frame.assign(**{verdict: frame[verdict].map(str).map(verdict_html)})
    names = [str(name) for name in frame.index.names if name]
    head = [", ".join(names), *map(str, frame.columns)]
    # Row tuples keep the type of each column; rows as series would turn whole numbers into floats.
    rows = (
        (_heading(name), *(_shown(value, digits) for value in row))
        for name, *row in frame.itertuples(name=None)
    )
    return table(caption, head, rows, key=key, note=note)


def _heading(name: object) -> str:
    return ", ".join(map(str, name)) if isinstance(name, tuple) else str(name)


def _shown(value: object, digits: int) -> object:
    fraction = isinstance(value, float | np.floating) and value == value
    return f"{value:.{digits}f}" if fraction else value


def verdict_html(word: str) -> Html:
    """A verdict with its sign; unknown words are shown as they are."""
    icon = VERDICT_ICONS.get(word, "")
    sign = f'<span aria-hidden="true">{icon}</span> ' if icon else ""
    kind = word.replace(" ", "-") if icon else "none"
    return Html(f'<span class="verdict verdict-{kind}">{sign}{escape(word)}</span>')
