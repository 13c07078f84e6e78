"""Pictures of a report: one dot per case, and mistakes drawn over the worst and best cases."""

import base64
import math
from collections.abc import Sequence
from html import escape

import numpy as np
from jaxtyping import Bool

from tubekit.evaluation.files import Options, read_pair
from tubekit.evaluation.pairs import Pair
from tubekit.geometry._input import without_flat_axes
from tubekit.metrics.cases import class_maps
from tubekit.metrics.pair import joint_box
from tubekit.plots import overlay, png_bytes
from tubekit.types import Spacing

_WIDTH, _LEFT, _STACK, _BASE = 320, 14, 7, 62
_BINS = 42
_MARGIN_VOXELS = 6


def dot_plot(
    names: Sequence[str], values: Sequence[float], *, mean: float, interval: tuple[float, float]
) -> str:
    """A dot for each case along one axis, stacked where they meet; median and mean below.

    Args:
        names: of the cases, shown by the browser over a dot.
        values: one per case; undefined ones are left out.
        mean: triangle under the axis.
        interval: of the mean, a bar; not drawn where undefined.
    Returns:
        SVG that takes its colours from the page.
    """
    shown = sorted((v, n) for v, n in zip(values, names, strict=True) if math.isfinite(v))
    if not shown:
        return ""
    low, high = shown[0][0], shown[-1][0]
    span = high - low or 1.0
    start = low if high > low else low - 0.5

    def x(value: float) -> float:
        return _LEFT + (value - start) / span * (_WIDTH - 2 * _LEFT)

    levels: dict[int, int] = {}
    dots = []
    for value, name in shown:
        place = round((x(value) - _LEFT) / (_WIDTH - 2 * _LEFT) * _BINS)
        level = levels[place] = levels.get(place, -1) + 1
        # Beyond the height of the picture dots lie on each other, as full as the bin is.
        y = _BASE - 6 - _STACK * min(level, 6)
        title = f"<title>{escape(name)}: {value:.4g}</title>"
        dots.append(f'<circle cx="{x(value):.1f}" cy="{y}" r="3.4">{title}</circle>')
    median = float(np.median([v for v, _ in shown]))
    marks = f'<path class="median" d="M{x(median):.1f} 8V{_BASE}"/>'
    if all(map(math.isfinite, interval)):
        left, right = (min(max(x(v), 0), _WIDTH) for v in interval)
        marks += f'<path class="interval" d="M{left:.1f} {_BASE + 5}H{right:.1f}"/>'
    at = x(mean)
    marks += f'<path class="mean" d="M{at:.1f} {_BASE + 1}l-4 8h8z"/>'
    ends = (
        f'<text x="{x(low):.1f}" y="{_BASE + 23}">{low:.3g}</text>'
        f'<text x="{x(high):.1f}" y="{_BASE + 23}" text-anchor="end">{high:.3g}</text>'
        if high > low
        else f'<text x="{x(low):.1f}" y="{_BASE + 23}" text-anchor="middle">{low:.3g}</text>'
    )
    alt = f"{len(shown)} cases from {low:.3g} to {high:.3g}, median {median:.3g}, mean {mean:.3g}"
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_BASE + 28}" role="img" aria-label="{alt}">'
        f'<path class="axis" d="M{_LEFT} {_BASE}H{_WIDTH - _LEFT}"/>{marks}{"".join(dots)}{ends}'
        "</svg>"
    )


def case_picture(pairs: Sequence[Pair], options: Options) -> tuple[str, str]:
    """What a prediction finds, invents and misses, all classes (and their files) together.

    Volumes are projected along their first axis: a pixel is set where any voxel behind it is.

    Returns:
        The picture as a data address, and a sentence that stands in for it.
    Raises:
        ReadError, ValueError: as ``read_pair``, when a file has changed since it was measured.
    """
    read = [read_pair(pair, options) for pair in pairs]
    spacing = read[0].spacing
    measured = [class_maps(one.pred, one.label, options.asked, options.ignore) for one in read]
    pred = np.logical_or.reduce([maps.pred > 0 for maps in measured])
    label = np.logical_or.reduce([maps.target > 0 for maps in measured])
    (pred, spacing), (label, _) = without_flat_axes(pred, spacing), without_flat_axes(label)
    if pred.ndim == 3:
        pred, label = np.any(pred, axis=0), np.any(label, axis=0)
        spacing = spacing[1:]
    box = tuple(
        slice(max(side.start - _MARGIN_VOXELS, 0), side.stop + _MARGIN_VOXELS)
        for side in joint_box(pred, label)
    )
    pred, label = square_pixels(pred[box], spacing), square_pixels(label[box], spacing)
    # The name stands in the page: here a dollar sign in it would start a formula.
    figure = overlay(np.zeros(pred.shape), {"": (label, pred)})
    figure.set_size_inches(5.0, 1.2 + min(5.0 * pred.shape[0] / pred.shape[1], 7.0))
    data = base64.b64encode(png_bytes(figure, dpi=110)).decode()
    both, found, true = (int(np.count_nonzero(m)) for m in (pred & label, pred, label))
    alt = f"{both} pixels found, {found - both} invented, {true - both} missed"
    return f"data:image/png;base64,{data}", alt


def square_pixels(mask: Bool[np.ndarray, "y x"], spacing: Spacing) -> Bool[np.ndarray, "v u"]:
    """Repeat rows or columns so that a pixel is as high as it is wide."""
    fine = min(spacing)
    rows, columns = (
        np.minimum((np.arange(round(n * s / fine)) + 0.5) * fine / s, n - 1).astype(int)
        for n, s in zip(mask.shape, spacing, strict=True)
    )
    return mask[np.ix_(rows, columns)]
