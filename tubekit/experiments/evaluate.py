"""Test metrics of one predicted label map, binary or multi-class."""

import numpy as np
from jaxtyping import Integer

from tubekit import metrics
from tubekit.types import Case

# Higher is better for True. The order is the order of the tables.
METRICS = {
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
    prediction, label = np.where(valid, prediction, 0), np.where(valid, case.label, 0)
    present = [k for k in range(1, classes) if (label == k).any() or (prediction == k).any()]
    result: dict[str, float | None] = {}
    for name, (function, _) in METRICS.items():
        values = []
        for k in present or [1]:
            pair = prediction == k, label == k
            if name in COUNTED:
                values.append(function(pair[0][valid][None], pair[1][valid][None]))
            else:
                values.append(function(*pair, spacing=case.spacing))
        defined = [v for v in values if np.isfinite(v)]
        result[name] = float(np.mean(defined)) if defined else None
    return result
