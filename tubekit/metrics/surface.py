"""Surface metrics in mm: Hausdorff distance, HD95 in three definitions, ASSD, NSD.

Distances are undefined without two surfaces: NaN when either mask is empty, or both.
"""

import numpy as np

from tubekit import _check
from tubekit.metrics.pair import Mask, mask_pair
from tubekit.metrics.surface_distance import Distances, SurfaceDistances, surface_distances
from tubekit.types import Spacing


def hausdorff(pred: Mask, target: Mask, *, spacing: Spacing | None = None) -> float:
    """Largest distance from a surface voxel of one mask to the surface of the other, in mm.

    One stray voxel decides it; prefer ``hd95``. Either mask empty: NaN.

    Args:
        pred: binary mask, (y, x) or (z, y, x).
        target: binary truth on the same grid.
        spacing: mm per voxel in array order; ``None`` means 1.
    Raises:
        ValueError: the masks are not binary or not on one grid, or a bad spacing.

    Equation: :eq:`eq-hausdorff`
    """
    found = _distances(pred, target, spacing)
    if found is None:
        return float("nan")
    return float(max(found.pred_to_target.max(), found.target_to_pred.max()))


def hd95(
    pred: Mask,
    target: Mask,
    *,
    spacing: Spacing | None = None,
    definition: str = "max",
) -> float:
    """95th percentile of the surface distances, in mm. Either mask empty: NaN.

    Args:
        pred: binary mask, (y, x) or (z, y, x).
        target: binary truth on the same grid.
        spacing: mm per voxel in array order; ``None`` means 1.
        definition: ``"max"``, the larger of the two directed percentiles (Metrics Reloaded,
            MONAI); ``"pooled"``, one percentile of both lists together (medpy); ``"area"``, the
            larger directed percentile with surface elements weighted by their size
            (surface-distance). Values differ between them; never compare across definitions.
    Raises:
        ValueError: the masks are not binary or not on one grid, a bad spacing, or an unknown
            definition.

    Equation: :eq:`eq-hd95`

    Reference: Maier-Hein et al., Nature Methods 2024, for ``"max"``; Nikolov et al., JMIR 2021,
    for ``"area"``.
    """
    _check.option("definition", definition, ("max", "pooled", "area"))
    found = _distances(pred, target, spacing, weighted=definition == "area")
    if found is None:
        return float("nan")
    to_target, to_pred, pred_weights, target_weights = found
    if definition == "pooled":
        return float(np.percentile(np.concatenate([to_target, to_pred]), 95))
    if definition == "area":
        return max(
            _weighted_percentile_95(to_target, pred_weights),
            _weighted_percentile_95(to_pred, target_weights),
        )
    return float(max(np.percentile(to_target, 95), np.percentile(to_pred, 95)))


def assd(pred: Mask, target: Mask, *, spacing: Spacing | None = None) -> float:
    """Average symmetric surface distance: mean of both lists of distances together, in mm.

    Either mask empty: NaN. Arguments as in ``hausdorff``.

    Equation: :eq:`eq-assd`
    """
    found = _distances(pred, target, spacing)
    if found is None:
        return float("nan")
    return float(np.concatenate([found.pred_to_target, found.target_to_pred]).mean())


def nsd(
    pred: Mask,
    target: Mask,
    *,
    tolerance_mm: float,
    spacing: Spacing | None = None,
    definition: str = "count",
) -> float:
    """Normalised surface Dice: share of both surfaces within a tolerance of the other, in [0, 1].

    Both masks empty: 1. One empty: 0.

    Args:
        pred: binary mask, (y, x) or (z, y, x).
        target: binary truth on the same grid.
        tolerance_mm: accepted distance, at least 0.
        spacing: mm per voxel in array order; ``None`` means 1.
        definition: ``"count"`` of surface voxels, or ``"area"`` of surface elements.
    Raises:
        ValueError: as ``hausdorff``, an unknown definition, or a negative tolerance.

    Reference: Nikolov et al., JMIR 2021.
    """
    _check.option("definition", definition, ("count", "area"))
    if not tolerance_mm >= 0:
        raise ValueError(f"tolerance_mm must be at least 0, got {tolerance_mm}; pass millimetres")
    found = _distances(pred, target, spacing, weighted=definition == "area")
    if found is None:
        return float(not np.any(pred) and not np.any(target))
    distances = np.concatenate([found.pred_to_target, found.target_to_pred])
    weights = np.concatenate([found.pred_weights, found.target_weights])
    return float(weights[distances <= tolerance_mm].sum() / weights.sum())


def _distances(
    pred: Mask, target: Mask, spacing: Spacing | None, *, weighted: bool = False
) -> SurfaceDistances | None:
    pred, target, spacing = mask_pair(pred, target, spacing)
    if not pred.any() or not target.any():
        return None
    return surface_distances(pred, target, spacing, weighted=weighted)


def _weighted_percentile_95(distances: Distances, weights: Distances) -> float:
    """Smallest distance that 95 % of the weight does not exceed."""
    order = np.argsort(distances)
    share = np.cumsum(weights[order]) / weights.sum()
    # Rounding may leave the last share below 1.
    position = min(int(np.searchsorted(share, 0.95)), len(order) - 1)
    return float(distances[order][position])
