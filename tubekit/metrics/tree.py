"""The target's side of tree length and branches detected: its skeleton, cut into branches."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int64

from tubekit import _check
from tubekit.geometry import fill_holes, largest_component, skeletonize
from tubekit.geometry._input import without_flat_axes
from tubekit.geometry.branch_parsing import branches_along
from tubekit.geometry.runs import find_runs, joined, numbered
from tubekit.metrics.pair import Mask, one_mask

REDUCTIONS = ("as_given", "largest_component")


class ReferenceTree(NamedTuple):
    """The target's side of TLD and BD; made once, it serves any number of predictions.

    Attributes:
        voxels: of the skeleton.
        branch: number of the branch that each belongs to, 1 to n.
        shape: of the image.

    Example:
        >>> ReferenceTree(np.array([[0, 0], [0, 1]]), np.array([1, 1]), (3, 3)).branch.max()
        np.int64(1)
    """

    voxels: Int64[np.ndarray, "n d"]
    branch: Int64[np.ndarray, "n"]
    shape: tuple[int, ...]


def reference_tree(target: Mask, *, reduction: str = "largest_component") -> ReferenceTree:
    """Skeleton of a target and the branch of each of its voxels.

    An object whose skeleton holds no branch of five voxels counts as one branch.

    Args:
        target: binary, (y, x) or (z, y, x).
        reduction: see ``target_reduction`` of ``tree_length_detected``.
    Returns:
        What ``branch_report`` takes for a target.
    Raises:
        ValueError: the mask is not binary, or an unknown reduction.

    Example:
        >>> row = np.zeros((5, 30), bool)
        >>> row[2, 3:25] = True
        >>> len(reference_tree(row).voxels)
        22
    """
    whole = one_mask("target", target)
    _check.dimensions("target", whole, (2, 3))
    mask = reduced(without_flat_axes(whole)[0], reduction, "target_reduction")
    skeleton, shape = skeletonize(mask).reshape(-1), mask.shape
    voxels = np.flatnonzero(mask)
    line = skeleton[voxels]
    lines, branches, before = [], [], 0
    for own in _objects(mask):
        branch = branches_along(voxels[own], line[own], shape)
        lines.append(voxels[own][line[own]])
        branches.append(branch + before)
        before += int(branch.max(initial=0))
    # Dropped axes have one voxel, so places in the flat array are the same without them.
    places = np.stack(np.unravel_index(np.concatenate(lines), whole.shape), axis=1)
    return ReferenceTree(places, np.concatenate(branches), whole.shape)


def reduced(mask: Bool[np.ndarray, "*s"], reduction: str, name: str) -> Bool[np.ndarray, "*s"]:
    """All of a mask, or its largest component (4 or 6 neighbours) with holes filled."""
    _check.option(name, reduction, REDUCTIONS)
    if reduction == "as_given":
        return mask
    return fill_holes(largest_component(mask, 2 * mask.ndim))


def _objects(mask: Bool[np.ndarray, "*s"]) -> Sequence[slice | Int64[np.ndarray, "_"]]:
    """What picks the voxels of each object (8 or 26 neighbours) out of the list of all voxels.

    An empty mask counts as one object without voxels.
    """
    runs = find_runs(mask)
    number, count = numbered(joined(runs, 3**mask.ndim - 1))
    if count < 2:
        return [slice(None)]
    of_voxel = np.repeat(number, runs.lengths)  # voxels are listed run by run
    ends = np.cumsum(np.bincount(of_voxel)[1:])
    return np.split(np.argsort(of_voxel, kind="stable"), ends[:-1])
