"""All metrics of one pair of masks, with skeletons, surfaces and Betti numbers computed once."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, SupportsFloat

import numpy as np
from jaxtyping import Bool

from tubekit import _check
from tubekit._accept import Numbers, SpacingLike, Whole
from tubekit.geometry._input import without_flat_axes
from tubekit.metrics.branches import branch_report
from tubekit.metrics.calibre import calibre_scores
from tubekit.metrics.calibre_dice import BOUNDS_MM, CALIBRES
from tubekit.metrics.case_numbers import ONLY, CaseReport
from tubekit.metrics.cases import Classes, Labels, class_maps, over_classes
from tubekit.metrics.centerline import centerline_scores, centerlines, line_f1
from tubekit.metrics.definitions import (
    definitions_of,
    hd95_name,
    is_distance,
    nsd_name,
    perfect_value,
)
from tubekit.metrics.hallucination import share_beyond
from tubekit.metrics.overlap import counts
from tubekit.metrics.pair import agreed, check_empty, joint_box
from tubekit.metrics.surface import HD95_DEFINITIONS, NSD_DEFINITIONS, check_tolerance
from tubekit.metrics.surface_distance import surface_distances
from tubekit.metrics.topology import betti_errors
from tubekit.metrics.tree import reference_tree
from tubekit.metrics.volume_distance import volume_distances
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
    found, steps = without_flat_axes(maps.pred, sides)
    true, _ = without_flat_axes(maps.target)
    box = joint_box(found, true)
    beyond = found.size - found[box].size - maps.ignored

    def measure(one: np.ndarray, other: np.ndarray) -> dict[str, float]:
        return _settled(_measure(one, other, beyond, steps, asked), one, other, asked)

    values, absent = over_classes(found[box], true[box], maps.classes, measure, names)
    known = definitions_of(asked.hd95, asked.tolerances_mm, asked.nsd, empty, asked.penalty_mm)
    used = list(dict.fromkeys(name.partition("/")[0] for name in values))
    first = maps.classes[0]
    only = (names or {}).get(first, str(first))
    return CaseReport(
        values,
        sides,
        {name: known[name].text for name in used},
        {name: known[name].empty for name in used},
        empty,
        absent,
        _notes(maps.pred.shape, found.ndim, maps.ignored),
        only if len(maps.classes) == 1 else ONLY,
    )


def _notes(shape: tuple[int, ...], axes: int, ignored: int) -> tuple[str, ...]:
    notes = []
    if axes < len(shape):
        size = " x ".join(map(str, shape))
        notes.append(f"A volume of one slice ({size} voxels): measured as the image in it.")
    if ignored:
        notes.append(f"{ignored} voxels were left out, as the label says.")
    return tuple(notes)


def _settled(
    values: dict[str, float], pred: np.ndarray, target: np.ndarray, asked: Asked
) -> dict[str, float]:
    """Values of empty masks by the conventions that were asked for."""
    found, true = bool(pred.any()), bool(target.any())
    if not found and not true:
        for name in values:
            if (perfect := perfect_value(name)) is not None:
                values[name] = agreed(values[name], asked.empty, perfect)
    elif found != true and asked.penalty_mm is not None:
        values |= {name: asked.penalty_mm for name in values if is_distance(name)}
    return values


def _measure(
    pred: Bool[np.ndarray, "*s"],
    target: Bool[np.ndarray, "*s"],
    beyond: int,
    spacing: Spacing,
    asked: Asked,
) -> dict[str, float]:
    """All values of one pair cut out of an image with ``beyond`` more voxels of background."""
    table = counts(pred, target)
    table = table._replace(true_negative=table.true_negative + beyond)
    lines = centerlines(pred, target)
    by_calibre = calibre_scores(pred, target, lines.target, spacing, BOUNDS_MM)
    apart = volume_distances(pred, target, spacing)
    betti = betti_errors(pred, target)
    return {
        "dice": table.dice,
        "iou": table.iou,
        "precision": table.precision,
        "recall": table.recall,
        "false_positive_rate": table.false_positive_rate,
        "volume_ratio": table.volume_ratio,
        **centerline_scores(pred, target, lines)._asdict(),
        "centerline_f1": line_f1(lines, spacing),
        "hallucination_rate": share_beyond(pred, target, spacing),
        **{f"dice_{k}": v for k, v in zip(CALIBRES, by_calibre, strict=True)},
        **_surface_values(pred, target, spacing, asked),
        "average_hausdorff": apart.average("mean"),
        "average_hausdorff_max": apart.average("max"),
        **{f"betti_error_{i}": float(error) for i, error in enumerate(betti.errors)},
        "betti_difference_0": float(betti.signed_0),
        **_branch_values(pred, target),
    }


def _branch_values(
    pred: Bool[np.ndarray, "*s"], target: Bool[np.ndarray, "*s"]
) -> dict[str, float]:
    """TLD and BD of the prediction as it is and of its largest component, one parsed target."""
    tree = reference_tree(target)
    values = {}
    for reduction, end in (("as_given", ""), ("largest_component", "_largest")):
        found = branch_report(pred, tree, reduction=reduction)
        values["tree_length_detected" + end] = found.tree_length_share
        values["branches_detected" + end] = found.branch_share
    return values


def _surface_values(
    pred: Bool[np.ndarray, "*s"], target: Bool[np.ndarray, "*s"], spacing: Spacing, asked: Asked
) -> dict[str, float]:
    """Surface metrics from one list of distances, and one more where areas are asked for."""
    found, true = bool(pred.any()), bool(target.any())
    if not (found and true):
        missing = dict.fromkeys(("hausdorff", *map(hd95_name, asked.hd95), "assd"), float("nan"))
        names = [nsd_name(t, d) for d in asked.nsd for t in asked.tolerances_mm]
        return missing | dict.fromkeys(names, 0.0 if found or true else float("nan"))
    plain = surface_distances(pred, target, spacing)
    values = {"hausdorff": plain.hausdorff()}
    sized = plain
    if "area" in (*asked.hd95, *asked.nsd):
        sized = surface_distances(pred, target, spacing, weighted=True)
    for definition in asked.hd95:
        lists = sized if definition == "area" else plain
        values[hd95_name(definition)] = lists.percentile(95, definition)
    values["assd"] = plain.mean()
    for definition in asked.nsd:
        lists = sized if definition == "area" else plain
        for tolerance in asked.tolerances_mm:
            values[nsd_name(tolerance, definition)] = lists.within(tolerance)
    return values
