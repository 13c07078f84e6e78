"""Distances between two surfaces, computed once for all surface metrics."""

import functools
import itertools
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64

from tubekit._accept import SpacingLike
from tubekit._extras import extra
from tubekit._lengths import at_most
from tubekit.geometry import surface
from tubekit.geometry.distance import nearest_distances
from tubekit.metrics.pair import Mask, joint_box, mask_pair
from tubekit.types import Spacing

Distances = Float64[np.ndarray, " n"]


class SurfaceDistances(NamedTuple):
    """From each surface element to the nearest element of the other surface, in mm.

    Attributes:
        pred_to_target: one distance per element of the prediction's surface.
        target_to_pred: the other way round.
        pred_weights: size of each element: 1, or its length (2-D) or area (3-D) in mm or mm².
        target_weights: the same for the target.

    Example:
        >>> SurfaceDistances(*(np.array([0.0, 2.0]),) * 2, *(np.ones(2),) * 2).mean()
        1.0
    """

    pred_to_target: Distances
    target_to_pred: Distances
    pred_weights: Distances
    target_weights: Distances

    @property
    def pooled(self) -> Distances:
        """Both lists of distances one after the other."""
        return np.concatenate([self.pred_to_target, self.target_to_pred])

    def hausdorff(self) -> float:
        """Largest distance."""
        return float(max(self.pred_to_target.max(), self.target_to_pred.max()))

    def percentile(self, q: float, definition: str) -> float:
        """Percentile ``q`` in one of the definitions of ``tubekit.metrics.hd95``."""
        if definition == "pooled":
            return float(np.percentile(self.pooled, q))
        if definition == "area":
            return max(
                _weighted_percentile(self.pred_to_target, self.pred_weights, q),
                _weighted_percentile(self.target_to_pred, self.target_weights, q),
            )
        return float(
            max(np.percentile(self.pred_to_target, q), np.percentile(self.target_to_pred, q))
        )

    def mean(self) -> float:
        """Mean of both lists together."""
        return float(self.pooled.mean())

    def within(self, tolerance_mm: float) -> float:
        """Share of both surfaces that lies within a distance of the other."""
        weights = np.concatenate([self.pred_weights, self.target_weights])
        return float(weights[at_most(self.pooled, tolerance_mm)].sum() / weights.sum())


def surface_distances(
    pred: Mask, target: Mask, spacing: SpacingLike | None = None, *, weighted: bool = False
) -> SurfaceDistances:
    """Directed distances between the surfaces of two masks that are not empty.

    Args:
        pred: binary mask, (y, x) or (z, y, x).
        target: binary truth on the same grid.
        spacing: mm per voxel in array order; ``None`` means 1.
        weighted: False takes surface voxels (mask without its erosion by the face cross; outside
            the image counts as background), each with weight 1. True takes the cells between
            voxel centres that the boundary crosses, each weighted with its length or area.
    Raises:
        ValueError: the masks are not binary, not on one grid or empty, or a bad spacing.

    Reference: Nikolov et al., JMIR 2021, for the weighted form.

    Example:
        >>> plate, other = np.zeros((2, 9, 9), bool)
        >>> plate[2], other[5] = True, True
        >>> surface_distances(plate, other, (2, 1)).hausdorff()
        6.0
    """
    pred, target, steps = mask_pair(pred, target, spacing)
    for name, mask in (("pred", pred), ("target", target)):
        if not mask.any():
            raise ValueError(
                f"{name} must hold object voxels, got none; without a surface there is no distance"
            )
    box = joint_box(pred, target)  # exact: no surface lies outside
    pred, target = pred[box], target[box]
    if weighted:
        sizes = _element_sizes(steps)
        pred_code, target_code = _corner_codes(pred), _corner_codes(target)
        pred_surface, target_surface = _crossed(pred_code, sizes), _crossed(target_code, sizes)
        weights = sizes[pred_code[pred_surface]], sizes[target_code[target_surface]]
    else:
        pred_surface, target_surface = surface(pred), surface(target)
        weights = (
            np.ones(np.count_nonzero(pred_surface)),
            np.ones(np.count_nonzero(target_surface)),
        )
    return SurfaceDistances(
        nearest_distances(pred_surface, target_surface, steps),
        nearest_distances(target_surface, pred_surface, steps),
        *weights,
    )


def _weighted_percentile(distances: Distances, weights: Distances, q: float) -> float:
    """Smallest distance that ``q`` % of the weight does not exceed."""
    order = np.argsort(distances)
    share = np.cumsum(weights[order]) / weights.sum()
    # Rounding may leave the last share below 1, and a share of exactly q above it.
    position = min(int(np.searchsorted(share, q / 100 * (1 - 1e-12))), len(order) - 1)
    return float(distances[order][position])


def _corner_codes(mask: Bool[np.ndarray, "..."]) -> np.ndarray:
    """Which of the 4 or 8 voxels around each cell corner are set, one bit per voxel."""
    padded = np.pad(mask, 1).astype(np.uint8)
    grid = [size - 1 for size in padded.shape]
    code = np.zeros(grid, np.uint8)
    for bit, offset in enumerate(itertools.product((0, 1), repeat=mask.ndim)):
        window = tuple(slice(o, o + size) for o, size in zip(offset, grid, strict=True))
        code |= padded[window] << np.uint8(bit)
    return code


def _crossed(code: np.ndarray, sizes: Float64[np.ndarray, " codes"]) -> np.ndarray:
    """Cells that the boundary crosses: neither all of their corners are set nor none."""
    return (code > 0) & (code < len(sizes) - 1)


@functools.lru_cache(maxsize=64)
def _element_sizes(spacing: Spacing) -> Float64[np.ndarray, " codes"]:
    """Length or area of the boundary inside a cell, for every corner code.

    Foreground corners on a diagonal are cut off one by one. A cell with more foreground than
    background corners takes the surface of its complement, so a mask and its complement agree.
    """
    axes = len(spacing)
    corners = 2**axes
    sizes = np.zeros(2**corners)
    for code in range(1, 2**corners - 1):
        bits = np.array([code >> bit & 1 for bit in range(corners)]).reshape((2,) * axes)
        few = bits if 2 * bits.sum() <= corners else 1 - bits
        sizes[code] = _length(few, spacing) if axes == 2 else _area(few, spacing)
    return sizes


def _length(corners: np.ndarray, spacing: Spacing) -> float:
    """Length of the line through a 2 x 2 cell with one or two corners set."""
    if corners.sum() == 2 and corners[0, 0] != corners[1, 1]:  # a side: a line along one axis
        return spacing[1] if corners[0, 0] == corners[0, 1] else spacing[0]
    return float(corners.sum() * np.linalg.norm(spacing) / 2)


def _area(corners: np.ndarray, spacing: Spacing) -> float:
    """Area of the classic marching-cubes surface in a 2 x 2 x 2 cell."""
    with extra("evaluate", "a surface weighted by its area"):
        from skimage.measure import marching_cubes, mesh_surface_area

    vertices, faces, _, _ = marching_cubes(
        corners.astype(float), 0.5, spacing=spacing, method="lorensen"
    )
    return float(mesh_surface_area(vertices, faces))
