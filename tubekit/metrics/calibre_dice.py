"""Overlap by vessel calibre: Dice for narrow, medium and wide vessels.

``tubekit.metrics.calibre`` says how wide a vessel is and which one a place belongs to, and what to
know before trusting it.
"""

import numpy as np
from jaxtyping import Float32

from tubekit import _check
from tubekit._accept import Numbers, SpacingLike
from tubekit.geometry import skeletonize
from tubekit.geometry._input import without_flat_axes
from tubekit.metrics.calibre import calibre_scores, calibres, nearest_width
from tubekit.metrics.pair import Mask, joint_box, mask_pair, one_mask

BOUNDS_MM = (5.0, 10.0)
"""Small vessels are narrower than the first bound, large ones at least as wide as the last."""
CALIBRES = ("small", "medium", "large")


def diameter_map(target: Mask, *, spacing: SpacingLike | None = None) -> Float32[np.ndarray, "*s"]:
    """Diameter in mm of the branch that each voxel of a mask belongs to; 0 outside the mask.

    Args:
        target: binary mask, (y, x) or (z, y, x).
        spacing: mm per voxel in array order; ``None`` means 1.
    Returns:
        One diameter per voxel.
    Raises:
        ValueError: the mask is not binary or not 2-D or 3-D, or a bad spacing.

    Example:
        >>> bar = np.zeros((9, 20), bool)
        >>> bar[3:6] = True
        >>> float(diameter_map(bar, spacing=(0.5, 0.5)).max())  # one voxel wider, as stated
        2.0
    """
    whole = one_mask("target", target)
    _check.dimensions("target", whole, (2, 3))
    mask, steps = without_flat_axes(whole, _check.spacing(spacing, whole.ndim))
    widths = np.zeros(mask.shape, np.float32)
    if mask.any():
        box = joint_box(mask, mask)
        inside = mask[box]
        found = calibres(inside, skeletonize(inside), steps)
        widths[box][inside] = nearest_width(inside, found, steps)
    return widths.reshape(whole.shape)


def dice_by_diameter(
    pred: Mask,
    target: Mask,
    *,
    spacing: SpacingLike | None = None,
    bounds_mm: Numbers = BOUNDS_MM,
) -> tuple[float, ...]:
    """Dice among the vessels of each calibre, narrow to wide, each in [0, 1].

    A class that the target lacks: NaN; no predicted voxel can belong to it. Prediction empty: 0
    for the classes that the target has. Target empty: NaN for all, whatever was predicted.

    Args:
        pred: binary mask, (y, x) or (z, y, x).
        target: binary truth on the same grid.
        spacing: mm per voxel in array order; ``None`` means 1, so that bounds are in voxels.
        bounds_mm: diameters at which the next class begins, increasing. One value more comes back
            than there are bounds.
    Returns:
        One Dice per class.
    Raises:
        ValueError: the masks are not binary or not on one grid, a bad spacing, or bounds that are
            not positive and increasing.

    Reference: Huang et al., HarmonySeg, ICCV 2025, table 2. The paper does not say how predicted
        voxels get their class; the rule of ``tubekit.metrics.calibre`` is ours.

    Example:
        >>> thin, wide = np.zeros((2, 40, 60), bool)
        >>> thin[5:8], wide[20:34] = True, True
        >>> dice_by_diameter(wide, thin | wide)
        (0.0, nan, 1.0)
    """
    pred, target, steps = mask_pair(pred, target, spacing)
    bounds = tuple(float(bound) for bound in bounds_mm)
    edges = np.array([0.0, *bounds])
    if not (np.isfinite(edges).all() and (np.diff(edges) > 0).all()):
        raise ValueError(
            f"bounds_mm must be positive and increasing, got {bounds}; "
            "pass diameters in mm, e.g. (5.0, 10.0)"
        )
    box = joint_box(pred, target)
    pred, target = pred[box], target[box]
    return calibre_scores(pred, target, skeletonize(target), steps, bounds)


def dice_small(pred: Mask, target: Mask, *, spacing: SpacingLike | None = None) -> float:
    """Dice among the vessels below 5 mm, in [0, 1]; NaN for a target without such vessels.

    Errors and reference as in ``dice_by_diameter``.

    Args:
        pred: binary mask, (y, x) or (z, y, x).
        target: binary truth on the same grid.
        spacing: mm per voxel in array order; ``None`` means 1, so that bounds are in voxels.

    Example:
        >>> bar = np.zeros((9, 20), bool)
        >>> bar[3:6] = True
        >>> dice_small(bar, bar)
        1.0
    """
    return dice_by_diameter(pred, target, spacing=spacing)[0]


def dice_medium(pred: Mask, target: Mask, *, spacing: SpacingLike | None = None) -> float:
    """Dice among the vessels from 5 mm to below 10 mm; otherwise as ``dice_small``.

    Args:
        pred: binary mask, (y, x) or (z, y, x).
        target: binary truth on the same grid.
        spacing: mm per voxel in array order; ``None`` means 1, so that bounds are in voxels.

    Example:
        >>> bar = np.zeros((9, 20), bool)
        >>> bar[3:6] = True
        >>> dice_medium(bar, bar, spacing=(2, 2))
        1.0
    """
    return dice_by_diameter(pred, target, spacing=spacing)[1]


def dice_large(pred: Mask, target: Mask, *, spacing: SpacingLike | None = None) -> float:
    """Dice among the vessels of 10 mm and more; otherwise as ``dice_small``.

    Args:
        pred: binary mask, (y, x) or (z, y, x).
        target: binary truth on the same grid.
        spacing: mm per voxel in array order; ``None`` means 1, so that bounds are in voxels.

    Example:
        >>> bar = np.zeros((9, 20), bool)
        >>> bar[3:6] = True
        >>> dice_large(bar, bar, spacing=(5, 5))
        1.0
    """
    return dice_by_diameter(pred, target, spacing=spacing)[2]
