"""Pairs of shapes whose surface distances are known exactly, and how near each library comes."""

import dataclasses
import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from jaxtyping import Bool

from tubekit import metrics
from tubekit._extras import extra
from tubekit._lengths import at_most
from tubekit.types import Spacing

with extra("train", __name__):
    from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance

Mask = Bool[np.ndarray, "..."]


@dataclasses.dataclass(frozen=True, eq=False)
class AnalyticPair:
    """Two masks on one grid and the exact distances between their surfaces.

    Attributes:
        name: what is shown.
        pred, target: the masks.
        spacing: mm per voxel in array order.
        hausdorff_mm, mean_mm: exact for the shapes themselves; ``mean_mm`` is NaN where it has
            no short formula.
        grid_mm: how far voxels may put a surface off, so how far a right answer may lie from the
            exact one; 0 where the shapes follow the grid.
    """

    name: str
    pred: Mask
    target: Mask
    spacing: Spacing
    hausdorff_mm: float
    mean_mm: float
    grid_mm: float = 0.0


def analytic_pairs() -> Iterator[AnalyticPair]:
    """Spheres, boxes, plates and half spaces, in cubic and in flat voxels."""
    for spacing in ((1.0, 1.0, 1.0), (2.0, 0.8, 0.5)):
        inner, outer = 10.0, 16.0
        # A surface voxel's centre lies inside its sphere by up to one voxel diagonal.
        yield AnalyticPair(
            f"spheres of radius {inner:g} and {outer:g} mm, {_named(spacing)}",
            *_spheres((inner, outer), spacing),
            spacing,
            outer - inner,
            outer - inner,
            math.hypot(*spacing),
        )
        for axis in range(3):
            yield _plates(axis, spacing)
            yield _slid_plates(axis, spacing)
        yield _boxes(spacing)
    yield _planes((1.7, 0.6))
    yield _planes((3.0, 0.9, 0.45))


def analytic_rows() -> list[dict[str, float | str]]:
    """One row per pair and metric: exact value, ours, MONAI's, and both errors in mm."""
    rows: list[dict[str, float | str]] = []
    for pair in analytic_pairs():
        for metric, exact, ours, monai in (
            ("hausdorff", pair.hausdorff_mm, metrics.hausdorff, _monai_hausdorff),
            ("assd", pair.mean_mm, metrics.assd, _monai_mean),
        ):
            if not math.isnan(exact):
                rows.append(_row(pair, metric, exact, ours, monai))
    return rows


def _row(
    pair: AnalyticPair,
    metric: str,
    exact: float,
    ours: metrics.Metric,
    monai: Callable[[AnalyticPair], float],
) -> dict[str, float | str]:
    found, peer = ours(pair.pred, pair.target, spacing=pair.spacing), monai(pair)
    return {
        "pair": pair.name,
        "metric": metric,
        "exact_mm": exact,
        "grid_mm": pair.grid_mm,
        "tubekit_mm": found,
        "tubekit_error_mm": abs(found - exact),
        "monai_mm": peer,
        "monai_error_mm": abs(peer - exact),
    }


def _spheres(radii_mm: tuple[float, float], spacing: Spacing) -> tuple[Mask, Mask]:
    half = [int(max(radii_mm) / s) + 2 for s in spacing]
    axes = np.ogrid[tuple(slice(-n, n + 1) for n in half)]
    squared = np.zeros([2 * n + 1 for n in half])
    for axis, step in zip(axes, spacing, strict=True):
        squared += (axis * step) ** 2
    distance = np.sqrt(squared)
    return at_most(distance, radii_mm[0]), at_most(distance, radii_mm[1])


def _plates(axis: int, spacing: Spacing) -> AnalyticPair:
    """One voxel thick: each is all surface, and every distance is the same."""
    shape, steps = [14, 15, 16], 7
    masks = np.zeros((2, *shape), bool)
    for mask, at in zip(masks, (3, 3 + steps), strict=True):
        np.moveaxis(mask, axis, 0)[at] = True
    exact = steps * spacing[axis]
    name = f"plates {exact:g} mm apart along axis {axis}, {_named(spacing)}"
    return AnalyticPair(name, masks[0], masks[1], spacing, exact, exact)


def _slid_plates(axis: int, spacing: Spacing) -> AnalyticPair:
    """One plate moved within its plane by k of its L voxels: 1 to k steps off, the rest 0."""
    length, steps, across = 20, 6, (axis + 1) % 3
    masks = np.zeros((2, 30, 30, 30), bool)
    for mask, start in zip(masks, (2, 2 + steps), strict=True):
        plate = np.moveaxis(mask, (axis, across), (0, 1))
        plate[start : start + length, 8, 3:10] = True
    far = steps * spacing[axis]
    mean = spacing[axis] * steps * (steps + 1) / 2 / length
    name = f"a plate moved by {far:g} mm within its plane along axis {axis}, {_named(spacing)}"
    return AnalyticPair(name, masks[0], masks[1], spacing, far, mean)


def _boxes(spacing: Spacing) -> AnalyticPair:
    """A box moved along its first axis: the ends that stand out are that far from the other."""
    h, w, d, steps = 12, 9, 8, 3
    masks = np.zeros((2, 20, 13, 14), bool)
    masks[0, 2 : 2 + h, 2 : 2 + w, 3 : 3 + d] = True
    masks[1, 2 + steps : 2 + steps + h, 2 : 2 + w, 3 : 3 + d] = True
    return AnalyticPair(
        f"boxes moved by {steps * spacing[0]:g} mm, {_named(spacing)}",
        masks[0],
        masks[1],
        spacing,
        steps * spacing[0],
        math.nan,
    )


def _planes(spacing: Spacing) -> AnalyticPair:
    """Full half spaces of which one begins later: the borders of the image belong to both."""
    shape = (24, 10, 9)[: len(spacing)]
    masks = np.zeros((2, *shape), bool)
    masks[0, 4:], masks[1, 9:] = True, True
    exact = 5 * spacing[0]
    name = f"half spaces {exact:g} mm apart, {_named(spacing)}"
    return AnalyticPair(name, masks[0], masks[1], spacing, exact, math.nan)


def _named(spacing: Spacing) -> str:
    return "voxels of " + " x ".join(f"{s:g}" for s in spacing) + " mm"


def _monai_hausdorff(pair: AnalyticPair) -> float:
    return float(compute_hausdorff_distance(*_tensors(pair), spacing=pair.spacing))


def _monai_mean(pair: AnalyticPair) -> float:
    a, b = _tensors(pair)
    return float(compute_average_surface_distance(a, b, symmetric=True, spacing=pair.spacing))


def _tensors(pair: AnalyticPair) -> tuple[torch.Tensor, torch.Tensor]:
    pred, target = (torch.from_numpy(m.copy())[None, None] for m in (pair.pred, pair.target))
    return pred, target
