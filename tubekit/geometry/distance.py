"""Distances inside and around a mask, in millimetres where a spacing is given."""

import functools
import math
from collections.abc import Iterator

import edt
import numpy as np
from jaxtyping import Bool, Float32, Float64, Integer, Shaped
from scipy.spatial import cKDTree

from tubekit import _check
from tubekit._accept import Array, SpacingLike
from tubekit._machine import threads
from tubekit.geometry._input import binary_image, without_flat_axes
from tubekit.geometry.kernels.compiled import in_slabs
from tubekit.geometry.kernels.nearest import across_planes, across_rows, along_rows, search
from tubekit.types import Spacing

_NEARBY = 1500
"""How many voxels around a place are looked at one by one."""
_AT_ONCE = 1 << 16
"""How many voxels are looked around at a time; more would only need more memory."""
_FEW = 300
"""One far voxel in so many of the grid: fewer ask a tree, more are worth passes over the grid."""


def distance_transform(
    mask: Shaped[Array, "*s"], spacing: SpacingLike | None = None
) -> Float32[np.ndarray, "*s"]:
    """Euclidean distance from the centre of each mask voxel to that of the nearest other voxel.

    Args:
        mask: binary, 2-D or 3-D.
        spacing: millimetres per voxel in array order; ``None`` means voxels.
    Returns:
        The distance inside the mask, 0 outside. The border of the image is no background: a mask
        that fills the image is infinitely far from any, and its distance is ``inf``.
    Raises:
        ValueError: ``mask`` not binary or not 2-D or 3-D, or a bad ``spacing``.
    """
    mask = binary_image(mask)
    steps = _check.spacing(spacing, mask.ndim)
    if mask.size == 0:
        return np.zeros(mask.shape, dtype=np.float32)
    image, steps = without_flat_axes(mask, steps)
    distance: np.ndarray = edt.edt(np.ascontiguousarray(image), anisotropy=steps)
    return distance.reshape(mask.shape)


def signed_distance(
    mask: Shaped[Array, "*s"],
    spacing: SpacingLike | None = None,
    *,
    as_released: bool = False,
) -> Float32[np.ndarray, "*s"]:
    """Signed distance map of the boundary loss: positive outside, 0 or negative inside.

    Outside it is the distance d to the nearest mask voxel, inside -(d - h) with d the distance to
    the nearest background voxel. The step h is one voxel, so that the innermost side of the
    boundary has the value 0. With a spacing it is the smallest voxel side: the map then doubles
    when the spacing doubles, and no voxel inside is positive. The thickness of a single slice is
    no side: a volume of one slice is an image.

    Args:
        mask: binary, 2-D or 3-D.
        spacing: millimetres per voxel in array order; ``None`` means voxels.
        as_released: take h = 1 whatever the spacing, as the authors' code does; for voxels finer
            than 1 mm that makes inner boundary voxels positive.
    Returns:
        The map in millimetres (voxels without a spacing). Zeros for an empty mask and for one
        that fills the image: neither has a boundary.
    Raises:
        ValueError: ``mask`` not binary or not 2-D or 3-D, or a bad ``spacing``.
    Equation: :eq:`eq-signed-distance`
    Reference: Kervadec et al., Boundary loss for highly unbalanced segmentation, MIDL 2019,
        equation 5.
    """
    mask = binary_image(mask)
    steps = _check.spacing(spacing, mask.ndim)
    if mask.all() or not mask.any():
        return np.zeros(mask.shape, dtype=np.float32)
    image, steps = without_flat_axes(mask, steps)
    across = [side for side, size in zip(steps, image.shape, strict=True) if size > 1]
    step = np.float32(1.0 if as_released else min(across))
    # Both sides in one pass: with two labels each voxel finds the nearest of the other label.
    sides = np.ascontiguousarray(image).view(np.uint8) + np.uint8(1)
    distance = edt.edt(sides, anisotropy=steps, parallel=threads())
    np.subtract(step, distance, out=distance, where=image)
    return distance.reshape(mask.shape)


def surface(mask: Shaped[Array, "*s"]) -> Bool[np.ndarray, "*s"]:
    """Mask voxels with a face neighbour outside the mask.

    Args:
        mask: binary, 2-D or 3-D. Beyond the image lies background, so mask voxels on the border
            of the image belong to the surface. A volume of one slice is an image, and its surface
            the contour.
    Returns:
        The mask without its erosion by the face cross.
    Raises:
        ValueError: ``mask`` not binary or not 2-D or 3-D.
    """
    mask = binary_image(mask)
    image, _ = without_flat_axes(mask)
    inner = image.copy()
    for axis in range(image.ndim):
        eroded, source = np.moveaxis(inner, axis, 0), np.moveaxis(image, axis, 0)
        eroded[1:] &= source[:-1]
        eroded[:-1] &= source[1:]
        eroded[:1] = eroded[-1:] = False
    inner ^= image  # the inside is part of the mask, so this takes it away
    return inner.reshape(mask.shape)


def nearest_distances(
    points: Shaped[Array, "*s"],
    others: Shaped[Array, "..."],
    spacing: SpacingLike | None = None,
) -> Float64[np.ndarray, " n"]:
    """Distance from each voxel of one mask to the nearest voxel of another, without a map.

    Close pairs are found by looking around each voxel. The rest ask a k-d tree or, where they are
    many, three passes over the grid that keep the nearest voxel in two small integers. All ways
    compute the distance in float64 from whole offsets, so there is nothing to round but the root.

    Args:
        points: binary, 2-D or 3-D.
        others: binary, on the same grid.
        spacing: millimetres per voxel in array order; ``None`` means voxels.
    Returns:
        One distance per voxel of ``points``, in array order; ``inf`` where ``others`` is empty.
    Raises:
        ValueError: masks not binary, not 2-D or 3-D or not on one grid, or a bad ``spacing``.
    """
    points, others = binary_image(points), binary_image(others)
    _check.same_shape(points=points, others=others)
    size = np.array(_check.spacing(spacing, points.ndim))
    offsets, lengths = _ball(tuple(size.tolist()), points.shape)
    margin = np.abs(offsets).max(axis=0)
    # In C order, so that strides and the flat array agree.
    field = np.ascontiguousarray(np.pad(others, [(n, n) for n in margin]))
    strides = np.array(field.strides)  # a bool has one byte: strides count voxels
    at = np.flatnonzero(points)
    found = np.full(len(at), np.inf)
    for part in _parts(len(at)):
        places = (_places(at[part], points.shape) + margin) @ strides
        around = field.reshape(-1), places, offsets @ strides, lengths
        in_slabs(search, len(places), *around, found[part])
    del field
    far = np.flatnonzero(np.isinf(found))
    if far.size and others.any():
        way = _from_grid if far.size * _FEW > others.size else _from_tree
        found[far] = way(at[far], others, size)
    return found


def _parts(length: int) -> Iterator[slice]:
    """A list in parts: coordinates are needed of some at a time, and take 24 bytes each."""
    return (slice(start, start + _AT_ONCE) for start in range(0, length, _AT_ONCE))


def _from_tree(
    at: Integer[np.ndarray, " n"], others: Bool[np.ndarray, "..."], size: np.ndarray
) -> Float64[np.ndarray, " n"]:
    places = _places(at, others.shape)
    known = _places(np.flatnonzero(others), others.shape)
    _, nearest = cKDTree(known * size).query(places * size, workers=threads())
    return _lengths(places - known[nearest], size)


def _from_grid(
    at: Integer[np.ndarray, " n"], others: Bool[np.ndarray, "..."], size: np.ndarray
) -> Float64[np.ndarray, " n"]:
    flat = 3 - others.ndim  # a picture is a volume of one plane
    volume = others.reshape((1,) * flat + others.shape)
    size = np.pad(size, (flat, 0), constant_values=1.0)
    small = np.int16 if max(volume.shape) < 2**15 else np.int32
    step, row = np.empty(volume.shape, small), np.empty(volume.shape, small)
    found = np.empty(len(at))
    in_slabs(along_rows, len(volume), volume, step)
    in_slabs(across_rows, len(volume), step, row, size[1], size[2])
    for part in _parts(len(at)):
        places = np.ascontiguousarray(_places(at[part], volume.shape))
        in_slabs(across_planes, len(places), places, step, row, size, found[part])
    return found


def _places(at: Integer[np.ndarray, " n"], shape: tuple[int, ...]) -> Integer[np.ndarray, "n d"]:
    """Indices of voxels; for a mask several times faster than ``numpy.nonzero`` in 3-D."""
    return np.stack(np.unravel_index(at, shape), axis=1)


@functools.lru_cache(maxsize=64)
def _ball(
    spacing: Spacing, shape: tuple[int, ...]
) -> tuple[Integer[np.ndarray, "k d"], Float64[np.ndarray, " k"]]:
    """Offsets within a ball of about ``_NEARBY`` voxels that fit the grid, and their lengths."""
    unit_ball = math.pi if len(spacing) == 2 else math.pi * 4 / 3
    radius = (_NEARBY * math.prod(spacing) / unit_ball) ** (1 / len(spacing))
    reach = [min(int(radius / s), max(n - 1, 0)) for s, n in zip(spacing, shape, strict=True)]
    box = np.stack(np.meshgrid(*(np.arange(-r, r + 1) for r in reach), indexing="ij"), axis=-1)
    offsets = box.reshape(-1, len(spacing))
    lengths = _lengths(offsets, np.array(spacing))
    # Every offset shorter than the radius is listed, so the first hit is the nearest voxel.
    order = np.argsort(lengths, kind="stable")[: np.count_nonzero(lengths <= radius)]
    return offsets[order], lengths[order]


def _lengths(
    offsets: Integer[np.ndarray, "k d"], spacing: Float64[np.ndarray, " d"]
) -> Float64[np.ndarray, " k"]:
    return np.sqrt(((offsets * spacing) ** 2).sum(axis=1))
