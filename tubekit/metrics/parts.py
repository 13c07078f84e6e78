"""What the metrics of one pair of masks share: each part is made once, when first asked for."""

from functools import cached_property

import numpy as np
from jaxtyping import Bool

from tubekit.metrics.branches import BranchReport, branch_report
from tubekit.metrics.calibre import calibre_scores
from tubekit.metrics.calibre_dice import BOUNDS_MM
from tubekit.metrics.centerline import (
    Centerlines,
    CenterlineScores,
    centerline_scores,
    centerlines,
)
from tubekit.metrics.overlap import Counts, counts
from tubekit.metrics.pair import joint_box
from tubekit.metrics.surface_distance import SurfaceDistances, surface_distances
from tubekit.metrics.topology import BettiErrors, betti_errors
from tubekit.metrics.tree import ReferenceTree, reference_tree
from tubekit.metrics.volume_distance import VolumeDistances, volume_distances
from tubekit.types import Spacing


class Parts:
    """Two checked masks in their joint box, and what several metrics need of them.

    Args:
        pred: binary mask without flat axes.
        target: on the same grid.
        spacing: mm per voxel in array order.
        beyond: voxels of background around the masks; below 0 where some of theirs do not count.
    """

    def __init__(
        self,
        pred: Bool[np.ndarray, "*s"],
        target: Bool[np.ndarray, "*s"],
        spacing: Spacing,
        beyond: int = 0,
    ) -> None:
        box = joint_box(pred, target)
        self.pred, self.target, self.spacing = pred[box], target[box], spacing
        self.beyond = beyond + pred.size - self.pred.size
        self.found, self.true = bool(self.pred.any()), bool(self.target.any())

    @cached_property
    def counts(self) -> Counts:
        """Of the whole image."""
        table = counts(self.pred, self.target)
        return table._replace(true_negative=table.true_negative + self.beyond)

    @cached_property
    def lines(self) -> Centerlines:
        return centerlines(self.pred, self.target)

    @cached_property
    def along_lines(self) -> CenterlineScores:
        return centerline_scores(self.pred, self.target, self.lines)

    @cached_property
    def by_calibre(self) -> tuple[float, ...]:
        """Dice of narrow, medium and wide vessels."""
        return calibre_scores(self.pred, self.target, self.lines.target, self.spacing, BOUNDS_MM)

    @cached_property
    def volumes(self) -> VolumeDistances:
        return volume_distances(self.pred, self.target, self.spacing)

    @cached_property
    def betti(self) -> BettiErrors:
        return betti_errors(self.pred, self.target)

    @cached_property
    def _voxels(self) -> SurfaceDistances:
        return surface_distances(self.pred, self.target, self.spacing)

    @cached_property
    def _areas(self) -> SurfaceDistances:
        return surface_distances(self.pred, self.target, self.spacing, weighted=True)

    def surfaces(self, definition: str = "count") -> SurfaceDistances | None:
        """Distances of surface voxels, or of surface elements by ``"area"``; None without two."""
        if not (self.found and self.true):
            return None
        return self._areas if definition == "area" else self._voxels

    @cached_property
    def _tree(self) -> ReferenceTree:
        return reference_tree(self.target)

    @cached_property
    def branches(self) -> BranchReport:
        """Found by the prediction as it is."""
        return branch_report(self.pred, self._tree)

    @cached_property
    def branches_of_largest(self) -> BranchReport:
        """Found by the largest component of the prediction."""
        return branch_report(self.pred, self._tree, reduction="largest_component")
