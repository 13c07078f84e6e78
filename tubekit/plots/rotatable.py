"""Rotatable surfaces in a static page: a still picture first, WebGL when it is wanted."""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from importlib.resources import files

import numpy as np
from jaxtyping import Shaped
from matplotlib.colors import to_hex

from tubekit._accept import Array, SpacingLike
from tubekit._html import Html
from tubekit.plots.figures import png_bytes
from tubekit.plots.mesh3d import Layers, Surface, layer_meshes, tree_mesh
from tubekit.plots.still import AMBIENT, EYE, LIGHT, still_figure

MAX_FACES = 40_000
"""Coarser voxels are taken until all surfaces together have no more triangles."""


def rotatable(
    label_or_layers: Shaped[Array, "z y x"] | Layers,
    *,
    spacing: SpacingLike | None = None,
    div_id: str,
    alt: str,
    height: int = 420,
    names: Sequence[str] | None = None,
) -> Html:
    """Surfaces of a volume that a reader can turn, and hide one by one in the legend.

    The fragment holds all it needs, so that it works in a notebook, from disk and without network.
    Nothing is drawn before the reader asks for it; until then, and without scripts or WebGL, a
    still picture with alternative text stands there.

    Args:
        label_or_layers: label map, or name to mask.
        spacing: millimetres per voxel in array order; ``None`` means 1.
        div_id: id of the figure, unique in the page, fixed so that equal books are equal files.
        alt: what is to be seen, for readers who cannot see it.
        height: pixels.
        names: names of the classes of a label map.
    Raises:
        ValueError: an empty ``alt``, an unusable ``div_id``, or a label map without foreground.
    Example:
        >>> box = np.ones((3, 4, 5), bool)
        >>> page = rotatable(box, div_id="box", alt="A box of 3 x 4 x 5 voxels.")
        >>> 'id="box"' in page.text
        True
    """
    if not re.fullmatch(r"[A-Za-z][\w-]*", div_id):
        raise ValueError(
            f"div_id must be a letter, then letters, digits, - or _, got {div_id!r}; rename it"
        )
    if not alt.strip():
        raise ValueError(
            "alt needs a sentence that says what is to be seen, got an empty text; add one"
        )
    surfaces = _surfaces(label_or_layers, spacing, names)
    if not surfaces:
        raise ValueError("expected at least one foreground voxel, got none; check the label map")
    still = base64.b64encode(png_bytes(still_figure(surfaces), dpi=100)).decode()
    text = escape(alt)
    return Html(
        f'<figure class="tube3d" id="{div_id}"><style>{_asset("figure.css")}</style>'
        f'<img alt="{text}" src="data:image/png;base64,{still}" style="max-height:{height}px"/>'
        f'<div class="tube3d-view" role="application" tabindex="0" aria-label="{text}" '
        f'style="height:{height}px" hidden=""></div>{_legend(surfaces)}'
        '<p><button type="button" class="tube3d-open" hidden="">Turn it in 3-D</button>'
        f'<span class="tube3d-tools" hidden="">{_BUTTONS}</span>'
        '<span class="tube3d-note" role="status"></span></p>'
        f'<script type="application/json">{_payload(surfaces)}</script>'
        f"<script>{_asset('viewer.js')}{_asset('figure.js')}"
        f"window.tubekitFigure({json.dumps(div_id)});</script></figure>"
    )


_BUTTONS = " ".join(
    f'<button type="button" data-action="{action}" aria-label="{name}">{sign}</button>'
    for action, name, sign in (
        ("closer", "Closer", "+"),
        ("farther", "Farther", "\u2212"),
        ("reset", "Reset the view", "Reset"),
    )
)


@cache
def _asset(name: str) -> str:
    return files("tubekit.plots").joinpath("browser", name).read_text(encoding="utf-8")


def _surfaces(
    label_or_layers: Array | Layers,
    spacing: SpacingLike | None,
    names: Sequence[str] | None,
) -> list[Surface]:
    step = 1
    while True:
        if isinstance(label_or_layers, Mapping):
            surfaces = layer_meshes(label_or_layers, spacing, step)
        else:
            surfaces = tree_mesh(label_or_layers, spacing, step, names)
        if sum(len(surface.faces) for surface in surfaces) <= MAX_FACES:
            return surfaces
        step += 1


def _payload(surfaces: Sequence[Surface]) -> str:
    """Points as steps of one size on all axes, and faces, both as 16-bit numbers in base64.

    A closed surface has fewer corners than triangles, so ``MAX_FACES`` keeps indices small enough.
    """
    points = np.concatenate([surface.points_mm for surface in surfaces])
    origin = points.min(axis=0)
    step = float(np.ptp(points, axis=0).max()) / 65535
    layers = [
        {
            "colour": [round(part, 3) for part in surface.colour],
            "points": _base64(np.rint((surface.points_mm - origin) / step)),
            "faces": _base64(surface.faces),
        }
        for surface in surfaces
    ]
    data = {
        "size": np.rint(np.ptp(points, axis=0) / step).tolist(),
        "eye": EYE,
        "light": LIGHT,
        "ambient": AMBIENT,
        "layers": layers,
    }
    return json.dumps(data, separators=(",", ":"))


def _base64(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values, dtype="<u2").tobytes()).decode()


def _legend(surfaces: Sequence[Surface]) -> str:
    if len(surfaces) < 2:
        return ""
    items = "".join(
        '<li><label><input type="checkbox" checked="" hidden="" autocomplete="off"/> '
        f'<span aria-hidden="true" style="background:{to_hex(surface.colour)}"></span> '
        f"{escape(surface.name)}</label></li>"
        for surface in surfaces
    )
    return f"<ul>{items}</ul>"
