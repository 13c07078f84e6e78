"""How wide each vessel of a target is, and the overlap with it; see ``calibre_dice``.

The target is cut at its junctions into branches. A branch is as wide as the median, over its
skeleton, of twice the distance to the nearest background voxel, taken where it is largest among a
skeleton voxel and its neighbours. Every place, in the target or not, belongs to the branch whose
skeleton is nearest in mm; of equally near ones, to the widest. So a prediction that is too wide,
too thin or beside its vessel counts against the vessel it belongs to.

What to know before trusting it:

- Distances run from voxel centre to voxel centre, and thinning may leave a line beside the axis;
  hence the neighbours. The radius of a round tube that lies anyhow in a volume is then right within
  about a quarter of a voxel, from a radius of one voxel on; in a picture it reads that much too
  wide. Without the neighbours wide tubes would read up to half a voxel too thin, and with half a
  voxel taken off for the edge all would. What is thinner than two voxels reads as two voxels wide,
  and a bar along an axis with an odd number of voxels as one voxel wider.
- Beyond the image lies background.
- A piece of the skeleton with fewer than five voxels, or one that is no longer than it is wide, is
  no branch: bumps on a rough wall would otherwise count as thin vessels, and side branches as wide
  as the vessel in whose middle their lines begin. Voxels near it go to the nearest branch. An
  object without any branch is one.
- The thinning visits voxels in an order, so a mirrored case may differ by a voxel.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64
from scipy import ndimage
from scipy.spatial import cKDTree

from tubekit._lengths import at_most, below
from tubekit._machine import threads
from tubekit.geometry import components, surface
from tubekit.geometry.branch_parsing import skeleton_pieces
from tubekit.geometry.distance import nearest_distances
from tubekit.types import Spacing

_AT_ONCE = 1 << 16
"""How many voxels ask for their branch together; more would only need more memory."""
_ASIDE = 1e-3
"""By how much of a voxel narrower branches stand aside where two are equally near."""


class Calibres(NamedTuple):
    """The branches of a target as a list of skeleton voxels.

    Attributes:
        voxels: indices on the grid.
        diameter_mm: of the branch that each belongs to.
    """

    voxels: Int64[np.ndarray, "n d"]
    diameter_mm: Float64[np.ndarray, "n"]


def calibre_scores(
    pred: Bool[np.ndarray, "*s"],
    target: Bool[np.ndarray, "*s"],
    skeleton: Bool[np.ndarray, "*s"],
    spacing: Spacing,
    bounds_mm: Sequence[float],
) -> tuple[float, ...]:
    """``dice_by_diameter`` of two masks whose target has been thinned already; NaN for 0/0."""
    classes = len(bounds_mm) + 1
    if not target.any():
        return (float("nan"),) * classes
    either = pred | target
    widths = nearest_width(either, calibres(target, skeleton, spacing), spacing)
    of_class = np.sum([~below(widths, bound) for bound in bounds_mm], axis=0)
    found, true = pred[either], target[either]
    scores = []
    for number in range(classes):
        here = of_class == number
        both, size = np.count_nonzero(here & found & true), found[here].sum() + true[here].sum()
        scores.append(float(2 * both / size) if size else float("nan"))
    return tuple(scores)


def calibres(
    target: Bool[np.ndarray, "*s"], skeleton: Bool[np.ndarray, "*s"], spacing: Spacing
) -> Calibres:
    """The branches of a mask that is not empty, and how wide each is."""
    voxels, radius = _indices(skeleton), _radii(target, skeleton, spacing)
    branch = skeleton_pieces(skeleton)[0][skeleton].astype(int)
    count = branch.max()
    branch[_as_wide_as_long(voxels * spacing, radius, branch)] = 0
    objects = components(skeleton)[0][skeleton]
    bare = ~np.isin(objects, objects[branch > 0])
    branch[bare] = count + objects[bare]
    kept = branch > 0
    names, branch = np.unique(branch[kept], return_inverse=True)
    diameter = 2 * np.asarray(ndimage.median(radius[kept], branch, np.arange(len(names))))
    return Calibres(voxels[kept], diameter[branch])


def _radii(
    target: Bool[np.ndarray, "*s"], skeleton: Bool[np.ndarray, "*s"], spacing: Spacing
) -> Float64[np.ndarray, "n"]:
    """Largest distance in mm to the background, among each skeleton voxel and its neighbours."""
    inner = (slice(1, -1),) * target.ndim
    # The nearest background voxel shares a face with the target: the others need not be asked.
    rim = surface(~np.pad(target, 2))[inner]
    # In C order, so that strides and the flat array agree.
    mask, near = np.ascontiguousarray(np.pad(target, 1)), np.zeros(rim.shape, bool)
    offsets = np.indices((3,) * mask.ndim).reshape(mask.ndim, -1).T - 1
    around = np.flatnonzero(np.pad(skeleton, 1))[:, None] + offsets @ np.array(mask.strides)
    inside = mask.reshape(-1)[around]
    near.reshape(-1)[around[inside]] = True
    radius = np.zeros(around.shape)
    found = nearest_distances(near, rim, spacing)
    radius[inside] = found[np.searchsorted(np.flatnonzero(near), around[inside])]
    return radius.max(axis=1)


def _as_wide_as_long(
    points_mm: Float64[np.ndarray, "n d"],
    radius_mm: Float64[np.ndarray, "n"],
    piece: Int64[np.ndarray, "n"],
) -> Bool[np.ndarray, "n"]:
    """Which voxels belong to a piece that is no longer than its widest place."""
    names, at = np.unique(piece, return_inverse=True)
    numbers = np.arange(len(names))
    sides = [
        np.asarray(ndimage.maximum(axis, at, numbers)) - ndimage.minimum(axis, at, numbers)
        for axis in points_mm.T
    ]
    widest = 2 * np.asarray(ndimage.maximum(radius_mm, at, numbers))
    return at_most(np.linalg.norm(sides, axis=0), widest)[at]


def nearest_width(
    mask: Bool[np.ndarray, "*s"], found: Calibres, spacing: Spacing
) -> Float64[np.ndarray, "k"]:
    """Diameter in mm of the branch nearest to each voxel of a mask, of the widest of several.

    In array order.
    """
    widths, rank = np.unique(-found.diameter_mm, return_inverse=True)
    # One more axis, along which the widest branches stand at 0 as the places do: too short to
    # matter between whole voxels, it decides between equally near ones.
    aside = _ASIDE * min(spacing) * np.sqrt(rank / len(widths))
    tree = cKDTree(np.column_stack([found.voxels * spacing, aside]))
    at = np.flatnonzero(mask)
    diameter = np.empty(len(at))
    for start in range(0, len(at), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        places = np.stack(np.unravel_index(at[part], mask.shape), axis=1)
        asked = np.column_stack([places * spacing, np.zeros(len(places))])
        nearest = tree.query(asked, workers=threads())[1]
        diameter[part] = found.diameter_mm[nearest]
    return diameter


def _indices(mask: Bool[np.ndarray, "*s"]) -> Int64[np.ndarray, "k d"]:
    """As ``numpy.argwhere``, several times faster in 3-D."""
    return np.stack(np.unravel_index(np.flatnonzero(mask), mask.shape), axis=1)
