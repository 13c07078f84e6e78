"""The picture on the entry page: two drawings of one tree, and what the usual score says."""

import numpy as np
from jaxtyping import Bool
from scipy import ndimage

from tubekit import geometry, metrics, phantoms
from tubekit._extras import extra
from tubekit.plots import OKABE_ITO, book_style, png_bytes

with extra("book", __name__):
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import Circle

KEPT, LOST = (0.71, 0.22, 0.18), (0.84, 0.84, 0.84)
MARGIN = 9  # pixels around the tree, and the radius of a ring
Mask = Bool[np.ndarray, "y x"]


def two_drawings(seed: int) -> tuple[Mask, dict[str, Mask]]:
    """The mask of a grown tree, and two wrong drawings of it by title: thin but whole, and cut."""
    eye = phantoms.fundus_phantom(200, seed)
    label, line = np.asarray(eye.case.label), eye.centerline
    cut = phantoms.cut_gaps(label, line, n=9, length=8, rng=np.random.default_rng(seed))
    thin = phantoms.thin(label, 1.0, keep=line)
    return label > 0, {"thin, but whole": thin.label > 0, "wide, but cut": cut.label > 0}


def entry_picture(seed: int = 5) -> bytes:
    """A PNG of both drawings; scores, pieces and rings around the cuts are computed from them."""
    truth, drawings = two_drawings(seed)
    with book_style():
        figure = Figure(figsize=(4.4, 2.9), layout="constrained")
        for ax, (title, drawn) in zip(figure.subplots(1, 2), drawings.items(), strict=True):
            pieces = geometry.components(drawn)[1]
            count = f"{pieces} piece{'' if pieces == 1 else 's'}"
            ax.set_title(f"{title}\nDice {metrics.dice(drawn, truth):.2f}, {count}")
            _draw(ax, drawn, truth)
            if pieces > 1:
                _ring(ax, truth & ~drawn)
        return png_bytes(figure, dpi=200)


def _draw(ax: Axes, drawn: Mask, truth: Mask) -> None:
    colours = np.ones((*truth.shape, 3))
    colours[truth], colours[drawn] = LOST, KEPT
    ax.imshow(colours, interpolation="none")
    y, x = np.nonzero(truth)
    ax.set(xlim=(x.min() - MARGIN, x.max() + MARGIN), ylim=(y.max() + MARGIN, y.min() - MARGIN))
    ax.set_axis_off()


def _ring(ax: Axes, lost: Mask) -> None:
    gaps, count = ndimage.label(lost, np.ones((3, 3)))
    for y, x in ndimage.center_of_mass(lost, gaps, range(1, count + 1)):
        ax.add_patch(Circle((x, y), MARGIN, fill=False, edgecolor=OKABE_ITO["blue"], linewidth=1.8))
