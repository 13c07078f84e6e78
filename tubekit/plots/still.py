"""A still picture of surfaces, drawn by matplotlib without any 3-D hardware."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from tubekit.plots.mesh3d import Surface

EYE = (1.25, -1.25, 0.7)
"""Where the camera stands, seen from the middle, as (x, y, z)."""

LIGHT = (-0.3, 0.5, 0.81)
"""Where the light comes from, as (right, up, towards the viewer): above the left shoulder."""

AMBIENT = 0.45
"""Brightness, as a share, of a surface that the light only grazes."""


def camera_axes(eye: Sequence[float] = EYE) -> Float[np.ndarray, "3 3"]:
    """Rows: the directions right, up and towards the viewer, each as (z, y, x), with z upright.

    Args:
        eye: where the camera stands, seen from the middle, as (x, y, z).
    Example:
        >>> camera_axes((0.0, -1.0, 0.0)).round().astype(int).tolist()  # from the front
        [[0, 0, 1], [1, 0, 0], [0, -1, 0]]
    """
    towards = np.asarray(eye, dtype=float) / np.linalg.norm(eye)
    right = np.cross([0.0, 0.0, 1.0], towards)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(towards, right), towards])[:, ::-1]


def still_figure(
    surfaces: Sequence[Surface],
    *,
    axes: Float[np.ndarray, "3 3"] | None = None,
    size_inches: tuple[float, float] = (6.4, 4.8),
) -> Figure:
    """Shaded surfaces in parallel projection, far triangles first.

    Args:
        surfaces: meshes; none gives an empty picture.
        axes: directions right, up and towards the viewer as rows (z, y, x); ``None`` takes the
            view from which ``rotatable`` starts.
        size_inches: width and height.
    Example:
        >>> figure = still_figure(tree_mesh(np.ones((3, 4, 5), bool)), size_inches=(2.0, 1.5))
        >>> len(figure.axes[0].collections)
        1
    """
    axes = camera_axes() if axes is None else axes
    figure = Figure(figsize=size_inches, facecolor="white")
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set_axis_off()
    ax.set_aspect("equal")
    if not surfaces:
        return figure
    corners = np.concatenate([(s.points_mm @ axes.T)[s.faces] for s in surfaces])
    colours = np.concatenate([np.tile(s.colour, (len(s.faces), 1)) for s in surfaces])
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    brightness = AMBIENT + (1 - AMBIENT) * np.abs(normals @ np.array(LIGHT))
    order = np.argsort(corners[..., 2].mean(axis=1), kind="stable")
    shaded = np.clip(colours * brightness[:, None], 0, 1)[order]
    flat = corners[order, :, :2]
    # Edges in the colour of the face hide the seams between triangles.
    ax.add_collection(
        PolyCollection(list(flat), facecolors=shaded, edgecolors=shaded, linewidths=0.3)
    )
    low, high = flat.min(axis=(0, 1)), flat.max(axis=(0, 1))
    margin = 0.04 * float((high - low).max())
    ax.set_xlim(low[0] - margin, high[0] + margin)
    ax.set_ylim(low[1] - margin, high[1] + margin)
    return figure
