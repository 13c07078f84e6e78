"""napari: open a viewer on layers, or take a picture of them without a screen."""

import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt8

from tubekit._extras import extra
from tubekit.interop.layers import Layer, middle_and_extent

with extra("plots", __name__):
    from tubekit.interop.stand_in import stand_in

__all__ = ["Layer", "Still", "open_viewer", "screenshot"]

_SCREEN = "-screen 0 1280x1024x24"
# Qt names a package, the loader of the system a file.
_MISSING_LIBRARY = re.compile(
    r"(lib[\w.-]+) is needed|(lib[\w.+-]+\.so[\w.]*): cannot open shared object"
)
_MISSING = "install it with pip install 'napari[pyqt6]' to open the viewer"


class Still(NamedTuple):
    """A picture and how it was made.

    Attributes:
        image: RGB (h w 3).
        source: a sentence for the reader.
    Example:
        >>> Still(np.zeros((2, 3, 3), np.uint8), "drawn by hand").image.shape
        (2, 3, 3)
    """

    image: UInt8[np.ndarray, "h w 3"]
    source: str


def open_viewer(layers: Sequence[Layer]) -> Any:
    """Open a napari window on layers; in a script, follow it with ``napari.run()``.

    Args:
        layers: one or more, drawn in this order.
    Returns:
        The ``napari.Viewer``.
    Raises:
        ImportError: napari is not installed.
        ValueError: no layers.
    Example:
        >>> layer = Layer("vessels", "labels", np.ones((4, 5, 6), np.uint8))
        >>> viewer = open_viewer([layer])  # doctest: +SKIP
    """
    _check_layers(layers)
    try:
        import napari
    except ImportError as error:
        raise ImportError(f"napari was expected but is not installed; {_MISSING}") from error
    from tubekit.interop.napari_shot import add_layers

    viewer = napari.Viewer(ndisplay=layers[0].axes)
    add_layers(viewer, layers)
    return viewer


def screenshot(
    layers: Sequence[Layer],
    *,
    angles: tuple[float, float, float] = (0.0, -30.0, 60.0),
    zoom: float = 1.0,
    size: tuple[int, int] = (480, 640),
    ndisplay: int = 3,
    timeout_seconds: float = 180.0,
) -> Still:
    """Take napari's picture of layers in a process of its own, on a virtual screen.

    Where napari or Xvfb is missing, or the attempt fails, matplotlib draws the same scene in its
    place and ``source`` says so: a picture never stops a notebook.

    Args:
        layers: at least one, all with the same number of axes.
        angles: Euler angles (degrees) of napari's camera.
        zoom: 1 fits all layers into the picture; 2 is twice as near.
        size: height and width in pixels.
        ndisplay: 2 for the middle slice, 3 for the volume.
        timeout_seconds: napari is given up after this time.
    Raises:
        ValueError: no layers, layers of different dimensions, a zoom of 0 or less.
    Example:
        >>> layer = Layer("vessels", "labels", np.ones((4, 5, 6), np.uint8))
        >>> screenshot([layer]).image.shape  # doctest: +SKIP
        (480, 640, 3)
    """
    _check_layers(layers)
    if zoom <= 0 or ndisplay not in (2, 3) or ndisplay > layers[0].axes:
        raise ValueError(
            f"expected zoom above 0 and ndisplay 2, or 3 for volumes, got zoom {zoom} and "
            f"ndisplay {ndisplay} for {layers[0].axes} axes; change these"
        )
    middle, extent = middle_and_extent(layers)
    view = {
        "size": list(size),
        "ndisplay": ndisplay,
        "angles": list(angles),
        "center": [0.0] * (3 - len(middle)) + middle.tolist(),
        "step": [int(n) // 2 for n in layers[0].data.shape],
        # Without an explicit zoom the scale differs between runs.
        "zoom": zoom * 1.1 * min(size) / max(extent, 1e-6),
    }
    reason = _missing()
    if not reason:
        try:
            return _taken(layers, view, timeout_seconds)
        except (RuntimeError, subprocess.TimeoutExpired, OSError) as error:
            reason = why_failed(str(error)) or type(error).__name__
    return Still(stand_in(layers, view), _note(reason))


def _check_layers(layers: Sequence[Layer]) -> None:
    axes = {layer.axes for layer in layers}
    if len(axes) != 1:
        raise ValueError(
            f"expected at least one layer, all with as many axes, got axes {sorted(axes)}; "
            "give one or more layers of one image"
        )


def _missing() -> str:
    if importlib.util.find_spec("napari") is None:
        return "napari is not installed"
    if shutil.which("xvfb-run") is None:
        return "Xvfb (xvfb-run) is not installed"
    return ""


def why_failed(output: str) -> str:
    """The line of napari's output that names a missing system library, else its last line.

    Qt aborts with several lines, of which the last lists its plugins.
    """
    if found := _MISSING_LIBRARY.search(output):
        return f"the system library {found[1] or found[2]} is missing"
    lines = output.strip().splitlines()
    return lines[-1][:200] if lines else ""


def _note(reason: str) -> str:
    return f"Drawn by matplotlib in place of napari's picture ({reason})."


def _taken(layers: Sequence[Layer], view: dict[str, Any], timeout_seconds: float) -> Still:
    with tempfile.TemporaryDirectory() as folder:
        job = Path(folder)
        meta = [{"name": la.name, "kind": la.kind, "spacing": la.scale} for la in layers]
        (job / "view.json").write_text(json.dumps({"view": view, "layers": meta}))
        for i, layer in enumerate(layers):
            np.save(job / f"{i}.npy", layer.data)
        environment = dict(os.environ, NAPARI_CONFIG=str(job / "settings.yaml"))
        environment.pop("QT_QPA_PLATFORM", None)  # "offscreen" has no OpenGL
        command = ["xvfb-run", "-a", "-s", _SCREEN, sys.executable]
        process = subprocess.Popen(
            [*command, "-m", "tubekit.interop.napari_shot", folder],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            start_new_session=True,
        )
        try:
            output, _ = process.communicate(timeout=timeout_seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # the virtual screen and napari with it
            process.wait()
            raise
        if process.returncode != 0 or not (job / "shot.npy").is_file():
            raise RuntimeError(output or f"napari ended with code {process.returncode}")
        image = np.load(job / "shot.npy")
    if image.mean() <= 0.5:
        raise RuntimeError("napari's picture was black")
    return Still(image, f"Picture taken with napari {_version()} on a virtual screen.")


def _version() -> str:
    from importlib.metadata import version

    return version("napari")
