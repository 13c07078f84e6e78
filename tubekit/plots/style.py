"""Colours and type that stay legible on a phone, in print, and without colour vision."""

import colorsys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from tubekit import _accept
from tubekit._accept import Whole

OKABE_ITO = {
    "orange": "#E69F00",
    "sky blue": "#56B4E9",
    "green": "#009E73",
    "yellow": "#F0E442",
    "blue": "#0072B2",
    "vermilion": "#D55E00",
    "purple": "#CC79A7",
    "black": "#000000",
}
"""Okabe and Ito, Color Universal Design, 2008."""

SERIES = tuple(
    OKABE_ITO[name] for name in ("blue", "vermilion", "green", "purple", "orange", "sky blue")
)
"""Colours of lines and bars, in this order; all readable on white."""

CLASS_COLOURS = (
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#F0E442",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
    "#490024",
    "#240092",
    "#920000",
    "#496D6D",
    "#DBB6B6",
    "#006D49",
)
"""Thirteen classes: Okabe-Ito, then six chosen to lie far (CIEDE2000) from all others, for normal
vision and for simulated red and green blindness."""

WIDTH_INCHES = 5.2
FONT_POINTS = 12.0
"""On a phone a figure of this width is 366 pixels wide, and this type 11 pixels high."""
_TITLE_INCHES = 0.3

BOOK_STYLE: dict[Any, Any] = {
    "figure.figsize": (WIDTH_INCHES, 0.7 * WIDTH_INCHES),
    "figure.constrained_layout.use": True,
    "font.size": FONT_POINTS,
    "axes.titlesize": FONT_POINTS,
    "axes.labelsize": FONT_POINTS,
    "xtick.labelsize": FONT_POINTS,
    "ytick.labelsize": FONT_POINTS,
    "legend.fontsize": FONT_POINTS,
    "figure.facecolor": "white",  # a white card: legible where the page itself is dark
    "axes.facecolor": "white",
    "savefig.facecolor": "white",
    "text.color": "black",
    "axes.edgecolor": "#444444",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=SERIES),
    "lines.linewidth": 2.0,
    "legend.frameon": False,
    "image.cmap": "gray",
    "svg.hashsalt": "tubekit",  # equal figures give equal files
}
"""The book's look as matplotlib settings; a notebook starts with ``plt.style.use(BOOK_STYLE)``."""


@contextmanager
def book_style() -> Iterator[None]:
    """Use the book's look inside a ``with`` block; global settings are untouched.

    Example:
        >>> with book_style():
        ...     figure, axes = panels(1, 2)
        >>> len(axes)
        2
    """
    with mpl.rc_context(BOOK_STYLE):
        yield


def panels(
    rows: Whole, columns: Whole, *, height: float | None = None, aspect: float = 1.0
) -> tuple[Figure, list[Axes]]:
    """A figure of the book's width with a grid of axes, row by row.

    The figure is unknown to pyplot, so that a notebook shows it once, when it is returned.

    Args:
        rows: number of rows.
        columns: number of columns.
        height: height of one row in inches, for curves; ``None`` makes panels for pictures, with
            room for a title and without ticks.
        aspect: height of a picture over its width.
    Example:
        >>> figure, axes = panels(2, 3)
        >>> len(axes)
        6
    """
    rows, columns = _accept.whole("rows", rows), _accept.whole("columns", columns)
    row = WIDTH_INCHES / columns * aspect + _TITLE_INCHES if height is None else height
    figure = Figure(figsize=(WIDTH_INCHES, row * rows), layout="compressed")
    grid = list(figure.subplots(rows, columns, squeeze=False).ravel())
    for ax in grid if height is None else []:
        ax.set_axis_off()
    return figure, grid


def class_colours(n: Whole) -> list[tuple[float, float, float]]:
    """RGB colours in [0, 1] of classes 1 to n; beyond 13 the same ones come back darker.

    Args:
        n: number of classes, from 0.
    Example:
        >>> [round(part, 2) for part in class_colours(1)[0]]
        [0.9, 0.62, 0.0]
    """
    colours = []
    for i in range(_accept.whole("n", n, at_least=0)):
        hue, light, saturation = colorsys.rgb_to_hls(*to_rgb(CLASS_COLOURS[i % 13]))
        colours.append(colorsys.hls_to_rgb(hue, light * 0.6 ** (i // 13), saturation))
    return colours


def display_range(image: np.ndarray) -> tuple[float, float]:
    """Grey values shown as black and white: the 0.5 and 99.5 per cent quantiles."""
    low, high = np.quantile(image, [0.005, 0.995])
    return float(low), float(high if high > low else low + 1)
