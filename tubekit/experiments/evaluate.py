"""Test metrics of one predicted label map, binary or multi-class."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from jaxtyping import Integer

from tubekit import _check, metrics
from tubekit.types import Case


class Measure(NamedTuple):
    """A metric as the tables show it.

    ``counted``: computed from voxel counts alone, so that voxels outside the field of view can be
    left out.
    """

    metric: metrics.Metric
    label: str
    higher_is_better: bool
    percent: bool = False
    counted: bool = False


# The order is the order of the tables. Two empty masks, e.g. of a slice without the organ, agree.
MEASURES: dict[str, Measure] = {
    "dice": Measure(
        partial(metrics.dice, empty="perfect"), "Dice (%)", True, percent=True, counted=True
    ),
    "cldice": Measure(partial(metrics.cldice, empty="perfect"), "clDice (%)", True, percent=True),
    "betti_error_0": Measure(metrics.betti_error_0, "β₀ error", False),
    "betti_error_1": Measure(metrics.betti_error_1, "β₁ error", False),
    "precision": Measure(metrics.precision, "Precision (%)", True, percent=True, counted=True),
    "recall": Measure(metrics.recall, "Recall (%)", True, percent=True, counted=True),
    "false_positive_rate": Measure(
        metrics.false_positive_rate, "FPR (%)", False, percent=True, counted=True
    ),
    "iou": Measure(
        partial(metrics.iou, empty="perfect"), "IoU (%)", True, percent=True, counted=True
    ),
    "hd95": Measure(metrics.hd95, "HD95", False),
    "assd": Measure(metrics.assd, "ASSD", False),
    "hausdorff": Measure(metrics.hausdorff, "HD", False),
    "average_hausdorff": Measure(metrics.average_hausdorff, "AHD", False),
    "centerline_f1": Measure(
        partial(metrics.centerline_f1, empty="perfect"), "Centre-line F1 (%)", True, percent=True
    ),
    "topology_sensitivity": Measure(
        metrics.topology_sensitivity, "Centre line found (%)", True, percent=True
    ),
    "hallucination_rate": Measure(
        partial(metrics.hallucination_rate, empty="perfect"),
        "Hallucinated (%)",
        False,
        percent=True,
    ),
    "branches_detected": Measure(metrics.branches_detected, "BD (%)", True, percent=True),
    "tree_length_detected": Measure(metrics.tree_length_detected, "TLD (%)", True, percent=True),
    "dice_small": Measure(metrics.dice_small, "Dice, small (%)", True, percent=True),
    "dice_medium": Measure(metrics.dice_medium, "Dice, medium (%)", True, percent=True),
    "dice_large": Measure(metrics.dice_large, "Dice, large (%)", True, percent=True),
}
DEFAULT = tuple(MEASURES)[:10]


def evaluate(
    prediction: Integer[np.ndarray, "*s"],
    case: Case,
    classes: int,
    names: Sequence[str] = DEFAULT,
) -> dict[str, float | None]:
    """Metrics of one case; None where a metric is undefined.

    With more than one foreground class a metric is the mean over the classes that are present in
    the label or in the prediction (a spurious class counts against the prediction).
    Voxels outside ``case.valid`` do not count; for skeletons, distances and topology they are
    background on both sides.

    Args:
        prediction: class indices.
        case: with label.
        classes: number of classes, background included.
        names: keys of ``MEASURES``.
    Raises:
        ValueError: the case has no label, or an unknown name.
    """
    if case.label is None:
        raise ValueError(f"case {case.id} has no label, so it cannot be a test case; remove it")
    for name in names:
        _check.option("metric", name, list(MEASURES))
    valid = np.ones(case.label.shape, bool) if case.valid is None else case.valid
    found, label = np.where(valid, prediction, 0), np.where(valid, case.label, 0)
    counted = {n: MEASURES[n].metric for n in names if MEASURES[n].counted}
    shaped = {n: MEASURES[n].metric for n in names if not MEASURES[n].counted}
    foreground = classes - 1
    values = metrics.evaluate_case(
        found[valid][None], label[valid][None], metrics=counted, classes=foreground
    ) | metrics.evaluate_case(
        found, label, spacing=case.spacing, metrics=shaped, classes=foreground
    )
    mean = {name: values[name if foreground == 1 else f"{name}/mean"] for name in names}
    return {name: float(v) if np.isfinite(v) else None for name, v in mean.items()}
