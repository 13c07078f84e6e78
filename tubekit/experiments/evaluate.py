"""Test metrics of one predicted label map, binary or multi-class."""

import numpy as np
from jaxtyping import Integer

from tubekit import metrics
from tubekit.types import Case

# Higher is better for True. The order is the order of the tables.
METRICS: dict[str, tuple[metrics.Metric, bool]] = {
    "dice": (metrics.dice, True),
    "cldice": (metrics.cldice, True),
    "betti_error_0": (metrics.betti_error_0, False),
    "betti_error_1": (metrics.betti_error_1, False),
    "precision": (metrics.precision, True),
    "recall": (metrics.recall, True),
    "false_positive_rate": (metrics.false_positive_rate, False),
    "iou": (metrics.iou, True),
    "hd95": (metrics.hd95, False),
    "assd": (metrics.assd, False),
}

LABELS = {
    "dice": "Dice (%)",
    "cldice": "clDice (%)",
    "betti_error_0": "β₀ error",
    "betti_error_1": "β₁ error",
    "precision": "Precision (%)",
    "recall": "Recall (%)",
    "false_positive_rate": "FPR (%)",
    "iou": "IoU (%)",
    "hd95": "HD95",
    "assd": "ASSD",
}

# Computed from voxel counts alone, so voxels outside the field of view can be left out.
COUNTED = {"dice", "precision", "recall", "false_positive_rate", "iou"}
PERCENT = {"dice", "cldice", "precision", "recall", "false_positive_rate", "iou"}


def evaluate(
    prediction: Integer[np.ndarray, "*s"], case: Case, classes: int
) -> dict[str, float | None]:
    """All metrics of one case; None where a metric is undefined.

    With more than one foreground class a metric is the mean over the classes that are present in
    the label or in the prediction (a spurious class counts against the prediction).
    Voxels outside ``case.valid`` do not count; for skeletons, distances and topology they are
    background on both sides.

    Raises:
        ValueError: the case has no label.
    """
    if case.label is None:
        raise ValueError(f"case {case.id} has no label, so it cannot be a test case; remove it")
    valid = np.ones(case.label.shape, bool) if case.valid is None else case.valid
    found, label = np.where(valid, prediction, 0), np.where(valid, case.label, 0)
    counted = {name: METRICS[name][0] for name in METRICS if name in COUNTED}
    shaped = {name: METRICS[name][0] for name in METRICS if name not in COUNTED}
    foreground = classes - 1
    values = metrics.evaluate_case(
        found[valid][None], label[valid][None], metrics=counted, classes=foreground
    ) | metrics.evaluate_case(
        found, label, spacing=case.spacing, metrics=shaped, classes=foreground
    )
    mean = {name: values[name if foreground == 1 else f"{name}/mean"] for name in METRICS}
    return {name: float(v) if np.isfinite(v) else None for name, v in mean.items()}
