"""All metrics of one pair of masks, with skeletons, surfaces and Betti numbers computed once."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, SupportsFloat

import numpy as np

from tubekit import _check
from tubekit._accept import Numbers, SpacingLike, Whole
from tubekit.geometry._input import without_flat_axes
from tubekit.metrics.case_numbers import ONLY, CaseReport
from tubekit.metrics.cases import Classes, ClassMaps, Labels, OverClasses, class_maps, over_classes
from tubekit.metrics.catalogue import Measure, measures_of
from tubekit.metrics.pair import agreed, check_empty, joint_box
from tubekit.metrics.parts import Parts
from tubekit.metrics.surface import HD95_DEFINITIONS, NSD_DEFINITIONS, check_tolerance
from tubekit.types import Spacing


class Asked(NamedTuple):
    """What a report holds, as plain values; the arguments of ``case_report`` of these names."""

    tolerances_mm: tuple[float, ...]
    hd95: tuple[str, ...]
    nsd: tuple[str, ...]
    empty: str
    penalty_mm: float | None

    @classmethod
    def of(
        cls,
        tolerances_mm: Numbers,
        hd95: Sequence[str],
        nsd: Sequence[str],
        empty: str,
        penalty_mm: SupportsFloat | None,
    ) -> "Asked":
        """Check what people give.

        Raises:
            ValueError: a negative tolerance, a penalty that is no length, or an unknown word.
        """
        tolerances = tuple(float(tolerance) for tolerance in tolerances_mm)
        for tolerance in tolerances:
            check_tolerance(tolerance)
        for chosen, allowed in ((hd95, HD95_DEFINITIONS), (nsd, NSD_DEFINITIONS)):
            for name in chosen:
                _check.option("definition", name, allowed)
        check_empty(empty)
        penalty = None if penalty_mm is None else float(penalty_mm)
        if penalty is not None and not 0 < penalty < math.inf:
            raise ValueError(
                f"penalty_mm must be above 0 and finite, got {penalty}; pass millimetres, e.g. 100"
            )
        return cls(tolerances, tuple(hd95), tuple(nsd), empty, penalty)


def case_report(
    pred: Labels,
    target: Labels,
    *,
    spacing: SpacingLike | None = None,
    tolerances_mm: Numbers = (1.0,),
    classes: Classes = 1,
    hd95: Sequence[str] = ("max",),
    nsd: Sequence[str] = ("count",),
    empty: str = "nan",
    ignore: Whole | None = None,
    penalty_mm: SupportsFloat | None = None,
    names: Mapping[Any, str] | None = None,
) -> CaseReport:
    """Measure a prediction in every way at once, in the joint box of both masks.

    The numbers are those of the single functions, to the last digit. A volume of one slice is
    measured as the image in it.

    Args:
        pred: labels, (y, x) or (z, y, x), 0 = background; with one class any binary mask.
        target: true labels on the same grid.
        spacing: mm per voxel in array order; ``None`` means 1.
        tolerances_mm: of the surface Dice, one number each.
        classes: number of foreground classes, or a list of those that are asked for; then all
            other values count as background.
        hd95: definitions of ``tubekit.metrics.hd95``.
        nsd: definitions of ``tubekit.metrics.nsd``.
        empty: what Dice, IoU, clDice, centre-line F1, NSD and hallucination rate are where both
            masks are empty: ``"nan"``, or ``"perfect"`` for the value of a perfect prediction.
        ignore: value of the target whose voxels do not count; for skeletons, surfaces and
            topology they are background in both masks.
        penalty_mm: what distances are where one mask alone is empty; ``None`` leaves them NaN.
        names: names of classes, used instead of their numbers.
    Returns:
        Values and their definitions.
    Raises:
        ValueError: labels outside 0..classes, different shapes, a bad spacing, tolerance or
            penalty, or an unknown definition.

    Example:
        >>> plate, other = np.zeros((2, 9, 9), bool)
        >>> plate[2], other[5] = True, True
        >>> case_report(plate, other, spacing=(2, 1)).values["hd95"]
        6.0
    """
    asked = Asked.of(tolerances_mm, hd95, nsd, empty, penalty_mm)
    maps = class_maps(pred, target, classes, ignore)
    _check.dimensions("pred", maps.pred, (2, 3))
    sides = _check.spacing(spacing, maps.pred.ndim)
    axes = without_flat_axes(maps.pred)[0].ndim
    measures = measures_of(asked.hd95, asked.tolerances_mm, asked.nsd, axes)
    values, absent = measured(maps, sides, measures, empty, asked.penalty_mm, names)
    used = {name: measures[name] for name in dict.fromkeys(n.partition("/")[0] for n in values)}
    first = maps.classes[0]
    only = (names or {}).get(first, str(first))
    return CaseReport(
        values,
        sides,
        {name: measure.text for name, measure in used.items()},
        {name: _policy(measure, asked) for name, measure in used.items()},
        empty,
        absent,
        _notes(maps.pred.shape, axes, maps.ignored),
        only if len(maps.classes) == 1 else ONLY,
    )


def measured(
    maps: ClassMaps,
    spacing: Spacing,
    measures: Mapping[str, Measure],
    empty: str,
    penalty_mm: float | None = None,
    names: Mapping[Any, str] | None = None,
    *,
    union: bool = True,
) -> OverClasses:
    """Values of lines of the catalogue; arguments as in ``case_report`` and ``over_classes``."""
    found, steps = without_flat_axes(maps.pred, spacing)
    true, _ = without_flat_axes(maps.target)
    box = joint_box(found, true)
    beyond = found.size - found[box].size - maps.ignored

    def measure(one: np.ndarray, other: np.ndarray) -> dict[str, float]:
        parts = Parts(one, other, steps, beyond)
        return {
            name: _settled(line.of(parts), line, parts, empty, penalty_mm)
            for name, line in measures.items()
        }

    return over_classes(found[box], true[box], maps.classes, measure, names, union=union)


def _notes(shape: tuple[int, ...], axes: int, ignored: int) -> tuple[str, ...]:
    notes = []
    if axes < len(shape):
        size = " x ".join(map(str, shape))
        notes.append(f"A volume of one slice ({size} voxels): measured as the image in it.")
    if ignored:
        notes.append(f"{ignored} voxels were left out, as the label says.")
    return tuple(notes)


def _settled(
    value: float, measure: Measure, parts: Parts, empty: str, penalty_mm: float | None
) -> float:
    """The value of empty masks by the conventions that were asked for."""
    if not parts.found and not parts.true and measure.perfect is not None:
        return agreed(value, empty, measure.perfect)
    if parts.found != parts.true and penalty_mm is not None and measure.unit == "mm":
        return penalty_mm
    return value


def _policy(measure: Measure, asked: Asked) -> str:
    """What empty masks give by these conventions, in words."""
    if asked.penalty_mm is not None and measure.unit == "mm":
        return f"{asked.penalty_mm:g}, {asked.penalty_mm:g}, undefined"
    if asked.empty == "perfect" and measure.perfect is not None:
        return measure.empty.replace("undefined", f"{measure.perfect:g}")
    return measure.empty
