"""Voxel overlap: Dice, IoU, precision, recall, false-positive rate, volume ratio.

All raise what ``counts`` raises. Spacing is checked and has no effect on these ratios: every voxel
has one size.
"""

from typing import NamedTuple

import numpy as np

from tubekit._accept import SpacingLike
from tubekit.metrics.pair import Mask, agreed, mask_pair


class Counts(NamedTuple):
    """Voxels of a 2 x 2 table of prediction against truth, and the ratios made of them.

    The functions of the same names say what the ratios are; a ratio of nothing to nothing is NaN.

    Attributes:
        true_positive: voxels of both masks.
        false_positive: voxels of the prediction alone.
        false_negative: voxels of the truth alone.
        true_negative: voxels of neither.

    Example:
        >>> Counts(3, 1, 1, 5).dice
        0.75
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
        return _ratio(2 * self.true_positive, self.predicted + self.true)

    @property
    def iou(self) -> float:
        return _ratio(self.true_positive, self.predicted + self.false_negative)

    @property
    def precision(self) -> float:
        nothing_found = 0.0 if self.true else np.nan
        return _ratio(self.true_positive, self.predicted, empty=nothing_found)

    @property
    def recall(self) -> float:
        return _ratio(self.true_positive, self.true)

    @property
    def false_positive_rate(self) -> float:
        return _ratio(self.false_positive, self.false_positive + self.true_negative)

    @property
    def volume_ratio(self) -> float:
        return _ratio(self.predicted, self.true)


def counts(pred: Mask, target: Mask, *, spacing: SpacingLike | None = None) -> Counts:
    """Count true and false positives and negatives.

    Args:
        pred: binary mask, (y, x) or (z, y, x).
        target: binary truth on the same grid.
        spacing: checked only.
    Returns:
        The four counts.
    Raises:
        ValueError: the masks are not binary or not on one grid.

    Example:
        >>> counts(np.array([[1, 1, 0]]), np.array([[1, 0, 0]])).false_positive
        1
    """
    pred, target, _ = mask_pair(pred, target, spacing)
    both = int(np.count_nonzero(pred & target))
    predicted, true = int(np.count_nonzero(pred)), int(np.count_nonzero(target))
    return Counts(both, predicted - both, true - both, pred.size - predicted - true + both)


def dice(
    pred: Mask, target: Mask, *, spacing: SpacingLike | None = None, empty: str = "nan"
) -> float:
    """Twice the overlap over the sum of both sizes, in [0, 1].

    Both masks empty: NaN, or 1 on request. One empty: 0.

    Args:
        pred: binary mask, (y, x) or (z, y, x).
        target: binary truth on the same grid.
        spacing: checked only.
        empty: of two empty masks: ``"nan"``, or ``"perfect"`` for 1.

    Equation: :eq:`eq-dice`

    Reference: Dice, Ecology 1945.

    Example:
        >>> dice(np.array([[1, 1, 0]]), np.array([[0, 1, 1]]))
        0.5
    """
    return agreed(counts(pred, target, spacing=spacing).dice, empty)


def iou(
    pred: Mask, target: Mask, *, spacing: SpacingLike | None = None, empty: str = "nan"
) -> float:
    """Intersection over union, in [0, 1]; dice / (2 - dice) case by case.

    Both masks empty: NaN, or 1 on request. One empty: 0.

    Args:
        pred: binary mask, (y, x) or (z, y, x).
        target: binary truth on the same grid.
        spacing: checked only.
        empty: of two empty masks: ``"nan"``, or ``"perfect"`` for 1.

    Example:
        >>> iou(np.array([[1, 1, 0, 0]]), np.array([[0, 1, 1, 1]]))
        0.25
    """
    return agreed(counts(pred, target, spacing=spacing).iou, empty)


def precision(pred: Mask, target: Mask, *, spacing: SpacingLike | None = None) -> float:
    """Share of the prediction that is true, in [0, 1].

    Prediction empty: 0 if the target is not (nothing found is no precise finding), NaN if both are.

    Args:
        pred: binary mask, (y, x) or (z, y, x).
        target: binary truth on the same grid.
        spacing: checked only.

    Example:
        >>> precision(np.array([[1, 1, 0]]), np.array([[1, 0, 0]]))
        0.5
    """
    return counts(pred, target, spacing=spacing).precision


def recall(pred: Mask, target: Mask, *, spacing: SpacingLike | None = None) -> float:
    """Share of the target that is found, in [0, 1]. Target empty: NaN.

    Args:
        pred: binary mask, (y, x) or (z, y, x).
        target: binary truth on the same grid.
        spacing: checked only.

    Example:
        >>> recall(np.array([[1, 1, 0]]), np.array([[1, 0, 0]]))
        1.0
    """
    return counts(pred, target, spacing=spacing).recall


def false_positive_rate(pred: Mask, target: Mask, *, spacing: SpacingLike | None = None) -> float:
    """Share of the background that is predicted, in [0, 1]. No background in the target: NaN.

    It falls when the image grows; read it beside precision, which does not.

    Args:
        pred: binary mask, (y, x) or (z, y, x).
        target: binary truth on the same grid.
        spacing: checked only.

    Example:
        >>> false_positive_rate(np.array([[1, 1, 0]]), np.array([[1, 0, 0]]))
        0.5
    """
    return counts(pred, target, spacing=spacing).false_positive_rate


def volume_ratio(pred: Mask, target: Mask, *, spacing: SpacingLike | None = None) -> float:
    """Volume of the prediction over that of the target, in [0, inf); 1 is best.

    Target empty: NaN. Prediction empty: 0.

    Args:
        pred: binary mask, (y, x) or (z, y, x).
        target: binary truth on the same grid.
        spacing: checked only.

    Example:
        >>> volume_ratio(np.array([[1, 1, 0]]), np.array([[1, 0, 0]]))
        2.0
    """
    return counts(pred, target, spacing=spacing).volume_ratio


def _ratio(part: int, whole: int, *, empty: float = np.nan) -> float:
    return part / whole if whole else float(empty)
