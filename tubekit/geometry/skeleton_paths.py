"""Which voxels of a skeleton touch each other."""

import numpy as np
from jaxtyping import Int64
from scipy import sparse

from tubekit.geometry.kernels.paths import touching


def neighbours(voxels: Int64[np.ndarray, "n d"]) -> sparse.csr_array:
    """Symmetric matrix with 1 where two voxels, in reading order, share a face, edge or corner."""
    first, beside = touching(*framed(voxels))
    return sparse.csr_array((np.ones(len(beside), np.int32), beside, first), (len(voxels),) * 2)


def framed(voxels: Int64[np.ndarray, "n d"]) -> tuple[Int64[np.ndarray, "n"], int, int]:
    """Flat places in the box around the voxels with an empty frame, and the strides of its grid.

    Args:
        voxels: coordinates in 2-D or 3-D, in reading order.
    Returns:
        Ascending places, and the distance of neighbours along y and z.
    """
    if not len(voxels):
        return np.zeros(0, np.int64), 3, 9
    inside = voxels - voxels.min(axis=0) + 1
    *_, height, width = (inside.max(axis=0) + 2).tolist()
    strides = (height * width, width, 1)
    return inside @ np.array(strides[-voxels.shape[1] :]), width, height * width
