"""Distances inside and around a mask, in millimetres where a spacing is given."""

import edt
import numpy as np
from jaxtyping import Bool, Float32, Shaped

from tubekit import _check
from tubekit.geometry._input import binary_image
from tubekit.types import Spacing


def distance_transform(
    mask: Shaped[np.ndarray, "*s"], spacing: Spacing | None = None
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
    return edt.edt(np.ascontiguousarray(mask), anisotropy=steps)


def signed_distance(
    mask: Shaped[np.ndarray, "*s"],
    spacing: Spacing | None = None,
    *,
    as_released: bool = False,
) -> Float32[np.ndarray, "*s"]:
    """Signed distance map of the boundary loss: positive outside, 0 or negative inside.

    Outside it is the distance d to the nearest mask voxel, inside -(d - h) with d the distance to
    the nearest background voxel. The step h is one voxel, so that the innermost side of the
    boundary has the value 0. With a spacing it is the smallest voxel side: the map then doubles
    when the spacing doubles, and no voxel inside is positive.

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
    step = 1.0 if as_released else min(steps)
    inside = np.where(mask, distance_transform(mask, steps) - np.float32(step), 0)
    return (distance_transform(~mask, steps) - inside).astype(np.float32)


def surface(mask: Shaped[np.ndarray, "*s"]) -> Bool[np.ndarray, "*s"]:
    """Mask voxels with a face neighbour outside the mask.

    Args:
        mask: binary, 2-D or 3-D. Beyond the image lies background, so mask voxels on the border
            of the image belong to the surface.
    Returns:
        The mask without its erosion by the face cross.
    Raises:
        ValueError: ``mask`` not binary or not 2-D or 3-D.
    """
    mask = binary_image(mask)
    padded = np.pad(mask, 1)
    core = (slice(1, -1),) * mask.ndim
    inner = mask.copy()
    for axis in range(mask.ndim):
        for shift in (-1, 1):
            inner &= np.roll(padded, shift, axis)[core]
    return mask & ~inner
