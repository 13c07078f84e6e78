"""Test metrics of one predicted label map, binary or multi-class."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Integer

from tubekit import _check
from tubekit.metrics import MEASURES
from tubekit.metrics.cases import class_maps
from tubekit.metrics.report import measured
from tubekit.types import Case

__all__ = ["DEFAULT", "MEASURES", "evaluate"]

DEFAULT = (
    *("dice", "cldice", "betti_error_0", "betti_error_1", "precision", "recall"),
    *("false_positive_rate", "iou", "hd95", "assd"),
)
"""What a recipe measures unless it says so, in the order of the tables."""


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
    maps = class_maps(found, label, classes - 1)
    maps = maps._replace(ignored=int(np.count_nonzero(~valid)))
    chosen = {name: MEASURES[name] for name in names}
    # Two empty masks, e.g. of a slice without the organ, agree.
    values = measured(maps, case.spacing, chosen, "perfect", union=False).values
    mean = {name: values[name if classes == 2 else f"{name}/mean"] for name in names}
    return {name: float(v) if np.isfinite(v) else None for name, v in mean.items()}
