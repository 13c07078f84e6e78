"""Hallucination rate: what a prediction invents, apart from walls that are a little off."""

import numpy as np
from jaxtyping import Bool

from tubekit._accept import SpacingLike
from tubekit._lengths import at_most
from tubekit.geometry.distance import nearest_distances
from tubekit.metrics.centerline import TOLERANCE_MM
from tubekit.metrics.pair import Mask, agreed, joint_box, mask_pair
from tubekit.metrics.surface import check_tolerance
from tubekit.types import Spacing


def hallucination_rate(
    pred: Mask,
    target: Mask,
    *,
    spacing: SpacingLike | None = None,
    tolerance_mm: float = TOLERANCE_MM,
    empty: str = "nan",
) -> float:
    """Share of the prediction further than the tolerance from any true voxel, in [0, 1].

    Precision counts a wall that is one voxel too thick like a vessel in the wrong place. This
    counts the second alone. Prediction empty: 0, since nothing is invented. Target empty: 1. Both:
    NaN, or 0 on request.

    Args:
        pred: binary mask, (y, x) or (z, y, x).
        target: binary truth on the same grid.
        spacing: mm per voxel in array order; ``None`` means 1: the tolerance is in voxels.
        tolerance_mm: distance that is still a shifted wall, at least 0; at 0 the rate is one
            minus the precision.
        empty: of two empty masks: ``"nan"``, or ``"perfect"`` for 0.
    Raises:
        ValueError: the masks are not binary or not on one grid, a bad spacing, or a negative
            tolerance.

    Example:
        >>> vessel, found = np.zeros((2, 9, 9), bool)
        >>> vessel[2], found[2], found[8] = True, True, True
        >>> hallucination_rate(found, vessel)
        0.5
    """
    check_tolerance(tolerance_mm)
    pred, target, steps = mask_pair(pred, target, spacing)
    return agreed(share_beyond(pred, target, steps, tolerance_mm), empty, perfect=0.0)


def share_beyond(
    pred: Bool[np.ndarray, "*s"],
    target: Bool[np.ndarray, "*s"],
    spacing: Spacing,
    tolerance_mm: float = TOLERANCE_MM,
) -> float:
    """``hallucination_rate`` of masks that have been checked already."""
    if not pred.any() or not target.any():
        return float(pred.any()) if pred.any() or target.any() else float("nan")
    box = joint_box(pred, target)
    wrong = pred[box] & ~target[box]  # the rest is at distance 0
    far = ~at_most(nearest_distances(wrong, target[box], spacing), tolerance_mm)
    return float(np.count_nonzero(far) / np.count_nonzero(pred))
