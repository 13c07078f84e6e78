"""Where a grid lies after it was cut or resampled."""

from collections.abc import Sequence

import numpy as np

from tubekit.types import Affine


def moved(
    affine: Affine | None, start: Sequence[float], factors: Sequence[float] | None = None
) -> Affine | None:
    """The affine of a new grid whose voxel i lies at the index ``start + i * factors`` of the old.

    Args:
        affine: of the old grid; ``None`` stays ``None``.
        start: index of the first new voxel's centre, per axis, in voxels of the old grid.
        factors: new voxel size in old ones, per axis; ``None`` means 1.
    """
    if affine is None:
        return None
    ndim = len(start)
    step = np.diag([*(factors or (1.0,) * ndim), 1.0])
    step[:ndim, -1] = start
    return affine @ step


def coarser(affine: Affine | None, factors: Sequence[float]) -> Affine | None:
    """As ``moved``, where both grids share their first corner, not their first centre."""
    return moved(affine, [(f - 1) / 2 for f in factors], factors)
