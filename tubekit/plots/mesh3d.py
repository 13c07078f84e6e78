"""Surfaces of label maps: marching cubes, coarser where needed, a little smoothed."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Integer, Shaped
from skimage.measure import block_reduce, marching_cubes

from tubekit import _accept, _check
from tubekit._accept import Array, SpacingLike, Whole
from tubekit.plots.style import class_colours

Layers = Mapping[str, Shaped[Array, "z y x"]]


class Surface(NamedTuple):
    """A named triangle mesh.

    Attributes:
        name: shown in the legend.
        colour: RGB in [0, 1].
        points_mm: vertices in array order (z, y, x).
        faces: indices of the three corners of each triangle.
    Example:
        >>> surface = tree_mesh(np.ones((2, 3, 4), bool), names=["box"])[0]
        >>> surface.name, surface.points_mm.shape[1]
        ('box', 3)
    """

    name: str
    colour: tuple[float, float, float]
    points_mm: Float32[np.ndarray, "n 3"]
    faces: Integer[np.ndarray, "m 3"]


def tree_mesh(
    label: Shaped[Array, "z y x"],
    spacing: SpacingLike | None = None,
    step: Whole = 1,
    names: Sequence[str] | None = None,
) -> list[Surface]:
    """One surface per class of a label map.

    Args:
        label: bool or integer classes, 0 = background.
        spacing: millimetres per voxel in array order; ``None`` means 1.
        step: blocks of ``step`` voxels are joined first, by their largest label, so that thin
            tubes stay.
        names: names of the classes from 1; ``None`` calls them "class 1" and so on.
    Raises:
        ValueError: not three axes, negative labels, or more classes than names.
    Example:
        >>> label = np.zeros((6, 6, 6), int)
        >>> label[1:4, 2:4, 2:4], label[4, 4, 4] = 1, 2
        >>> [surface.name for surface in tree_mesh(label, spacing=(2.0, 1.0, 1.0))]
        ['class 1', 'class 2']
    """
    label = _accept.array("label", label)
    _check.dimensions("label", label, (3,))
    step = _accept.whole("step", step)
    classes = label.astype(np.int64)
    count = int(classes.max(initial=0))
    _check.integer_classes("label", classes, (len(names) if names else count) + 1)
    voxel = np.array(_check.spacing(spacing, 3))
    if step > 1:
        classes = block_reduce(classes, (step,) * 3, np.max)
    surfaces = []
    for i, colour in enumerate(class_colours(count)):
        mask = classes == i + 1
        if mask.any():
            name = names[i] if names else f"class {i + 1}"
            surfaces.append(Surface(name, colour, *_mesh(mask, voxel * step, voxel * (step - 1))))
    return surfaces


def layer_meshes(layers: Layers, spacing: SpacingLike | None, step: int = 1) -> list[Surface]:
    """One surface per named mask, in the order and the colours of the classes."""
    surfaces = []
    for (name, mask), colour in zip(layers.items(), class_colours(len(layers)), strict=True):
        meshes = tree_mesh(_accept.array(name, mask) > 0, spacing, step)
        surfaces += [mesh._replace(name=name, colour=colour) for mesh in meshes]
    return surfaces


def _mesh(
    mask: np.ndarray, voxel: np.ndarray, offset: np.ndarray
) -> tuple[Float32[np.ndarray, "n 3"], Integer[np.ndarray, "m 3"]]:
    where = np.argwhere(mask)
    low = where.min(axis=0)
    box = tuple(slice(a, b + 1) for a, b in zip(low, where.max(axis=0), strict=True))
    crop = np.pad(mask[box], 1).astype(np.float32)
    points, faces = marching_cubes(crop, 0.5)[:2]
    points = (_smooth(points, faces) + low - 1) * voxel + offset / 2
    return points.astype(np.float32), faces.astype(np.int64)


def _smooth(points: np.ndarray, faces: np.ndarray, rounds: int = 4) -> np.ndarray:
    """Take away the steps of the voxels without shrinking the tubes.

    Each round moves the vertices towards the mean of their neighbours, then back by a little more
    (Taubin, SIGGRAPH 1995).
    """
    ends = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    ends = np.concatenate([ends, ends[:, ::-1]])
    degree = np.bincount(ends[:, 0], minlength=len(points))[:, None]
    for factor in (0.5, -0.53) * rounds:
        neighbours = [
            np.bincount(ends[:, 0], weights=points[ends[:, 1], axis], minlength=len(points))
            for axis in range(3)
        ]
        points = points + factor * (np.stack(neighbours, axis=1) / degree - points)
    return points
