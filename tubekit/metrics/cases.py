"""All metrics of one case, binary or with several classes."""

from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Shaped

from tubekit import _check
from tubekit.metrics.centerline import cldice
from tubekit.metrics.overlap import dice, false_positive_rate, iou, precision, recall, volume_ratio
from tubekit.metrics.surface import assd, hd95
from tubekit.metrics.topology import betti_difference_0, betti_error_0, betti_error_1
from tubekit.types import Spacing

Metric = Callable[..., float]
Labels = Shaped[np.ndarray, "..."]
"""Integer classes or a bool mask; ``evaluate_case`` checks the rest and says what is wrong."""

DEFAULT_METRICS: Mapping[str, Metric] = {
    "dice": dice,
    "iou": iou,
    "cldice": cldice,
    "precision": precision,
    "recall": recall,
    "false_positive_rate": false_positive_rate,
    "volume_ratio": volume_ratio,
    "hd95": hd95,
    "assd": assd,
    "betti_error_0": betti_error_0,
    "betti_error_1": betti_error_1,
    "betti_difference_0": betti_difference_0,
}


def evaluate_case(
    pred: Labels,
    target: Labels,
    *,
    spacing: Spacing | None = None,
    metrics: Mapping[str, Metric] = DEFAULT_METRICS,
    classes: int = 1,
) -> dict[str, float]:
    """Evaluate one prediction against its truth on the grid of the case.

    Args:
        pred: labels, (y, x) or (z, y, x), 0 = background.
        target: true labels on the same grid.
        spacing: mm per voxel in array order; ``None`` means 1.
        metrics: name to ``(pred, target, *, spacing) -> float``.
        classes: number of foreground classes.
    Returns:
        With one class ``{"dice": ...}``. With more, for each metric ``dice/1``, ``dice/2``, ...
        for the single classes; ``dice/mean``, over the classes that are present in prediction or
        target and defined; ``dice/union``, of all foreground against all foreground.
    Raises:
        ValueError: labels outside 0..classes, different shapes, or a bad spacing.
    """
    for name, labels in (("pred", pred), ("target", target)):
        _check.integer_classes(name, labels, classes + 1)
    _check.same_shape(pred=pred, target=target)

    def measure(a: np.ndarray, b: np.ndarray) -> dict[str, float]:
        return {name: metric(a, b, spacing=spacing) for name, metric in metrics.items()}

    return over_classes(pred, target, classes, measure)


def over_classes(
    pred: Labels,
    target: Labels,
    classes: int,
    measure: Callable[[np.ndarray, np.ndarray], dict[str, float]],
) -> dict[str, float]:
    """Values of all foreground and, with more than one class, of each class and their mean."""
    if classes < 1:
        raise ValueError(f"classes must be 1 or more, got {classes}; count the foreground classes")
    union = measure(pred > 0, target > 0)
    if classes == 1:
        return union
    per_class = {k: measure(pred == k, target == k) for k in range(1, classes + 1)}
    present = _present(pred, target, classes)
    result: dict[str, float] = {}
    for name in union:
        result |= {f"{name}/{k}": values[name] for k, values in per_class.items()}
        defined = [v for k in present if not np.isnan(v := per_class[k][name])]
        result[f"{name}/mean"] = float(np.mean(defined)) if defined else float("nan")
        result[f"{name}/union"] = union[name]
    return result


def _present(pred: Labels, target: Labels, classes: int) -> list[int]:
    """Foreground classes found in either map: an invented class must count, an absent one not."""
    return [k for k in range(1, classes + 1) if np.any(pred == k) or np.any(target == k)]
