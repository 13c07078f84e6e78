"""The scene of a napari picture drawn by matplotlib: images, labels and points, framed the same."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped, UInt8
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation

from tubekit._extras import extra
from tubekit.interop.layers import Layer
from tubekit.plots import class_colours, still_figure, tree_mesh

with extra("plots", __name__):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

_DEPTHS = 160
"""Values looked at along the ray of a pixel through a volume."""


def stand_in(layers: Sequence[Layer], view: Mapping[str, Any]) -> UInt8[np.ndarray, "h w 3"]:
    """Draw layers as napari would, on black: images, then labels, then points.

    Args:
        layers: at least one, all with the same number of axes.
        view: ``size`` (height, width in pixels), ``ndisplay``, ``angles`` (Euler angles of
            napari's camera, degrees), ``center`` (mm, z y x), ``zoom`` (pixels per mm), ``step``
            (voxel, whose slice ``ndisplay`` 2 shows).
    """
    solid = view["ndisplay"] == 3
    camera = _Camera(view)
    layers = layers if solid else [_flat(layer, view["step"][0]) for layer in layers]
    images, labels, points = ([la for la in layers if la.kind == k] for k in _KINDS)
    surfaces = [mesh for la in labels for mesh in tree_mesh(la.data, la.scale)] if solid else []
    inches = (view["size"][1] / 100, view["size"][0] / 100)
    figure = still_figure(surfaces, axes=camera.axes, size_inches=inches)
    figure.set_facecolor("black")
    (ax,) = figure.axes
    if images:
        grey = np.max([camera.largest(la, _scaled(la.data), order=1) for la in images], axis=0)
        ax.imshow(grey, cmap="gray", vmin=0, vmax=1, extent=camera.frame, zorder=0)
    for layer in [] if solid else labels:
        opaque = [(*colour, 1.0) for colour in class_colours(int(layer.data.max(initial=0)))]
        table = np.array([(0.0, 0.0, 0.0, 0.0), *opaque])
        shown = camera.largest(layer, layer.data.astype(int), order=0)
        ax.imshow(table[shown], extent=camera.frame, zorder=1)
    for layer in points:
        right, up, _ = camera.axes @ (layer.data * layer.scale).T
        ax.scatter(right, up, s=(0.72 * 2 * view["zoom"]) ** 2, color="white", zorder=2)
    ax.set(xlim=camera.frame[:2], ylim=camera.frame[2:], aspect="auto")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


_KINDS = ("image", "labels", "points")


class _Camera:
    """napari's camera in parallel projection; all lengths are millimetres in (z, y, x)."""

    def __init__(self, view: Mapping[str, Any]) -> None:
        solid = view["ndisplay"] == 3
        # It turns the axes (z, y, x): its right is x, its up is -y, towards it is z.
        angles = [-a for a in view["angles"]] if solid else [0.0] * 3
        turn = Rotation.from_euler("XYZ", angles, degrees=True).as_matrix()
        self.axes = (turn @ np.array([[0.0, 0, 1], [0, -1, 0], [1, 0, 0]]).T).T
        centre = np.array(view["center"]) * (solid, 1, 1)
        height, width = (n / 2 / view["zoom"] for n in view["size"])
        x, y = (self.axes @ centre)[:2]
        self.frame = (x - width, x + width, y - height, y + height)
        # A volume is looked through at half the picture's resolution.
        rows, columns = (n // (1 + solid) for n in view["size"])
        right = np.linspace(-width, width, 2 * columns + 1)[1::2, None] * self.axes[0]
        up = np.linspace(height, -height, 2 * rows + 1)[1::2, None, None] * self.axes[1]
        self.plane: Float[np.ndarray, "r c 3"] = centre + right + up
        reach = np.hypot(width, height)
        depths = np.linspace(-reach, reach, _DEPTHS) if solid else np.zeros(1)
        self.depths: Float[np.ndarray, "n 3"] = depths[:, None] * self.axes[2]

    def largest(
        self, layer: Layer, data: Shaped[np.ndarray, "z y x"], order: int
    ) -> Shaped[np.ndarray, "r c"]:
        """The largest value behind each pixel, interpolated with splines of an order."""
        found = np.zeros(self.plane.shape[:2], data.dtype)
        for depth in self.depths:
            voxels = np.moveaxis((self.plane + depth) / np.array(layer.scale), -1, 0)
            np.maximum(found, map_coordinates(data, voxels, order=order), out=found)
        return found


def _flat(layer: Layer, step: int) -> Layer:
    """The slice of a layer, or a flat layer itself, as a volume of one voxel's depth at zero."""
    spacing = (1.0, *layer.scale[-2:])
    if layer.kind == "points":
        shown = layer.data[np.rint(layer.data[:, 0]) == step] if layer.axes == 3 else layer.data
        at = np.column_stack([np.zeros(len(shown)), shown[:, -2:]])
        return dataclasses.replace(layer, data=at, spacing=spacing)
    plane = layer.data[step] if layer.axes == 3 else layer.data
    return dataclasses.replace(layer, data=plane[None], spacing=spacing)


def _scaled(data: Shaped[np.ndarray, "z y x"]) -> Float[np.ndarray, "z y x"]:
    low, high = float(data.min()), float(data.max())
    return (data - low) / max(high - low, 1e-9)
