"""clDice: how well each centre line lies inside the other mask; F1 of the lines alone.

All raise ValueError unless they get two binary masks on one grid. Skeletons are counted in voxels;
only ``centerline_f1`` measures distances, so only there spacing has an effect.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from tubekit._accept import SpacingLike
from tubekit._lengths import at_most
from tubekit.geometry import skeletonize
from tubekit.geometry.distance import nearest_distances
from tubekit.metrics.pair import Mask, agreed, joint_box, mask_pair
from tubekit.metrics.surface import check_tolerance
from tubekit.types import Spacing

TOLERANCE_MM = 2.0


class Centerlines(NamedTuple):
    """Hard skeletons of both masks."""

    pred: Bool[np.ndarray, "..."]
    target: Bool[np.ndarray, "..."]


class CenterlineScores(NamedTuple):
    """The three scores of one pair; the functions of these names say what empty masks give."""

    cldice: float
    topology_precision: float
    topology_sensitivity: float


def topology_precision(pred: Mask, target: Mask, *, spacing: SpacingLike | None = None) -> float:
    """Share of the prediction's skeleton that lies inside the target, in [0, 1].

    Prediction empty: 0 if the target is not, NaN if both are.

    Args:
        pred: binary mask, (y, x) or (z, y, x).
        target: binary truth on the same grid.
        spacing: checked only.

    Example:
        >>> line = np.eye(8, dtype=bool)
        >>> topology_precision(line, line & (np.arange(8) < 6))
        0.75
    """
    pred, target, _ = mask_pair(pred, target, spacing)
    return _inside(pred, target, empty=0.0 if target.any() else np.nan)


def topology_sensitivity(pred: Mask, target: Mask, *, spacing: SpacingLike | None = None) -> float:
    """Share of the target's skeleton that lies inside the prediction, in [0, 1].

    Target empty: NaN.

    Args:
        pred: binary mask, (y, x) or (z, y, x).
        target: binary truth on the same grid.
        spacing: checked only.

    Example:
        >>> line = np.eye(8, dtype=bool)
        >>> topology_sensitivity(line & (np.arange(8) < 6), line)
        0.75
    """
    pred, target, _ = mask_pair(pred, target, spacing)
    return _inside(target, pred, empty=np.nan)


def cldice(
    pred: Mask, target: Mask, *, spacing: SpacingLike | None = None, empty: str = "nan"
) -> float:
    """Harmonic mean of topology precision and topology sensitivity, in [0, 1].

    Skeletons are the hard ones of ``tubekit.geometry.skeletonize``, not the soft ones of the
    loss. Both masks empty: NaN, or 1 on request. One empty, or no overlap at all: 0.

    Args:
        pred: binary mask, (y, x) or (z, y, x).
        target: binary truth on the same grid.
        spacing: checked only.
        empty: of two empty masks: ``"nan"``, or ``"perfect"`` for 1.

    Equation: :eq:`eq-cldice`

    Reference: Shit et al., CVPR 2021, equation 2.

    Example:
        >>> line = np.eye(8, dtype=bool)
        >>> round(cldice(line & (np.arange(8) < 6), line), 3)
        0.857
    """
    pred, target, _ = mask_pair(pred, target, spacing)
    return agreed(centerline_scores(pred, target, centerlines(pred, target)).cldice, empty)


def centerline_f1(
    pred: Mask,
    target: Mask,
    *,
    spacing: SpacingLike | None = None,
    tolerance_mm: float = TOLERANCE_MM,
    empty: str = "nan",
) -> float:
    """Harmonic mean of skeleton precision and recall at a distance tolerance, in [0, 1].

    Precision is the share of the prediction's skeleton voxels within the tolerance of the target's
    skeleton, recall the share of the target's within the tolerance of the prediction's. Unlike
    clDice it judges both sides by one distance, whatever the width of the vessels; the F1 of
    voxels would be Dice. Both masks empty: NaN, or 1 on request. One empty, or no voxel near
    enough: 0.

    Args:
        pred: binary mask, (y, x) or (z, y, x).
        target: binary truth on the same grid.
        spacing: mm per voxel in array order; ``None`` means 1: the tolerance is in voxels.
        tolerance_mm: accepted distance, at least 0.
        empty: of two empty masks: ``"nan"``, or ``"perfect"`` for 1.
    Raises:
        ValueError: the masks are not binary or not on one grid, a bad spacing, or a negative
            tolerance.

    Equation: :eq:`eq-centerline-f1`

    Example:
        >>> row, other = np.zeros((2, 9, 9), bool)
        >>> row[2], other[5] = True, True
        >>> centerline_f1(row, other, spacing=(0.1, 0.1), tolerance_mm=0.3)
        1.0
    """
    check_tolerance(tolerance_mm)
    pred, target, steps = mask_pair(pred, target, spacing)
    return agreed(line_f1(centerlines(pred, target), steps, tolerance_mm), empty)


def centerlines(pred: Bool[np.ndarray, "*s"], target: Bool[np.ndarray, "*s"]) -> Centerlines:
    """Skeletons of both masks."""
    return Centerlines(skeletonize(pred), skeletonize(target))


def centerline_scores(
    pred: Bool[np.ndarray, "*s"], target: Bool[np.ndarray, "*s"], lines: Centerlines
) -> CenterlineScores:
    """clDice and its two parts, of masks that have been thinned already."""
    found, true = bool(pred.any()), bool(target.any())
    precise = _share(lines.pred, target, empty=0.0 if true else np.nan)
    sensitive = _share(lines.target, pred, empty=np.nan)
    if not found or not true:
        return CenterlineScores(0.0 if found or true else np.nan, precise, sensitive)
    return CenterlineScores(_harmonic(precise, sensitive), precise, sensitive)


def line_f1(lines: Centerlines, spacing: Spacing, tolerance_mm: float = TOLERANCE_MM) -> float:
    """``centerline_f1`` of masks that have been thinned already."""
    found, true = bool(lines.pred.any()), bool(lines.target.any())
    if not found or not true:
        return 0.0 if found or true else float("nan")
    box = joint_box(*lines)
    pred, target = lines.pred[box], lines.target[box]
    precise = at_most(nearest_distances(pred, target, spacing), tolerance_mm)
    sensitive = at_most(nearest_distances(target, pred, spacing), tolerance_mm)
    return _harmonic(float(precise.mean()), float(sensitive.mean()))


def _harmonic(a: float, b: float) -> float:
    return 2 * a * b / (a + b) if a + b else 0.0


def _inside(mask: Bool[np.ndarray, "*s"], other: Bool[np.ndarray, "*s"], *, empty: float) -> float:
    return _share(skeletonize(mask), other, empty=empty)


def _share(
    skeleton: Bool[np.ndarray, "*s"], other: Bool[np.ndarray, "*s"], *, empty: float
) -> float:
    size = int(np.count_nonzero(skeleton))
    return float(np.count_nonzero(skeleton & other) / size) if size else float(empty)
