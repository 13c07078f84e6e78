"""Showing a figure in a notebook, with the text that stands in for it."""

import base64
import io

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

DPI = 150


def show(figure: Figure, alt: str) -> None:
    """Display a figure once, as a PNG on white, with a text for readers who cannot see it.

    Args:
        figure: any matplotlib figure; it is closed, so that a notebook does not show it again.
        alt: one sentence that says what is to be seen.
    Raises:
        ValueError: an empty ``alt``.
    """
    from IPython.display import display

    data = base64.b64encode(png_bytes(figure)).decode()
    bundle = {"image/png": data, "text/plain": _checked(alt)}
    display(bundle, raw=True, metadata={"image/png": {"alt": alt}})
    plt.close(figure)


def png_bytes(figure: Figure, dpi: float = DPI) -> bytes:
    """The figure as a PNG that is the same, byte for byte, whenever the figure is."""
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


def _checked(alt: str) -> str:
    if not alt.strip():
        raise ValueError(
            "alt needs a sentence that says what is to be seen, got an empty text; "
            "describe the figure for a reader who cannot see it"
        )
    return alt
