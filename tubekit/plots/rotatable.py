"""Rotatable surfaces in a static page: a still picture first, WebGL when it is wanted."""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from jaxtyping import Shaped
from matplotlib.colors import to_hex

from tubekit._html import Html
from tubekit.plots._rotatable_js import SCRIPT
from tubekit.plots.figures import png_bytes
from tubekit.plots.mesh3d import Layers, Surface, layer_meshes, tree_mesh
from tubekit.plots.still import EYE, still_figure

MAX_FACES = 40_000
"""Coarser voxels are taken until all surfaces together have no more triangles."""


def rotatable(
    label_or_layers: Shaped[np.ndarray, "z y x"] | Layers,
    *,
    spacing: Sequence[float] | None = None,
    div_id: str,
    alt: str,
    height: int = 420,
    names: Sequence[str] | None = None,
) -> Html:
    """Surfaces of a volume that a reader can turn, and hide one by one in the legend.

    The page needs plotly's script once, at ``_static/plotly.min.js`` below the book's root; it is
    loaded when the first figure is opened. Until then, and without scripts or WebGL, a still
    picture with alternative text stands there.

    Args:
        label_or_layers: label map, or name to mask.
        spacing: millimetres per voxel in array order; ``None`` means 1.
        div_id: id of the figure, unique in the page, fixed so that equal books are equal files.
        alt: what is to be seen, for readers who cannot see it.
        height: pixels.
        names: names of the classes of a label map.
    Raises:
        ValueError: an empty ``alt``, an unusable ``div_id``, or a label map without foreground.
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
    script = SCRIPT.replace("DIV_ID", json.dumps(div_id))
    text = escape(alt)
    return Html(
        f'<figure class="tube3d" id="{div_id}" style="background:#fff;color:#222;margin:1em 0;'
        'padding:8px;border:1px solid #bbb;border-radius:6px">'
        f'<img alt="{text}" src="data:image/png;base64,{still}" '
        f'style="display:block;margin:0 auto;max-width:100%;max-height:{height}px"/>'
        f'<div class="tube3d-view" role="application" tabindex="0" aria-label="{text}" '
        f'style="width:100%;height:{height}px" hidden=""></div>'
        f"{_legend(surfaces)}"
        '<p style="margin:.4em 0 0"><button type="button" hidden="" style="font:inherit;'
        "padding:.3em .8em;color:#222;background:#eee;border:1px solid #666;border-radius:4px;"
        f'cursor:pointer" aria-controls="{div_id}">Rotate in 3-D</button> '
        '<span class="tube3d-note" role="status"></span></p>'
        "<style>.tube3d [hidden]{display:none!important}</style>"
        f'<script type="application/json">{_payload(surfaces)}</script>'
        f"<script>{script}</script></figure>"
    )


def _surfaces(
    label_or_layers: np.ndarray | Layers,
    spacing: Sequence[float] | None,
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
    """Points as 16-bit steps of one size on all axes, faces as small indices, both in base64."""
    points = np.concatenate([surface.points_mm for surface in surfaces])
    origin = points.min(axis=0)
    extent = np.ptp(points, axis=0)
    step = float(extent.max()) / 65535
    aspect = np.maximum(extent / extent.max(), 0.01).round(4).tolist()
    layers = []
    for surface in surfaces:
        wide = len(surface.points_mm) > 65535
        layers.append(
            {
                "name": surface.name,
                "color": to_hex(surface.colour),
                "points": _base64(np.rint((surface.points_mm - origin) / step), "<u2"),
                "faces": _base64(surface.faces, "<u4" if wide else "<u2"),
                "wide": wide,
            }
        )
    data = {
        "origin": [round(float(v), 4) for v in origin],
        "step": step,
        "aspect": dict(zip("zyx", aspect, strict=True)),
        "eye": dict(zip("xyz", EYE, strict=True)),
        "layers": layers,
    }
    # A name must not be able to end the script element.
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def _base64(values: np.ndarray, dtype: str) -> str:
    return base64.b64encode(np.ascontiguousarray(values, dtype=dtype).tobytes()).decode()


def _legend(surfaces: Sequence[Surface]) -> str:
    if len(surfaces) < 2:
        return ""
    items = "".join(
        '<li style="display:inline-block;margin:0 1em 0 0"><label>'
        '<input type="checkbox" checked="" hidden="" style="margin:0 .3em 0 0"/>'
        '<span aria-hidden="true" style="'
        f"display:inline-block;width:.9em;height:.9em;border:1px solid #444;"
        f'background:{to_hex(surface.colour)}"></span> {escape(surface.name)}</label></li>'
        for surface in surfaces
    )
    return f'<ul style="list-style:none;padding:0;margin:.4em 0 0">{items}</ul>'
