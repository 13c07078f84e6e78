"""A voxel with its neighbours, drawn so that none hides another."""

import numpy as np
from jaxtyping import Shaped
from matplotlib.axes import Axes
from matplotlib.patches import Polygon

from tubekit import _accept
from tubekit._accept import Array
from tubekit.plots.style import OKABE_ITO

SHEAR, DEPTH, STOREY = 0.45, 0.6, 2.5  # of a layer seen from above its front edge


def draw_neighbourhood(ax: Axes, block: Shaped[Array, "*s"]) -> None:
    """Draw the cells of a block, the object in blue, the middle in orange, the rest empty.

    A plane is seen from above. The layers of a solid block stand above each other like the floors
    of a house, the first one on top, each seen from the front.

    Args:
        ax: where to draw; its own axes are switched off.
        block: 3x3 or 3x3x3, not 0 where a cell belongs to the object.
    Raises:
        ValueError: another shape.
    Example:
        >>> figure, (ax,) = panels(1, 1)
        >>> draw_neighbourhood(ax, np.eye(3, dtype=int))
        >>> len(ax.patches)
        9
    """
    block = _accept.array("block", block)
    if block.shape not in ((3, 3), (3, 3, 3)):
        raise ValueError(f"block must be 3x3 or 3x3x3, got shape {block.shape}; cut it out")
    solid = block.ndim == 3
    along = np.array([-SHEAR, -DEPTH] if solid else [0.0, -1.0])  # one row towards the viewer
    middle = (1,) * block.ndim
    for index in np.ndindex(block.shape):
        row, column = index[-2:]
        corner = np.array([float(column), 0.0]) + row * along
        corner[1] -= STOREY * index[0] if solid else 0
        right = np.array([1.0, 0.0])
        colour = OKABE_ITO["orange" if index == middle else "sky blue"]
        face = colour if block[index] else "white"
        corners = [corner, corner + right, corner + right + along, corner + along]
        ax.add_patch(Polygon(corners, facecolor=face, edgecolor="#444444", linewidth=1))
    ax.autoscale_view()
    ax.set_aspect("equal")
    ax.set_axis_off()
