"""All metrics of one case, binary or with several classes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Shaped

from tubekit import _accept, _check
from tubekit._accept import Array, SpacingLike, Whole

Metric = Callable[..., float]
Labels = Shaped[Array, "..."]
"""Integer classes or a binary mask; ``class_maps`` checks the rest and says what is wrong."""
Classes = Whole | Sequence[Whole] | Array
"""The number of foreground classes, or those of them that are asked for."""
Values = dict[str, float]


def evaluate_case(
    pred: Labels,
    target: Labels,
    *,
    metrics: Mapping[str, Metric],
    spacing: SpacingLike | None = None,
    classes: Classes = 1,
) -> Values:
    """Evaluate one prediction by functions of your own; ``case_report`` has all of ours.

    Args:
        pred: labels, (y, x) or (z, y, x), 0 = background; with one class any binary mask.
        target: true labels on the same grid.
        metrics: name to ``(pred, target, *, spacing) -> float``.
        spacing: mm per voxel in array order; ``None`` means 1.
        classes: number of foreground classes, or a list of those that are asked for; then all
            other values count as background.
    Returns:
        With one class ``{"dice": ...}``. With more, for each metric ``dice/1``, ``dice/2``, ...
        for the single classes; ``dice/mean``, over the classes that are present in prediction or
        target and defined; ``dice/union``, of all foreground against all foreground.
    Raises:
        ValueError: labels outside 0..classes, different shapes, or a bad spacing.

    Example:
        >>> from tubekit.metrics import recall
        >>> target = np.array([[0, 1, 1, 2, 2]])
        >>> evaluate_case(target.clip(0, 1), target, metrics={"recall": recall}, classes=2)
        {'recall/1': 1.0, 'recall/2': 0.0, 'recall/mean': 0.5, 'recall/union': 1.0}
    """
    maps = class_maps(pred, target, classes)

    def measure(a: np.ndarray, b: np.ndarray) -> Values:
        return {name: metric(a, b, spacing=spacing) for name, metric in metrics.items()}

    return over_classes(maps.pred, maps.target, maps.classes, measure).values


class ClassMaps(NamedTuple):
    """Both label maps as plain arrays with nothing but background and the classes asked for.

    ``ignored`` voxels are background in both.
    """

    pred: np.ndarray
    target: np.ndarray
    classes: tuple[int, ...]
    ignored: int


def class_maps(
    pred: Labels, target: Labels, classes: Classes, ignore: Whole | None = None
) -> ClassMaps:
    """What both label maps say of the classes.

    Raises:
        ValueError: labels outside 0..classes, classes that are none, or different shapes.
    """
    pred, target = _accept.array("pred", pred), _accept.array("target", target)
    _check.same_shape(pred=pred, target=target)
    listed = isinstance(classes, Sequence) or (isinstance(classes, Array) and classes.ndim > 0)
    wanted = (
        listed_classes(classes)
        if listed
        else tuple(range(1, _accept.whole("classes", classes) + 1))
    )
    ignored = 0
    if ignore is not None:
        out = target == _accept.whole("ignore", ignore, at_least=-(2**31))
        ignored = int(np.count_nonzero(out))
        pred, target = (np.where(out, labels.dtype.type(0), labels) for labels in (pred, target))

    def plain(name: str, labels: np.ndarray) -> np.ndarray:
        if wanted == (1,) and not listed:
            return _check.binary(name, labels)
        labels = _accept.classes(name, labels)
        _check.integer_classes(name, labels, None if listed else len(wanted) + 1)
        return np.where(np.isin(labels, wanted), labels, 0) if listed else labels

    return ClassMaps(plain("pred", pred), plain("target", target), wanted, ignored)


def listed_classes(classes: Any) -> tuple[int, ...]:
    """The classes of a list as plain numbers.

    Raises:
        ValueError: none, one of them twice, or one that is no class.
    """
    wanted = tuple(_accept.whole("a class", k) for k in classes)
    if not wanted or len(set(wanted)) < len(wanted):
        raise ValueError(f"expected a list of different classes, got {wanted}; e.g. [1, 2, 15]")
    return wanted


class OverClasses(NamedTuple):
    """Values by name, and the classes that neither map holds."""

    values: Values
    absent: tuple[str, ...]


def over_classes(
    pred: np.ndarray,
    target: np.ndarray,
    classes: tuple[int, ...],
    measure: Callable[[np.ndarray, np.ndarray], Values],
    names: Mapping[Any, str] | None = None,
    *,
    union: bool = True,
) -> OverClasses:
    """Values of all foreground and, with more than one class, of each class and their mean.

    Without ``union``, several classes have no values of all foreground.
    """
    named = {k: (names or {}).get(k, str(k)) for k in classes}
    present = _present(pred, target, classes)
    absent = tuple(named[k] for k in classes if k not in present)
    together = measure(pred > 0, target > 0) if union or len(classes) == 1 else None
    if len(classes) == 1:
        return OverClasses(together or {}, absent)
    found = {k: measure(pred == k, target == k) for k in present}
    if absent:  # what is nowhere is the same for every class
        found |= dict.fromkeys(
            set(classes) - set(present), measure(*np.zeros((2, *pred.shape), bool))
        )
    per_class = {named[k]: found[k] for k in classes}
    return OverClasses(by_class(per_class, [named[k] for k in present], together), absent)


def by_class(
    per_class: Mapping[str, Values], present: Iterable[str], union: Values | None
) -> Values:
    """``dice/1``, ``dice/2``, ..., ``dice/mean`` over what is present, and ``dice/union``."""
    present, result = list(present), Values()
    for name in dict.fromkeys(name for values in per_class.values() for name in values):
        of_class = {k: values.get(name, np.nan) for k, values in per_class.items()}
        defined = [of_class[k] for k in present if not np.isnan(of_class[k])]
        result |= {f"{name}/{k}": value for k, value in of_class.items()}
        result[f"{name}/mean"] = float(np.mean(defined)) if defined else float("nan")
        if union is not None:
            result[f"{name}/union"] = union[name]
    return result


def _present(pred: np.ndarray, target: np.ndarray, classes: tuple[int, ...]) -> list[int]:
    """Foreground classes found in either map: an invented class must count, an absent one not."""
    return [k for k in classes if np.any(pred == k) or np.any(target == k)]
