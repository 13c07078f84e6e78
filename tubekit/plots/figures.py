"""Showing a figure in a notebook, with the text that stands in for it."""

import base64
import io
import re
import struct

from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.text import Text

DPI = 200
PHONE_PIXELS = 366
"""Width that a figure gets on a phone whose page is 390 pixels wide."""
SMALLEST_PIXELS = 11.0
"""Height of the smallest type that is still read there without zooming."""
_RAISED = re.compile(r"\$.*[\^_].*\$")  # an exponent or index, which matplotlib sets smaller


def show(figure: Figure, alt: str) -> None:
    """Display a figure once, as a PNG on white, with a text for readers who cannot see it.

    Args:
        figure: any matplotlib figure; it is closed, so that a notebook does not show it again.
        alt: one sentence that says what is to be seen.
    Raises:
        ValueError: an empty ``alt``, or type under 11 pixels on a phone.
    Example:
        >>> figure, (ax,) = panels(1, 1, height=3.0)
        >>> show(figure, alt="Empty axes from 0 to 1.")  # doctest: +SKIP
    """
    from IPython.display import display

    picture = png_bytes(figure)
    size, text = smallest_type(figure, picture)
    if size < SMALLEST_PIXELS:
        raise ValueError(
            f"type must be at least {SMALLEST_PIXELS:g} pixels high on a phone, got {size:.1f} "
            f"for {text!r}; use plots.BOOK_STYLE, and a figure no wider than its default"
        )
    data = base64.b64encode(picture).decode()
    bundle = {"image/png": data, "text/plain": _checked(alt)}
    display(bundle, raw=True, metadata={"image/png": {"alt": alt}})
    plt.close(figure)


def png_bytes(figure: Figure, dpi: float = DPI) -> bytes:
    """The figure as a PNG that is the same, byte for byte, whenever the figure is.

    Args:
        figure: any matplotlib figure.
        dpi: pixels per inch.
    Example:
        >>> figure, _ = panels(1, 1, height=1.0)
        >>> png_bytes(figure, dpi=20)[1:4]
        b'PNG'
    """
    file = io.BytesIO()
    figure.savefig(
        file,
        format="png",
        dpi=dpi,
        facecolor="white",
        bbox_inches="tight",
        pad_inches=0.1,
        metadata={"Software": None},
    )
    return file.getvalue()


def smallest_type(figure: Figure, picture: bytes) -> tuple[float, str]:
    """Height of the smallest type on a phone, in pixels, and a text set in it.

    Args:
        figure: the figure; one without type gives infinity.
        picture: ``png_bytes(figure)``.
    """
    (width,) = struct.unpack(">I", picture[16:20])  # of the header of a PNG
    texts = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()]
    pixels = DPI / 72 * PHONE_PIXELS / width  # of a point
    sizes = [
        (
            float(t.get_fontsize()) * pixels * (0.7 if _RAISED.search(t.get_text()) else 1),
            t.get_text(),
        )
        for t in texts
    ]
    return min(sizes, default=(float("inf"), ""))


def _checked(alt: str) -> str:
    if not alt.strip():
        raise ValueError(
            "alt needs a sentence that says what is to be seen, got an empty text; "
            "describe the figure for a reader who cannot see it"
        )
    return alt
