"""Metrics on binary masks: ``(pred, target, *, spacing=None) -> float``, NaN where undefined."""

from tubekit.metrics.branches import (
    BranchReport,
    branch_report,
    branches_detected,
    tree_length_detected,
)
from tubekit.metrics.calibre_dice import (
    diameter_map,
    dice_by_diameter,
    dice_large,
    dice_medium,
    dice_small,
)
from tubekit.metrics.case_numbers import CaseReport
from tubekit.metrics.cases import Metric, evaluate_case
from tubekit.metrics.catalogue import MEASURES, Measure
from tubekit.metrics.centerline import (
    centerline_f1,
    cldice,
    topology_precision,
    topology_sensitivity,
)
from tubekit.metrics.hallucination import hallucination_rate
from tubekit.metrics.overlap import (
    Counts,
    counts,
    dice,
    false_positive_rate,
    iou,
    precision,
    recall,
    volume_ratio,
)
from tubekit.metrics.ranking import RocCurve, roc_curve
from tubekit.metrics.report import case_report
from tubekit.metrics.surface import assd, hausdorff, hd95, nsd
from tubekit.metrics.surface_distance import SurfaceDistances, surface_distances
from tubekit.metrics.topology import (
    BettiErrors,
    betti_difference_0,
    betti_error_0,
    betti_error_1,
    betti_error_2,
    betti_errors,
)
from tubekit.metrics.tree import ReferenceTree, reference_tree
from tubekit.metrics.volume_distance import average_hausdorff

__all__ = [
    "MEASURES",
    "BettiErrors",
    "BranchReport",
    "CaseReport",
    "Counts",
    "Measure",
    "Metric",
    "ReferenceTree",
    "RocCurve",
    "SurfaceDistances",
    "assd",
    "average_hausdorff",
    "betti_difference_0",
    "betti_error_0",
    "betti_error_1",
    "betti_error_2",
    "betti_errors",
    "branch_report",
    "branches_detected",
    "case_report",
    "centerline_f1",
    "cldice",
    "counts",
    "diameter_map",
    "dice",
    "dice_by_diameter",
    "dice_large",
    "dice_medium",
    "dice_small",
    "evaluate_case",
    "false_positive_rate",
    "hallucination_rate",
    "hausdorff",
    "hd95",
    "iou",
    "nsd",
    "precision",
    "recall",
    "reference_tree",
    "roc_curve",
    "surface_distances",
    "topology_precision",
    "topology_sensitivity",
    "tree_length_detected",
    "volume_ratio",
]
