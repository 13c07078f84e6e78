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

from typing import NamedTuple

import numpy as np

from tubekit import _check
from tubekit._accept import SpacingLike
from tubekit.geometry import skeletonize
from tubekit.geometry._input import without_flat_axes
from tubekit.metrics.pair import Mask, mask_pair, one_mask
from tubekit.metrics.tree import ReferenceTree, reduced, reference_tree

DETECTED = 0.8  # share of its skeleton voxels that makes a branch detected


class BranchReport(NamedTuple):
    """What TLD and BD are made of.

    Attributes:
        length: skeleton voxels of the target.
        length_detected: those of them that lie in the prediction.
        branches: of the target.
        branches_detected: those with at least 80 % of their skeleton voxels in the prediction.

    Example:
        >>> BranchReport(40, 30, 4, 2).branch_share
        0.5
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
    spacing: SpacingLike | None = None,
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

    Example:
        >>> row = np.zeros((5, 30), bool)
        >>> row[2, 3:25] = True
        >>> tree_length_detected(row & (np.arange(30) < 14), row)
        0.5
    """
    pred, target, _ = mask_pair(pred, target, spacing)
    skeleton = skeletonize(reduced(target, target_reduction, "target_reduction"))
    length = np.count_nonzero(skeleton)
    pred = reduced(pred, reduction, "reduction")
    return float(np.count_nonzero(skeleton & pred) / length) if length else float("nan")


def branches_detected(
    pred: Mask,
    target: Mask,
    *,
    spacing: SpacingLike | None = None,
    reduction: str = "as_given",
    target_reduction: str = "largest_component",
) -> float:
    """Share of the target's branches that are detected, in [0, 1].

    A branch is detected when at least 80 % of its skeleton voxels lie in the prediction. Target
    empty: NaN. Prediction empty: 0. Errors as in ``tree_length_detected``.

    Args:
        pred: binary mask, (y, x) or (z, y, x).
        target: binary truth on the same grid.
        spacing: checked only.
        reduction: of the prediction, see ``tree_length_detected``.
        target_reduction: of the target.

    Equation: :eq:`eq-branches-detected`
    Reference: Zhang et al., Multi-site, multi-domain airway tree modeling (ATM'22), Medical Image
        Analysis 2023.

    Example:
        >>> row = np.zeros((5, 30), bool)
        >>> row[2, 3:25] = True
        >>> branches_detected(row & (np.arange(30) < 14), row)  # half of the only branch
        0.0
    """
    return branch_report(
        pred, target, spacing=spacing, reduction=reduction, target_reduction=target_reduction
    ).branch_share


def branch_report(
    pred: Mask,
    target: Mask | ReferenceTree,
    *,
    spacing: SpacingLike | None = None,
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

    Example:
        >>> row = np.zeros((5, 30), bool)
        >>> row[2, 3:25] = True
        >>> branch_report(row & (np.arange(30) < 14), row).length_detected
        11
    """
    if not isinstance(target, ReferenceTree):
        pred, target, _ = mask_pair(pred, target, spacing)
        target, spacing = reference_tree(target, reduction=target_reduction), None
    mask = one_mask("pred", pred)
    _check.spacing(spacing, len(target.shape))
    _check.same_shape(pred=mask, target=target)
    counted = reduced(without_flat_axes(mask)[0], reduction, "reduction").reshape(mask.shape)
    found = counted[tuple(target.voxels.T)]
    sizes = np.bincount(target.branch)[1:]
    detected = np.bincount(target.branch[found], minlength=len(sizes) + 1)[1:] / sizes >= DETECTED
    return BranchReport(len(found), int(found.sum()), len(sizes), int(detected.sum()))
