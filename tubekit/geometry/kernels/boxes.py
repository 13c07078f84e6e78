"""The box around the foreground: what lies outside it need not be read, copied or thinned."""

import numpy as np
from jaxtyping import Shaped

from tubekit.geometry.kernels.compiled import compiled


def foreground_box(mask: Shaped[np.ndarray, "*s"], margin: int) -> tuple[slice, ...] | None:
    """Smallest box around the non-zero voxels, wider by ``margin``, within the image.

    One pass over the array, whatever its strides; masks and label maps are not copied.

    Args:
        mask: mask, label map or image, 1-D to 3-D.
        margin: voxels added on every side, as far as the image reaches; 0 or more.
    Returns:
        One slice per axis with plain start and stop, so that ``mask[box]`` is a view; ``None``
        where there is no foreground.
    """
    if mask.size == 0:
        return None
    if mask.dtype.kind not in "biu" or not mask.dtype.isnative:
        mask = mask != 0
    # In the order of memory, which is not that of the axes in volumes read from NIfTI files.
    order = np.argsort(np.negative(np.abs(mask.strides)), kind="stable").tolist()
    ends = _extent(mask.transpose(order)[(np.newaxis,) * (3 - mask.ndim)])
    if ends[1, 0] < 0:
        return None
    box = [slice(0)] * mask.ndim
    for axis, (first, last) in zip(order, ends.T[3 - mask.ndim :].tolist(), strict=True):
        box[axis] = slice(max(first - margin, 0), min(last + margin + 1, mask.shape[axis]))
    return tuple(box)


@compiled
def _extent(mask: np.ndarray) -> np.ndarray:
    """First and last index with a non-zero voxel (2 3), per axis; -1 as the last without any."""
    depth, height, width = mask.shape
    left, right = width, -1
    ends = np.array([[depth, height, width], [-1, -1, -1]])
    low, high = ends
    for z in range(depth):
        for y in range(height):
            # Whole rows are tested first: this loop has no exit, so the compiler reads many
            # voxels at once, and most rows are empty or lie inside the box found so far.
            filled = False
            for x in range(width):
                filled |= mask[z, y, x] != 0
            if not filled:
                continue
            low[0], high[0] = min(low[0], z), z
            low[1], high[1] = min(low[1], y), max(high[1], y)
            x = 0
            while x < left and mask[z, y, x] == 0:
                x += 1
            left = x
            x = width - 1
            while x > right and mask[z, y, x] == 0:
                x -= 1
            right = x
    low[2], high[2] = left, right
    return ends
