"""Straight lines of voxels, on any number of axes."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int64, Integer

from tubekit import _check
from tubekit._accept import Array, Whole

Voxel = Sequence[Whole] | Integer[Array, " d"]


def rasterise_line(start: Voxel, stop: Voxel) -> Int64[np.ndarray, "n d"]:
    """Voxels of the straight line from ``start`` to ``stop``, both included.

    One step along the longest axis per voxel; on every other axis the coordinate nearest to the
    true line, in whole numbers. So neighbours in the list share a face, edge or corner, and no
    coordinate is off by more than half a voxel. Midway between two voxels the one further from
    ``start`` is taken, whatever the direction: flipped and transposed ends give the flipped and
    transposed line.

    Args:
        start: indices of the first voxel, one per axis.
        stop: indices of the last voxel.
    Returns:
        Indices, in order; a single voxel where both ends are the same.
    Raises:
        ValueError: the ends differ in their number of axes, or are no whole numbers.
    Reference: Bresenham, Algorithm for computer control of a digital plotter, 1965.
    """
    first, last = _voxel("start", start), _voxel("stop", stop)
    _check.same_shape(start=first, stop=last)
    way = last - first
    steps = int(np.abs(way).max(initial=0))
    count = np.arange(steps + 1)[:, None]
    return first + np.sign(way) * ((2 * np.abs(way) * count + steps) // max(2 * steps, 1))


def _voxel(name: str, value: Voxel) -> Int64[np.ndarray, " d"]:
    indices = np.asarray(value)
    if indices.ndim != 1 or indices.dtype.kind not in "iu":
        raise ValueError(
            f"{name} must be one whole number per axis, got {value!r}; round the indices first"
        )
    return indices.astype(np.int64)
