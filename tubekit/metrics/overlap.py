"""Voxel overlap: Dice, IoU, precision, recall, false-positive rate, volume ratio.

All take the arguments of ``counts`` and raise what it raises. Spacing is checked and has no effect
on these ratios: every voxel has one size.
"""

from typing import NamedTuple

import numpy as np

from tubekit.metrics.pair import Mask, mask_pair
from tubekit.types import Spacing


class Counts(NamedTuple):
    """Voxels of a 2 x 2 table of prediction against truth."""

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int


def counts(pred: Mask, target: Mask, *, spacing: Spacing | None = None) -> Counts:
    """Count true and false positives and negatives.

    Args:
        pred: binary mask, (y, x) or (z, y, x).
        target: binary truth on the same grid.
        spacing: checked only.
    Raises:
        ValueError: the masks are not binary or not on one grid.
    """
    pred, target, _ = mask_pair(pred, target, spacing)
    tables = (pred & target, pred & ~target, ~pred & target, ~pred & ~target)
    return Counts(*(int(np.count_nonzero(table)) for table in tables))


def dice(pred: Mask, target: Mask, *, spacing: Spacing | None = None) -> float:
    """Twice the overlap over the sum of both sizes, in [0, 1].

    Both masks empty: 1. One empty: 0.

    Equation: :eq:`eq-dice`

    Reference: Dice, Ecology 1945.
    """
    tp, fp, fn, _ = counts(pred, target, spacing=spacing)
    return _ratio(2 * tp, 2 * tp + fp + fn, empty=1.0)


def iou(pred: Mask, target: Mask, *, spacing: Spacing | None = None) -> float:
    """Intersection over union, in [0, 1]; dice / (2 - dice) case by case.

    Both masks empty: 1. One empty: 0.
    """
    tp, fp, fn, _ = counts(pred, target, spacing=spacing)
    return _ratio(tp, tp + fp + fn, empty=1.0)


def precision(pred: Mask, target: Mask, *, spacing: Spacing | None = None) -> float:
    """Share of the prediction that is true, in [0, 1].

    Prediction empty: 0 if the target is not (nothing found is no precise finding), NaN if both are.
    """
    tp, fp, fn, _ = counts(pred, target, spacing=spacing)
    return _ratio(tp, tp + fp, empty=0.0 if fn else np.nan)


def recall(pred: Mask, target: Mask, *, spacing: Spacing | None = None) -> float:
    """Share of the target that is found, in [0, 1]. Target empty: NaN."""
    tp, _, fn, _ = counts(pred, target, spacing=spacing)
    return _ratio(tp, tp + fn, empty=np.nan)


def false_positive_rate(pred: Mask, target: Mask, *, spacing: Spacing | None = None) -> float:
    """Share of the background that is predicted, in [0, 1]. No background in the target: NaN.

    It falls when the image grows; read it beside precision, which does not.
    """
    _, fp, _, tn = counts(pred, target, spacing=spacing)
    return _ratio(fp, fp + tn, empty=np.nan)


def volume_ratio(pred: Mask, target: Mask, *, spacing: Spacing | None = None) -> float:
    """Volume of the prediction over that of the target, in [0, inf); 1 is best.

    Target empty: NaN. Prediction empty: 0.
    """
    tp, fp, fn, _ = counts(pred, target, spacing=spacing)
    return _ratio(tp + fp, tp + fn, empty=np.nan)


def _ratio(part: int, whole: int, *, empty: float) -> float:
    return part / whole if whole else float(empty)
