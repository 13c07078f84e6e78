"""Betti errors: wrong numbers of pieces, loops and cavities.

All take the arguments of ``betti_errors`` and raise what it raises. Betti numbers have no unit, so
spacing is checked and has no effect. They are blind to position: one piece too many here and one
too few there cancel out.
"""

from typing import NamedTuple

from tubekit.geometry import betti_numbers
from tubekit.metrics.pair import Mask, mask_pair
from tubekit.types import Spacing


class BettiErrors(NamedTuple):
    """Differences between the Betti numbers of a prediction and of its target.

    Attributes:
        errors: absolute difference per dimension: pieces, loops (tunnels in 3-D), cavities (3-D).
        signed_0: pieces of the prediction less those of the target: above 0 is fragmented, below
            0 merged or missed.
    """

    errors: tuple[int, ...]
    signed_0: int


def betti_errors(
    pred: Mask,
    target: Mask,
    *,
    spacing: Spacing | None = None,
    connectivity: str = "full",
) -> BettiErrors:
    """Absolute Betti errors of the whole image, per dimension.

    Empty masks are defined: all their Betti numbers are 0.

    Args:
        pred: binary mask, (y, x) or (z, y, x).
        target: binary truth on the same grid.
        spacing: checked only.
        connectivity: of the foreground, ``"full"`` (8 or 26 neighbours, for thin diagonal lines)
            or ``"face"`` (4 or 6); the background takes the other one.
    Returns:
        One error per dimension, and the signed difference in pieces.
    Raises:
        ValueError: the masks are not binary or not on one grid, or an unknown connectivity.

    Equation: :eq:`eq-betti-error`
    """
    pred, target, _ = mask_pair(pred, target, spacing)
    ours = betti_numbers(pred, connectivity=connectivity)
    true = betti_numbers(target, connectivity=connectivity)
    differences = [int(a) - int(b) for a, b in zip(ours, true, strict=True)]
    return BettiErrors(tuple(map(abs, differences)), differences[0])


def betti_error_0(pred: Mask, target: Mask, *, spacing: Spacing | None = None) -> float:
    """Absolute error in the number of pieces, 8- or 26-connected. Defined for empty masks."""
    return float(betti_errors(pred, target, spacing=spacing).errors[0])


def betti_error_1(pred: Mask, target: Mask, *, spacing: Spacing | None = None) -> float:
    """Absolute error in the number of loops (2-D) or tunnels (3-D). Defined for empty masks."""
    return float(betti_errors(pred, target, spacing=spacing).errors[1])


def betti_error_2(pred: Mask, target: Mask, *, spacing: Spacing | None = None) -> float:
    """Absolute error in the number of cavities (3-D); NaN in 2-D. Defined for empty masks."""
    errors = betti_errors(pred, target, spacing=spacing).errors
    return float(errors[2]) if len(errors) == 3 else float("nan")


def betti_difference_0(pred: Mask, target: Mask, *, spacing: Spacing | None = None) -> float:
    """Pieces of the prediction less pieces of the target: above 0 is fragmented."""
    return float(betti_errors(pred, target, spacing=spacing).signed_0)
