"""What every metric does first: check two masks and their spacing."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Shaped

from tubekit import _check
from tubekit.geometry.kernels.boxes import foreground_box
from tubekit.types import Spacing

Mask = Shaped[np.ndarray, "..."]
"""A binary mask, bool or 0/1; ``mask_pair`` checks the rest and says what is wrong."""


def mask_pair(
    pred: Mask, target: Mask, spacing: Sequence[float] | None
) -> tuple[Bool[np.ndarray, "*s"], Bool[np.ndarray, "*s"], Spacing]:
    """Both masks as bool on one 2-D or 3-D grid, and the spacing in mm.

    Raises:
        ValueError: shapes differ, not 2-D or 3-D, not binary, or a spacing that is not positive.
    """
    pred, target = _check.binary("pred", pred), _check.binary("target", target)
    _check.dimensions("pred", pred, (2, 3))
    _check.same_shape(pred=pred, target=target)
    return pred, target, _check.spacing(spacing, pred.ndim)


def joint_box(pred: Mask, target: Mask) -> tuple[slice, ...]:
    """Smallest box that holds the foreground of both masks; one voxel if there is none.

    A box of one slice gains its neighbours: a sheet in a volume is no image.
    """
    boxes = [box for box in (foreground_box(pred, 0), foreground_box(target, 0)) if box]
    if not boxes:
        return (slice(0, 1),) * pred.ndim
    joint = []
    for size, *sides in zip(pred.shape, *boxes, strict=True):
        low, high = min(s.start for s in sides), max(s.stop for s in sides)
        more = int(high - low == 1)
        joint.append(slice(max(low - more, 0), min(high + more, size)))
    return tuple(joint)
