"""Betti errors: wrong numbers of pieces, loops and cavities.

All raise what ``betti_errors`` raises. Betti numbers have no unit, so
spacing is checked and has no effect. They are blind to position: one piece too many here and one
too few there cancel out.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tubekit import _accept
from tubekit._accept import SpacingLike, Whole
from tubekit.geometry import betti_numbers
from tubekit.geometry._input import without_flat_axes
from tubekit.metrics.pair import Mask, mask_pair


class BettiErrors(NamedTuple):
    """Differences between the Betti numbers of a prediction and of its target.

    Whole numbers for a whole image, means over the tiles otherwise.

    Attributes:
        errors: absolute difference per dimension: pieces, loops (tunnels in 3-D), cavities (3-D).
        signed_0: pieces of the prediction less those of the target: above 0 is fragmented, below
            0 merged or missed.

    Example:
        >>> BettiErrors((1, 0), -1).errors[0]
        1
    """

    errors: tuple[float, ...]
    signed_0: float


def betti_errors(
    pred: Mask,
    target: Mask,
    *,
    spacing: SpacingLike | None = None,
    connectivity: str = "full",
    tile: Whole | Sequence[Whole] | None = None,
) -> BettiErrors:
    """Absolute Betti errors per dimension, of the whole image or as a mean over tiles.

    Empty masks are defined: all their Betti numbers are 0. Errors over tiles are smaller numbers
    on a scale of their own: they see where an error is, but a tube cut by a tile border counts as
    two pieces, and a loop larger than a tile is none.

    Args:
        pred: binary mask, (y, x) or (z, y, x).
        target: binary truth on the same grid.
        spacing: checked only.
        connectivity: of the foreground, ``"full"`` (8 or 26 neighbours, for thin diagonal lines)
            or ``"face"`` (4 or 6); the background takes the other one.
        tile: voxels per axis of tiles side by side, or one number for all axes; each is seen as
            an image of its own; those at the far borders are smaller where the size does not
            divide, and weigh as much. ``None`` means the whole image.
    Returns:
        One error per dimension, and the signed difference in pieces.
    Raises:
        ValueError: the masks are not binary or not on one grid, an unknown connectivity, or a
            tile that is not one positive integer per axis.

    Equation: :eq:`eq-betti-error`

    Example:
        >>> row = np.ones((1, 9), bool)
        >>> betti_errors(row & (np.arange(9) != 4), row).errors  # one gap: two pieces
        (1, 0)
    """
    whole = _accept.array("pred", pred)
    pred, target, _ = mask_pair(whole, target, spacing)
    if tile is None:
        return _errors(pred, target, connectivity)
    per_axis = _accept.per_axis("tile", tile, whole.ndim)
    sides = [int(n) for n in without_flat_axes(whole, per_axis)[1]]
    steps = [range(0, size, n) for size, n in zip(pred.shape, sides, strict=True)]
    found = []
    for corner in itertools.product(*steps):
        box = tuple(slice(low, low + n) for low, n in zip(corner, sides, strict=True))
        found.append(_errors(pred[box], target[box], connectivity))
    errors = np.mean([one.errors for one in found], axis=0)
    return BettiErrors(tuple(errors.tolist()), float(np.mean([one.signed_0 for one in found])))


def _errors(pred: np.ndarray, target: np.ndarray, connectivity: str) -> BettiErrors:
    ours = betti_numbers(pred, connectivity=connectivity)
    true = betti_numbers(target, connectivity=connectivity)
    differences = [a - b for a, b in zip(ours, true, strict=True)]
    differences += [0] * (pred.ndim - len(true))  # a tile of one slice has no cavities
    return BettiErrors(tuple(map(abs, differences)), differences[0])


def betti_error_0(pred: Mask, target: Mask, *, spacing: SpacingLike | None = None) -> float:
    """Absolute error in the number of pieces, 8- or 26-connected. Defined for empty masks.

    Args:
        pred: binary mask, (y, x) or (z, y, x).
        target: binary truth on the same grid.
        spacing: checked only.

    Example:
        >>> row = np.ones((1, 9), bool)
        >>> betti_error_0(row & (np.arange(9) != 4), row)
        1.0
    """
    return float(betti_errors(pred, target, spacing=spacing).errors[0])


def betti_error_1(pred: Mask, target: Mask, *, spacing: SpacingLike | None = None) -> float:
    """Absolute error in the number of loops (2-D) or tunnels (3-D). Defined for empty masks.

    Args:
        pred: binary mask, (y, x) or (z, y, x).
        target: binary truth on the same grid.
        spacing: checked only.

    Example:
        >>> ring = np.pad(np.zeros((3, 3), bool), 1, constant_values=True)
        >>> betti_error_1(ring, np.ones((5, 5), bool))
        1.0
    """
    return float(betti_errors(pred, target, spacing=spacing).errors[1])


def betti_error_2(pred: Mask, target: Mask, *, spacing: SpacingLike | None = None) -> float:
    """Absolute error in the number of cavities (3-D); NaN in 2-D. Defined for empty masks.

    Args:
        pred: binary mask, (y, x) or (z, y, x).
        target: binary truth on the same grid.
        spacing: checked only.

    Example:
        >>> shell = np.pad(np.zeros((3, 3, 3), bool), 1, constant_values=True)
        >>> betti_error_2(shell, np.ones((5, 5, 5), bool))
        1.0
    """
    errors = betti_errors(pred, target, spacing=spacing).errors
    return float(errors[2]) if len(errors) == 3 else float("nan")


def betti_difference_0(pred: Mask, target: Mask, *, spacing: SpacingLike | None = None) -> float:
    """Pieces of the prediction less pieces of the target: above 0 is fragmented.

    Args:
        pred: binary mask, (y, x) or (z, y, x).
        target: binary truth on the same grid.
        spacing: checked only.

    Example:
        >>> row = np.ones((1, 9), bool)
        >>> betti_difference_0(row & (np.arange(9) != 4), row)
        1.0
    """
    return float(betti_errors(pred, target, spacing=spacing).signed_0)
