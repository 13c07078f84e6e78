"""Hallucination rate: what a prediction invents, apart from walls that are a little off."""

import numpy as np
from jaxtyping import Bool

from tubekit.geometry.distance import nearest_distances
from tubekit.metrics.centerline import TOLERANCE_MM
from tubekit.metrics.pair import Mask, joint_box, mask_pair
from tubekit.metrics.surface import check_tolerance
from tubekit.types import Spacing


def hallucination_rate(
    pred: Mask,
    target: Mask,
    *,
    spacing: Spacing | None = None,
    tolerance_mm: float = TOLERANCE_MM,
) -> float:
    """Share of the prediction further than the tolerance from any true voxel, in [0, 1].

    Precision counts a wall that is one voxel too thick like a vessel in the wrong place. This
    counts the second alone. Prediction empty: 0, since nothing is invented. Target empty: 1.

    Args:
        pred: binary mask, (y, x) or (z, y, x).
        target: binary truth on the same grid.
        spacing: mm per voxel in array order; ``None`` means 1: the tolerance is in voxels.
        tolerance_mm: distance that is still a shifted wall, at least 0; at 0 the rate is one
            minus the precision.
    Raises:
        ValueError: the masks are not binary or not on one grid, a bad spacing, or a negative
            tolerance.
    """
    check_tolerance(tolerance_mm)
    pred, target, steps = mask_pair(pred, target, spacing)
    return share_beyond(pred, target, steps, tolerance_mm)


def share_beyond(
    pred: Bool[np.ndarray, "*s"],
    target: Bool[np.ndarray, "*s"],
    spacing: Spacing,
    tolerance_mm: float = TOLERANCE_MM,
) -> float:
    """``hallucination_rate`` of masks that have been checked already."""
    if not pred.any() or not target.any():
        return float(pred.any())
    box = joint_box(pred, target)
    wrong = pred[box] & ~target[box]  # the rest is at distance 0
    beyond = nearest_distances(wrong, target[box], spacing) > tolerance_mm
    return float(np.count_nonzero(beyond) / np.count_nonzero(pred))
