"""What every metric does first: check two masks and their spacing, once, for all."""

import numpy as np
from jaxtyping import Bool, Shaped

from tubekit import _accept, _check
from tubekit._accept import Array, SpacingLike
from tubekit.geometry._input import without_flat_axes
from tubekit.geometry.kernels.boxes import foreground_box
from tubekit.types import Spacing

Mask = Shaped[Array, "..."]
"""A binary mask, bool or 0/1; ``mask_pair`` checks the rest and says what is wrong."""

BOTH_EMPTY = ("nan", "perfect")
"""What 0/0 is: undefined, so that a mean over cases counts and leaves it out; or agreement."""


def mask_pair(
    pred: Mask, target: Mask, spacing: SpacingLike | None
) -> tuple[Bool[np.ndarray, "*s"], Bool[np.ndarray, "*s"], Spacing]:
    """Both masks as bool on one 2-D or 3-D grid, and the spacing in mm.

    A volume of one slice is the image in it: every voxel ends there, so all would be surface, and
    no tube would be wider than the slice is thick.

    Raises:
        ValueError: shapes differ, not 2-D or 3-D, not binary, or a spacing that is not positive.
    """
    pred, target = one_mask("pred", pred), one_mask("target", target)
    _check.dimensions("pred", pred, (2, 3))
    _check.same_shape(pred=pred, target=target)
    pred, steps = without_flat_axes(pred, _check.spacing(spacing, pred.ndim))
    return pred, without_flat_axes(target)[0], steps


def one_mask(name: str, mask: Mask) -> Bool[np.ndarray, "*s"]:
    """A plain bool array, or ValueError for values other than 0 and 1."""
    return _check.binary(name, _accept.array(name, mask))


def joint_box(
    pred: Shaped[np.ndarray, "..."], target: Shaped[np.ndarray, "..."]
) -> tuple[slice, ...]:
    """Smallest box that holds the foreground of both masks; at the origin if there is none.

    No axis is cut down to one voxel: a plate in a volume is no volume of one slice.
    """
    boxes = [box for box in (foreground_box(pred, 0), foreground_box(target, 0)) if box]
    sides = zip(*boxes, strict=True) if boxes else [(slice(0, 0),)] * pred.ndim
    return tuple(
        _two_voxels(min(s.start for s in side), max(s.stop for s in side), size)
        for side, size in zip(sides, pred.shape, strict=True)
    )


def _two_voxels(start: int, stop: int, size: int) -> slice:
    stop = min(max(stop, start + 2), size)
    return slice(max(min(start, stop - 2), 0), stop)


def check_empty(empty: str) -> None:
    """Raise ValueError unless ``empty`` is one of ``BOTH_EMPTY``."""
    _check.option("empty", empty, BOTH_EMPTY)


def agreed(value: float, empty: str, perfect: float = 1.0) -> float:
    """A value that is NaN where both masks are empty, or what a perfect prediction has instead."""
    check_empty(empty)
    return perfect if empty == "perfect" and np.isnan(value) else value
