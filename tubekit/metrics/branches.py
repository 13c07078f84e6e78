"""How much of a tree is found: tree length detected (TLD) and branches detected (BD).

The rules of the ATM'22 challenge. The target is reduced to its largest component (6 neighbours, 4
in 2-D) with holes filled, and skeletonised. TLD is the share of skeleton voxels that lie in the
prediction. For BD the skeleton is cut at its junctions into branches
(``tubekit.geometry.branch_parsing``), and a branch is detected when at least 80 % of its skeleton
voxels lie in the prediction.

What to know before trusting them:

- Both only ask what was found, never what was invented: a prediction of ones scores 1. Read them
  beside a precision.
- The prediction counts as it is, or its largest component alone; one gap near the root then costs
  everything behind it. Rankings turn over with this choice, so state it.
- Pieces of the target outside its largest component are not asked for, unless
  ``target_reduction="as_given"``. Components are joined by faces here, so a line of one voxel's
  width falls apart at its first diagonal step.
- Skeleton voxels are counted, not millimetres: a diagonal step weighs as much as a straight one,
  and a coarse slice axis as much as a fine one. Spacing is checked and has no effect.
- A branch needs five skeleton voxels between junctions; shorter ones and the junctions go to the
  branch beside them. Spurs of the skeleton on a rough surface count as branches, and a branch
  whose voxels meet its parent's only across a sibling is counted as one with that.
- In a tree with loops the order of parents and children is arbitrary, and BD with it; TLD is not
  affected.
- The thinning visits voxels in an order, so a mirrored case may differ by a voxel.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int64

from tubekit import _check
from tubekit.geometry import fill_holes, largest_component, skeletonize
from tubekit.geometry.branch_parsing import branches_along
from tubekit.geometry.runs import find_runs, joined, numbered
from tubekit.metrics.pair import Mask, mask_pair
from tubekit.types import Spacing

REDUCTIONS = ("as_given", "largest_component")
DETECTED = 0.8  # share of its skeleton voxels that makes a branch detected


class ReferenceTree(NamedTuple):
    """The target's side of TLD and BD; made once, it serves any number of predictions.

    Attributes:
        voxels: of the skeleton.
        branch: number of the branch that each belongs to, 1 to n.
        shape: of the image.
    """

    voxels: Int64[np.ndarray, "n d"]
    branch: Int64[np.ndarray, "n"]
    shape: tuple[int, ...]


class BranchReport(NamedTuple):
    """What TLD and BD are made of.

    Attributes:
        length: skeleton voxels of the target.
        length_detected: those of them that lie in the prediction.
        branches: of the target.
        branches_detected: those with at least 80 % of their skeleton voxels in the prediction.
    """

    length: int
    length_detected: int
    branches: int
    branches_detected: int

    @property
    def tree_length_share(self) -> float:
        """TLD in [0, 1]; NaN for an empty target."""
        return self.length_detected / self.length if self.length else float("nan")

    @property
    def branch_share(self) -> float:
        """BD in [0, 1]; NaN for an empty target."""
        return self.branches_detected / self.branches if self.branches else float("nan")


def tree_length_detected(
    pred: Mask,
    target: Mask,
    *,
    spacing: Spacing | None = None,
    reduction: str = "as_given",
    target_reduction: str = "largest_component",
) -> float:
    """Share of the target's skeleton that lies in the prediction, in [0, 1].

    Target empty: NaN. Prediction empty: 0.

    Args:
        pred: binary mask, (y, x) or (z, y, x).
        target: binary truth on the same grid.
        spacing: checked only.
        reduction: what of the prediction counts: ``"as_given"`` all, ``"largest_component"`` its
            largest component (4 or 6 neighbours) with holes filled.
        target_reduction: the same for the target.
    Raises:
        ValueError: the masks are not binary or not on one grid, or an unknown reduction.
    Reference: Zhang et al., Multi-site, multi-domain airway tree modeling (ATM'22), Medical Image
        Analysis 2023.
    """
    pred, target, _ = mask_pair(pred, target, spacing)
    skeleton = skeletonize(_reduced(target, target_reduction, "target_reduction"))
    length = np.count_nonzero(skeleton)
    pred = _reduced(pred, reduction, "reduction")
    return float(np.count_nonzero(skeleton & pred) / length) if length else float("nan")


def branches_detected(
    pred: Mask,
    target: Mask,
    *,
    spacing: Spacing | None = None,
    reduction: str = "as_given",
    target_reduction: str = "largest_component",
) -> float:
    """Share of the target's branches that are detected, in [0, 1].

    A branch is detected when at least 80 % of its skeleton voxels lie in the prediction. Target
    empty: NaN. Prediction empty: 0. Arguments and errors as in ``tree_length_detected``.

    Equation: :eq:`eq-branches-detected`
    Reference: Zhang et al., Multi-site, multi-domain airway tree modeling (ATM'22), Medical Image
        Analysis 2023.
    """
    return branch_report(
        pred, target, spacing=spacing, reduction=reduction, target_reduction=target_reduction
    ).branch_share


def branch_report(
    pred: Mask,
    target: Mask | ReferenceTree,
    *,
    spacing: Spacing | None = None,
    reduction: str = "as_given",
    target_reduction: str = "largest_component",
) -> BranchReport:
    """The counts behind ``tree_length_detected`` and ``branches_detected``, found together.

    Args:
        pred: binary mask, (y, x) or (z, y, x).
        target: binary truth on the same grid, or its ``reference_tree``.
        spacing: checked only.
        reduction: of the prediction, see ``tree_length_detected``.
        target_reduction: of the target; a ``ReferenceTree`` is reduced already.
    Raises:
        ValueError: as ``tree_length_detected``.
    """
    if not isinstance(target, ReferenceTree):
        pred, target, _ = mask_pair(pred, target, spacing)
        target = reference_tree(target, reduction=target_reduction)
    _check.spacing(spacing, len(target.shape))
    _check.same_shape(pred=pred, target=target)
    pred = _reduced(_check.binary("pred", pred), reduction, "reduction")
    found = pred[tuple(target.voxels.T)]
    sizes = np.bincount(target.branch)[1:]
    detected = np.bincount(target.branch[found], minlength=len(sizes) + 1)[1:] / sizes >= DETECTED
    return BranchReport(len(found), int(found.sum()), len(sizes), int(detected.sum()))


def reference_tree(target: Mask, *, reduction: str = "largest_component") -> ReferenceTree:
    """Skeleton of a target and the branch of each of its voxels.

    An object whose skeleton holds no branch of five voxels counts as one branch.

    Args:
        target: binary, (y, x) or (z, y, x).
        reduction: see ``target_reduction`` of ``tree_length_detected``.
    Raises:
        ValueError: the mask is not binary, or an unknown reduction.
    """
    target = _reduced(_check.binary("target", target), reduction, "target_reduction")
    skeleton, shape = skeletonize(target).reshape(-1), target.shape
    voxels = np.flatnonzero(target)
    line = skeleton[voxels]
    lines, branches, before = [], [], 0
    for own in _objects(target):
        branch = branches_along(voxels[own], line[own], shape)
        lines.append(voxels[own][line[own]])
        branches.append(branch + before)
        before += int(branch.max(initial=0))
    places = np.stack(np.unravel_index(np.concatenate(lines), shape), axis=1)
    return ReferenceTree(places, np.concatenate(branches), shape)


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


def _reduced(mask: Bool[np.ndarray, "*s"], reduction: str, name: str) -> Bool[np.ndarray, "*s"]:
    _check.option(name, reduction, REDUCTIONS)
    if reduction == "as_given":
        return mask
    return fill_holes(largest_component(mask, 2 * mask.ndim))
