"""clDice: how well each centre line lies inside the other mask.

All take two binary masks on one grid, (y, x) or (z, y, x), and raise ValueError for anything
else. Skeletons are counted in voxels, so spacing is checked and has no effect.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from tubekit.geometry import skeletonize
from tubekit.metrics.pair import Mask, mask_pair
from tubekit.types import Spacing


class CenterlineScores(NamedTuple):
    """The three scores of one pair; the functions of these names say what empty masks give."""

    cldice: float
    topology_precision: float
    topology_sensitivity: float


def topology_precision(pred: Mask, target: Mask, *, spacing: Spacing | None = None) -> float:
    """Share of the prediction's skeleton that lies inside the target, in [0, 1].

    Prediction empty: 0 if the target is not, NaN if both are.
    """
    pred, target, _ = mask_pair(pred, target, spacing)
    return _inside(pred, target, empty=0.0 if target.any() else np.nan)


def topology_sensitivity(pred: Mask, target: Mask, *, spacing: Spacing | None = None) -> float:
    """Share of the target's skeleton that lies inside the prediction, in [0, 1].

    Target empty: NaN.
    """
    pred, target, _ = mask_pair(pred, target, spacing)
    return _inside(target, pred, empty=np.nan)


def cldice(pred: Mask, target: Mask, *, spacing: Spacing | None = None) -> float:
    """Harmonic mean of topology precision and topology sensitivity, in [0, 1].

    Skeletons are the hard ones of ``tubekit.geometry.skeletonize``, not the soft ones of the
    loss. Both masks empty: 1. One empty, or no overlap at all: 0.

    Equation: :eq:`eq-cldice`

    Reference: Shit et al., CVPR 2021, equation 2.
    """
    pred, target, _ = mask_pair(pred, target, spacing)
    return centerline_scores(pred, target).cldice


def centerline_scores(
    pred: Bool[np.ndarray, "*s"], target: Bool[np.ndarray, "*s"]
) -> CenterlineScores:
    """All three scores, with each skeleton taken once."""
    found, true = bool(pred.any()), bool(target.any())
    precise = _inside(pred, target, empty=0.0 if true else np.nan)
    sensitive = _inside(target, pred, empty=np.nan)
    if not found or not true:
        return CenterlineScores(float(found == true), precise, sensitive)
    both = precise + sensitive
    return CenterlineScores(2 * precise * sensitive / both if both else 0.0, precise, sensitive)


def _inside(mask: Bool[np.ndarray, "*s"], other: Bool[np.ndarray, "*s"], *, empty: float) -> float:
    skeleton = skeletonize(mask)
    size = int(np.count_nonzero(skeleton))
    return float(np.count_nonzero(skeleton & other) / size) if size else float(empty)
