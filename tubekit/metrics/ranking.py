"""Receiver operating characteristic: how well a score separates object from background."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Shaped

from tubekit import _accept, _check
from tubekit._accept import Array
from tubekit.metrics.pair import one_mask

Grid = Shaped[Array, "..."]
"""Any array; ``roc_curve`` checks that all lie on one grid and says what is wrong."""


_AT_ONCE = 1 << 16
"""How many thresholds are looked at together; more would only need more memory."""


class RocCurve(NamedTuple):
    """One point per threshold, from "nothing is positive" to "everything is".

    Attributes:
        false_positive_rate: share of the background at or above the threshold, rising 0 to 1.
        true_positive_rate: share of the object at or above the threshold, rising 0 to 1.
        area: under the curve: the probability that a random object voxel scores higher than a
            random background voxel, ties counted half. 0.5 is chance, 1 is perfect.

    Example:
        >>> roc_curve(np.array([0.1, 0.4, 0.8]), np.array([0, 0, 1])).true_positive_rate.tolist()
        [0.0, 1.0, 1.0, 1.0]
    """

    false_positive_rate: Float64[np.ndarray, " n"]
    true_positive_rate: Float64[np.ndarray, " n"]
    area: float


def roc_curve(
    scores: Grid,
    target: Grid,
    *,
    valid: Grid | None = None,
) -> RocCurve:
    """Rates of true and false positives for every threshold of a score.

    Where few voxels are object, a small false-positive rate can still be more voxels than the
    object has; look at precision as well.

    Args:
        scores: any finite numbers, higher means object, e.g. a vesselness.
        target: binary truth on the same grid.
        valid: True where voxels count; ``None`` means everywhere.
    Returns:
        The curve; equal scores form one step, so the order of voxels does not matter.
    Raises:
        ValueError: shapes differ, ``target`` not binary, a score that is not finite, or no voxel
            of one kind where ``valid``.

    Reference: Fawcett, Pattern Recognition Letters 2006.

    Example:
        >>> roc_curve(np.array([0.1, 0.4, 0.8]), np.array([0, 1, 1])).area
        1.0
    """
    scores, mask = _accept.array("scores", scores), one_mask("target", target)
    _check.same_shape(scores=scores, target=mask)
    if valid is not None:
        valid = one_mask("valid", valid)
        _check.same_shape(scores=scores, valid=valid)
        scores, mask = scores[valid], mask[valid]
    _check.finite("scores", scores)
    positives = int(np.count_nonzero(mask))
    negatives = mask.size - positives
    if not positives or not negatives:
        raise ValueError(
            f"target must hold object and background, got {positives} object voxels of "
            f"{mask.size}; choose another case or a larger field of view"
        )
    false_rate, true_rate = _rates(scores, mask)
    return RocCurve(false_rate, true_rate, _area(false_rate, true_rate))


def _rates(
    scores: Shaped[np.ndarray, "*s"], mask: Bool[np.ndarray, "*s"]
) -> tuple[Float64[np.ndarray, " n"], Float64[np.ndarray, " n"]]:
    """Both shares; the thresholds are needed no longer."""
    thresholds = np.unique(scores)[::-1]
    return _share_above(thresholds, scores[~mask]), _share_above(thresholds, scores[mask])


def _share_above(
    thresholds: Shaped[np.ndarray, " k"], scores: Shaped[np.ndarray, " m"]
) -> Float64[np.ndarray, " n"]:
    """Share of the scores at or above each of the falling thresholds, and 0 before the first."""
    share = np.zeros(len(thresholds) + 1)
    scores.sort()
    for start in range(0, len(thresholds), _AT_ONCE):
        asked = thresholds[start : start + _AT_ONCE]
        hits = len(scores) - np.searchsorted(scores, asked)
        share[start + 1 : start + 1 + len(asked)] = hits / len(scores)
    return share


def _area(x: Float64[np.ndarray, " n"], y: Float64[np.ndarray, " n"]) -> float:
    """``numpy.trapezoid`` with one array to work in, and to the same digits."""
    pieces = np.diff(x)
    for start in range(0, len(pieces), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        pieces[part] *= y[1:][part] + y[:-1][part]
    pieces /= 2
    return float(pieces.sum())
