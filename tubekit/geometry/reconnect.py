"""End points of a skeleton, and straight lines that join its components."""

import itertools
from numbers import Real
from typing import SupportsFloat

import numpy as np
from jaxtyping import Bool, Shaped
from scipy.spatial import cKDTree

from tubekit import _accept, _check
from tubekit._accept import Array, SpacingLike, Whole
from tubekit._lengths import at_most
from tubekit.geometry._input import binary_image
from tubekit.geometry.lines import rasterise_line
from tubekit.geometry.topology import components

TARGETS = ("end_points", "skeleton")


def reconnect(
    skeleton: Shaped[Array, "*s"],
    *,
    max_distance: SupportsFloat = 15.0,
    min_voxels: Whole = 3,
    to: str = "end_points",
    chains: bool = False,
    spacing: SpacingLike | None = None,
) -> Bool[np.ndarray, "*s"]:
    """Join the components of a skeleton to the main one by straight lines.

    Components are 8- or 26-connected; the largest is the main one (of several, the first in
    reading order). Every other gets at most one line, from the end point of its own that is
    nearest to a permitted place of the main component. Where a component has no end points, as a
    loop, all its voxels count as such. Of pairs that are equally near, one is taken.

    No voxel is removed, and there are never more components than before. A line may touch
    another component on its way; a loop results if that one gets a line as well.

    Args:
        skeleton: binary, 2-D or 3-D, about one voxel thin.
        max_distance: longest gap to bridge, between voxel centres, at least 0: in voxels, with a
            ``spacing`` in millimetres; a gap of just this length is bridged. Components
            further away are left alone; ``math.inf`` sets no limit.
        min_voxels: smaller components are taken for noise and left alone, from 1.
        to: where a line may arrive: at an end point of the main component, as in the paper, or
            at any voxel of its skeleton, which side branches need.
        chains: go on from the components just joined to others within reach, until there are none.
        spacing: millimetres per voxel in array order; ``None`` means voxels.
    Returns:
        The skeleton together with the lines.
    Raises:
        ValueError: ``skeleton`` not binary or not 2-D or 3-D, an impossible limit, an unknown
            ``to``, or a bad ``spacing``.
    Reference: Huang et al., HarmonySeg, ICCV 2025, f_connect of equation 6. Both limits, the main
    component as the only goal, and what loops offer are ours.
    Example:
        >>> broken = np.array([[1, 1, 1, 1, 0, 0, 1, 1, 1]])
        >>> reconnect(broken, max_distance=0.9, spacing=(0.3, 0.3)).all()
        np.True_
    """
    skeleton = binary_image(skeleton)
    steps = _check.spacing(spacing, skeleton.ndim)
    _check.option("to", to, TARGETS)
    min_voxels = _accept.whole("min_voxels", min_voxels)
    max_distance = _accept.numbers("max_distance", max_distance)
    if not isinstance(max_distance, Real) or not float(max_distance) >= 0:
        raise ValueError(
            f"max_distance must be a number of at least 0, got {max_distance!r}; pass the longest "
            "gap to bridge (math.inf: no limit)"
        )
    joined = skeleton.copy()
    labels, count = components(skeleton)
    if count < 2:
        return joined
    places = np.flatnonzero(joined)
    voxels = np.stack(np.unravel_index(places, joined.shape), axis=1)
    points = voxels * np.array(steps)
    component = labels.ravel()[places]
    sizes = np.bincount(component)
    ends = end_points(skeleton).ravel()[places]
    ends |= (np.bincount(component, weights=ends) == 0)[component]
    targets = ends if to == "end_points" else np.ones_like(ends)
    main = component == sizes.argmax()
    waiting = ends & ~main & (sizes >= min_voxels)[component]
    while main.any() and waiting.any():
        start, stop = np.flatnonzero(waiting), np.flatnonzero(main & targets)
        distance, nearest = cKDTree(points[stop]).query(points[start])
        order = np.argsort(distance, kind="stable")
        best = order[np.unique(component[start[order]], return_index=True)[1]]
        best = best[at_most(distance[best], max_distance)]
        for i, j in zip(start[best], stop[nearest[best]], strict=True):
            joined[tuple(rasterise_line(voxels[i], voxels[j]).T)] = True
        # Nothing else is in reach of what was the main component: only the newly joined matter.
        main = np.isin(component, component[start[best]]) & chains
        waiting &= ~main
    return joined


def end_points(skeleton: Shaped[Array, "*s"]) -> Bool[np.ndarray, "*s"]:
    """Where a skeleton ends: voxels with exactly one neighbour, and voxels that are alone.

    Voxels that share a face, edge or corner are neighbours.

    Args:
        skeleton: binary, 2-D or 3-D, about one voxel thin.
    Returns:
        Mask of the end points; a loop has none.
    Raises:
        ValueError: ``skeleton`` not binary or not 2-D or 3-D.
    Example:
        >>> end_points(np.array([[0, 1, 1, 1, 0]])).astype(int).tolist()
        [[0, 1, 0, 1, 0]]
    """
    skeleton = binary_image(skeleton)
    inner = (slice(1, -1),) * skeleton.ndim
    padded = np.zeros([size + 2 for size in skeleton.shape], bool)
    padded[inner] = skeleton
    places = np.flatnonzero(padded)
    neighbours = np.zeros(len(places), np.uint8)
    for offset in itertools.product((-1, 0, 1), repeat=skeleton.ndim):
        # A voxel is one byte, so strides in bytes are steps in the flat array.
        if step := int(np.dot(padded.strides, offset)):
            neighbours += padded.ravel()[places + step]
    padded.ravel()[places] = neighbours <= 1
    return padded[inner]
