"""The process that takes napari's picture: ``python -m tubekit.interop.napari_shot FOLDER``.

It reads ``view.json`` and the layers ``0.npy``, ... from the folder, writes ``shot.npy`` there, and
runs on its own, so that a crash of the graphics driver cannot take a notebook with it.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tubekit.interop.layers import Layer
from tubekit.plots.style import class_colours


def add_layers(viewer: Any, layers: Sequence[Layer]) -> None:
    """Add layers to a napari viewer; classes have the same colours as everywhere in the book."""
    from napari.utils.colormaps import DirectLabelColormap

    for layer in layers:
        common = {"name": layer.name, "scale": layer.scale}
        if layer.kind == "image":
            viewer.add_image(layer.data, colormap="gray", rendering="mip", **common)
        elif layer.kind == "labels":
            data = layer.data.astype(np.int32)
            colours = dict(enumerate(class_colours(int(data.max(initial=0))), start=1))
            table = {None: "transparent", 0: "transparent", **colours}
            viewer.add_labels(data, colormap=DirectLabelColormap(color_dict=table), **common)
        else:
            viewer.add_points(layer.data, size=2, **common)


def main(folder: str) -> None:
    """Take one picture."""
    import napari

    job = Path(folder)
    task = json.loads((job / "view.json").read_text())
    layers = [
        Layer(meta["name"], meta["kind"], np.load(job / f"{i}.npy"), tuple(meta["spacing"]))
        for i, meta in enumerate(task["layers"])
    ]
    view = task["view"]
    viewer = napari.Viewer(show=True)  # a hidden window gives a black picture
    add_layers(viewer, layers)
    viewer.dims.ndisplay = view["ndisplay"]
    if view["ndisplay"] == 2 and layers[0].axes == 3:
        viewer.dims.set_current_step(0, view["step"][0])
    viewer.camera.center = view["center"]
    viewer.camera.zoom = view["zoom"]
    if view["ndisplay"] == 3:
        viewer.camera.angles = view["angles"]
    shot = viewer.screenshot(size=tuple(view["size"]), canvas_only=True, flash=False)
    np.save(job / "shot.npy", np.ascontiguousarray(shot[..., :3]))
    viewer.close()


if __name__ == "__main__":
    main(sys.argv[1])
