"""Where a grid lies: after it was cut or resampled, and compared with another in the world."""

from collections.abc import Sequence

import numpy as np

from tubekit.data.stored import ReadError, Stored
from tubekit.types import Affine, Placed


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


def same_place(first: np.ndarray, second: np.ndarray) -> bool:
    """Two affines agree to a thousandth of a voxel side, or as far as headers of six digits do."""
    return first.shape == second.shape and np.allclose(
        first, second, rtol=1e-5, atol=1e-3 * np.abs(second[:-1, :-1]).max()
    )


def onto(stored: Stored, affine: Affine | None, name: object) -> Stored:
    """A map on the grid of its image, compared in the world.

    Programs store one and the same grid with its axes in another order or direction. Such a map is
    turned, voxel by voxel; nothing is interpolated.

    Args:
        stored: the map.
        affine: of the image, which need not have the map's shape; ``None`` where its file states no
            place.
        name: of the map, for the message.
    Returns:
        The map turned to the image's axes; as it is where one of the two states no place.
    Raises:
        ReadError: the two grids lie in different places.
    """
    if affine is None or stored.affine is None or same_place(stored.affine, affine):
        return stored
    made = _turned(stored, stored.affine, affine)
    if made.affine is None or not same_place(made.affine, affine):
        raise ReadError(
            f"{name}: expected the place of the grid it belongs to, affine {rows(affine)}, got "
            f"{rows(stored.affine)}; resample it to that grid, or correct the header"
        )
    return made


def _turned(stored: Stored, own: np.ndarray, other: np.ndarray) -> Stored:
    """Axes in the order and direction of another grid's, as far as these are the same axes."""
    ndim = len(own) - 1
    if len(other) != len(own):
        return stored
    steps = np.rint((np.linalg.inv(other) @ own)[:ndim, :ndim])
    source = np.abs(steps).argmax(axis=1)
    if sorted(source) != list(range(ndim)) or np.abs(steps).sum() != ndim:
        return stored
    array, move = stored.array, np.eye(ndim + 1)[[*source, ndim]].T
    backwards = tuple(axis for axis in range(ndim) if steps[axis, source[axis]] < 0)
    for axis in backwards:
        move[source[axis], axis] = -1
        move[source[axis], ndim] = array.shape[source[axis]] - 1
    channels = [ndim] if stored.channels else []
    array = np.ascontiguousarray(np.flip(array.transpose([*source, *channels]), backwards))
    spacing = [stored.spacing[s] for s in source] if stored.spacing else []
    return stored._replace(array=array, spacing=Placed.of(tuple(spacing), own @ move))


def rows(affine: Affine) -> str:
    """As files have it: a column for x, y, z and the origin."""
    ndim = len(affine) - 1
    turned = affine[:ndim, [*range(ndim - 1, -1, -1), ndim]]
    return "[" + "; ".join(" ".join(f"{v:g}" for v in row) for row in turned) + "]"
