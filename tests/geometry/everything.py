"""Every public function of the geometry package, called on one mask and one spacing."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from tubekit import geometry

HARD: dict[str, Callable[[Any, Any], Any]] = {
    "betti_numbers": lambda mask, spacing: geometry.betti_numbers(mask)[:2],
    "components": lambda mask, spacing: geometry.components(mask),
    "distance_transform": geometry.distance_transform,
    "end_points": lambda mask, spacing: geometry.end_points(mask),
    "euler_number": lambda mask, spacing: geometry.euler_number(mask),
    "fill_holes": lambda mask, spacing: geometry.fill_holes(mask),
    "frangi": lambda mask, spacing: geometry.frangi(mask, [2.0], spacing, mask=mask),
    "hessian_eigenvalues": lambda mask, spacing: geometry.hessian_eigenvalues(mask, 2.0, spacing),
    "jerman": lambda mask, spacing: geometry.jerman(mask, [2.0], spacing, mask=mask),
    "largest_component": lambda mask, spacing: geometry.largest_component(mask),
    "meijering": lambda mask, spacing: geometry.meijering(mask, [2.0], spacing, mask=mask),
    "reconnect": lambda mask, spacing: geometry.reconnect(
        mask, spacing=spacing, max_distance=9, min_voxels=1, to="skeleton"
    ),
    "sato": lambda mask, spacing: geometry.sato(mask, [2.0], spacing),
    "signed_distance": geometry.signed_distance,
    "skeleton_graph": geometry.skeleton_graph,
    "skeletonize": lambda mask, spacing: geometry.skeletonize(mask),
    "surface": lambda mask, spacing: geometry.surface(mask),
    "tubed_skeleton": lambda mask, spacing: geometry.tubed_skeleton(
        mask > 0 if re.search("f[248]|float", str(mask.dtype)) else mask  # classes are whole
    ).astype(int),
}
"""By name; each takes (mask, spacing)."""

SOFT = {"soft_dilate", "soft_erode", "soft_open", "soft_skeleton", "topological_skeleton"}
NO_IMAGE = {"SkeletonBranch", "SkeletonGraph", "rasterise_line"}


def parts(found: Any) -> list[Any]:
    """A result as a flat list of arrays and numbers."""
    if isinstance(found, geometry.SkeletonGraph):
        found = (found.nodes, found.degrees, *found.branches, found.pieces, found.loops)
    if isinstance(found, tuple):
        return [part for member in found for part in parts(member)]
    return [found]


def two_dimensional(found: Any) -> list[Any]:
    """The same of a volume of one slice, without the axis of the slice."""
    taken = []
    for part in parts(found):
        wide = isinstance(part, np.ndarray)
        if wide and part.ndim == 2 and part.shape[1] == 3:  # coordinates
            taken.append(part[:, part.any(axis=0)])
        else:
            taken.append(part.squeeze() if wide else part)
    return taken


def vessel() -> np.ndarray:
    """A ring with a tail, a rod beside it, and a hole."""
    y, x = np.mgrid[1:31, 1:41]
    radius = np.hypot(y - 14, x - 16)
    mask = (radius < 11) & (radius > 6)
    mask |= (abs(y - 15) < 3) & (x > 20) & (x < 33)
    mask |= (abs(x - 37) < 2) & (y > 6) & (y < 27)
    mask[0] = mask[:, 0] = False
    return mask
