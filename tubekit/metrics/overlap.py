"""Voxel overlap: Dice, IoU, precision, recall, false-positive rate, volume ratio.

All take the arguments of ``counts`` and raise what it raises. Spacing is checked and has no effect
on these ratios: every voxel has one size.
"""

from typing import NamedTuple

import numpy as np

from tubekit.metrics.pair import Mask, mask_pair
from tubekit.types import Spacing


class Counts(NamedTuple):
    """Voxels of a 2 x 2 table of prediction against truth, and the ratios made of them.

    The functions of the same names say what the ratios are and what empty masks give.
    """

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int

    @property
    def predicted(self) -> int:
        return self.true_positive + self.false_positive

    @property
    def true(self) -> int:
        return self.true_positive + self.false_negative

    @property
    def dice(self) -> float:
        return _ratio(2 * self.true_positive, self.predicted + self.true, empty=1.0)

    @property
    def iou(self) -> float:
        return _ratio(self.true_positive, self.predicted + self.false_negative, empty=1.0)

    @property
    def precision(self) -> float:
        nothing_found = 0.0 if self.true else np.nan
        return _ratio(self.true_positive, self.predicted, empty=nothing_found)

    @property
    def recall(self) -> float:
        return _ratio(self.true_positive, self.true, empty=np.nan)

    @property
    def false_positive_rate(self) -> float:
        background = self.false_positive + self.true_negative
        return _ratio(self.false_positive, background, empty=np.nan)

    @property
    def volume_ratio(self) -> float:
        return _ratio(self.predicted, self.true, empty=np.nan)


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
    both = int(np.count_nonzero(pred & target))
    predicted, true = int(np.count_nonzero(pred)), int(np.count_nonzero(target))
    return Counts(both, predicted - both, true - both, pred.size - predicted - true + both)


def dice(pred: Mask, target: Mask, *, spacing: Spacing | None = None) -> float:
    """Twice the overlap over the sum of both sizes, in [0, 1].

    Both masks empty: 1. One empty: 0.

    Equation: :eq:`eq-dice`

    Reference: Dice, Ecology 1945.
    """
    return counts(pred, target, spacing=spacing).dice


def iou(pred: Mask, target: Mask, *, spacing: Spacing | None = None) -> float:
    """Intersection over union, in [0, 1]; dice / (2 - dice) case by case.

    Both masks empty: 1. One empty: 0.
    """
    return counts(pred, target, spacing=spacing).iou


def precision(pred: Mask, target: Mask, *, spacing: Spacing | None = None) -> float:
    """Share of the prediction that is true, in [0, 1].

    Prediction empty: 0 if the target is not (nothing found is no precise finding), NaN if both are.
    """
    return counts(pred, target, spacing=spacing).precision


def recall(pred: Mask, target: Mask, *, spacing: Spacing | None = None) -> float:
    """Share of the target that is found, in [0, 1]. Target empty: NaN."""
    return counts(pred, target, spacing=spacing).recall


def false_positive_rate(pred: Mask, target: Mask, *, spacing: Spacing | None = None) -> float:
    """Share of the background that is predicted, in [0, 1]. No background in the target: NaN.

    It falls when the image grows; read it beside precision, which does not.
    """
    return counts(pred, target, spacing=spacing).false_positive_rate


def volume_ratio(pred: Mask, target: Mask, *, spacing: Spacing | None = None) -> float:
    """Volume of the prediction over that of the target, in [0, inf); 1 is best.

    Target empty: NaN. Prediction empty: 0.
    """
    return counts(pred, target, spacing=spacing).volume_ratio


def _ratio(part: int, whole: int, *, empty: float) -> float:
    return part / whole if whole else float(empty)
