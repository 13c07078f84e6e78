"""The catalogue: every metric of two masks, once, for reports, recipes and tables.

A new metric is a function and a line here. A function of the plain form ``(pred, target, *,
spacing)`` is called with ``p.pred``, ``p.target`` and ``p.spacing``; one that shares work with
others takes it from the ``Parts``.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from tubekit.metrics.calibre_dice import CALIBRES
from tubekit.metrics.centerline import line_f1
from tubekit.metrics.hallucination import share_beyond
from tubekit.metrics.parts import Parts

UNDEFINED = "undefined, undefined, undefined"
NAN = float("nan")


class Measure(NamedTuple):
    """One line of the catalogue.

    Attributes:
        of: the number of one pair; NaN where undefined.
        label: heading in tables.
        unit: ``"%"`` for a share, which tables print as per cent and functions return in [0, 1];
            ``"mm"``, or none.
        higher_is_better: None where a value between is best.
        text: what it is.
        empty: what it is with the prediction empty, the target empty, and both.
        perfect: what a perfect prediction has, where that may stand for 0/0.
        needs_volume: undefined for an image.

    Example:
        >>> MEASURES["hd95"].unit, MEASURES["dice"].label
        ('mm', 'Dice (%)')
    """

    of: Callable[[Parts], float]
    label: str
    unit: str
    higher_is_better: bool | None
    text: str
    empty: str
    perfect: float | None = None
    needs_volume: bool = False

    @property
    def percent(self) -> bool:
        """Whether tables print it as per cent."""
        return self.unit == "%"


def hd95_measure(definition: str, label: str, text: str) -> Measure:
    """HD95 by one of the definitions of ``tubekit.metrics.hd95``."""

    def of(p: Parts) -> float:
        lists = p.surfaces(definition)
        return lists.percentile(95, definition) if lists else NAN

    return Measure(of, label, "mm", False, f"{text}, in mm", UNDEFINED)


def nsd_measure(tolerance_mm: float, definition: str) -> Measure:
    """Surface Dice by one of the definitions of ``tubekit.metrics.nsd``."""

    def of(p: Parts) -> float:
        lists = p.surfaces(definition)
        return lists.within(tolerance_mm) if lists else 0.0 if p.found or p.true else NAN

    what = "by area (2-D: length)" if definition == "area" else "in surface voxels"
    text = f"share of both surfaces, {what}, within {tolerance_mm:g} mm of the other"
    return Measure(of, f"NSD {tolerance_mm:g} mm (%)", "%", True, text, "0, 0, undefined", 1.0)


def _calibre_measure(at: int, range_: str) -> Measure:
    text = f"Dice among the target's vessels with a diameter {range_}; each place goes to the "
    text += "vessel whose skeleton is nearest; undefined for a target without such vessels"
    empty = "0 or undefined, undefined, undefined"
    label = f"Dice, {CALIBRES[at]} (%)"
    return Measure(lambda p: p.by_calibre[at], label, "%", True, text, empty)


# fmt: off
MEASURES: dict[str, Measure] = {
    "dice": Measure(lambda p: p.counts.dice, "Dice (%)", "%", True,
        "twice the overlap over the sum of both sizes, in voxels", "0, 0, undefined", 1.0),
    "iou": Measure(lambda p: p.counts.iou, "IoU (%)", "%", True,
        "overlap over union, in voxels", "0, 0, undefined", 1.0),
    "precision": Measure(lambda p: p.counts.precision, "Precision (%)", "%", True,
        "share of the prediction that is true", "0, 0, undefined"),
    "recall": Measure(lambda p: p.counts.recall, "Recall (%)", "%", True,
        "share of the target that is found", "0, undefined, undefined"),
    "false_positive_rate": Measure(lambda p: p.counts.false_positive_rate, "FPR (%)", "%", False,
        "share of the target's background that is predicted", "0, defined, 0"),
    "volume_ratio": Measure(lambda p: p.counts.volume_ratio, "Volume ratio", "", None,
        "volume of the prediction over that of the target", "0, undefined, undefined"),
    "cldice": Measure(lambda p: p.along_lines.cldice, "clDice (%)", "%", True,
        "harmonic mean of topology precision and sensitivity, hard skeletons",
        "0, 0, undefined", 1.0),
    "topology_precision": Measure(
        lambda p: p.along_lines.topology_precision, "Centre line true (%)", "%", True,
        "share of the prediction's skeleton inside the target", "0, 0, undefined"),
    "topology_sensitivity": Measure(
        lambda p: p.along_lines.topology_sensitivity, "Centre line found (%)", "%", True,
        "share of the target's skeleton inside the prediction", "0, undefined, undefined"),
    "centerline_f1": Measure(
        lambda p: line_f1(p.lines, p.spacing), "Centre-line F1 (%)", "%", True,
        "harmonic mean of the shares of each skeleton within 2 mm of the other",
        "0, 0, undefined", 1.0),
    "hallucination_rate": Measure(
        lambda p: share_beyond(p.pred, p.target, p.spacing), "Hallucinated (%)", "%", False,
        "share of the prediction further than 2 mm from the target", "0, 1, undefined", 0.0),
    "dice_small": _calibre_measure(0, "below 5 mm"),
    "dice_medium": _calibre_measure(1, "from 5 to below 10 mm"),
    "dice_large": _calibre_measure(2, "of 10 mm and more"),
    "hausdorff": Measure(lambda p: s.hausdorff() if (s := p.surfaces()) else NAN, "HD", "mm", False,
        "largest distance between the surfaces, in mm", UNDEFINED),
    "hd95": hd95_measure("max", "HD95",
        "the larger of the two directed 95th percentiles of surface distances"),
    "hd95_pooled": hd95_measure("pooled", "HD95, pooled",
        "95th percentile of both directed lists of surface distances together"),
    "hd95_area": hd95_measure("area", "HD95, by area",
        "the larger of the two directed 95th percentiles of surface distances, by area"),
    "assd": Measure(lambda p: s.mean() if (s := p.surfaces()) else NAN, "ASSD", "mm", False,
        "mean of both lists of surface distances together, in mm", UNDEFINED),
    "average_hausdorff": Measure(lambda p: p.volumes.average("mean"), "AHD", "mm", False,
        "mean distance of all voxels of one mask from the other, mean of both directions, in mm",
        UNDEFINED),
    "average_hausdorff_max": Measure(lambda p: p.volumes.average("max"), "AHD, max", "mm", False,
        "mean distance of all voxels of one mask from the other, larger direction, in mm",
        UNDEFINED),
    "betti_error_0": Measure(lambda p: float(p.betti.errors[0]), "β₀ error", "", False,
        "absolute error in the number of pieces (8 or 26 neighbours)", "defined"),
    "betti_error_1": Measure(lambda p: float(p.betti.errors[1]), "β₁ error", "", False,
        "absolute error in the number of loops or tunnels", "defined"),
    "betti_error_2": Measure(
        lambda p: float(p.betti.errors[2]) if p.pred.ndim == 3 else NAN, "β₂ error", "", False,
        "absolute error in the number of cavities", "defined", needs_volume=True),
    "betti_difference_0": Measure(lambda p: float(p.betti.signed_0), "β₀ difference", "", None,
        "pieces of the prediction less pieces of the target (8 or 26 neighbours)", "defined"),
    "tree_length_detected": Measure(lambda p: p.branches.tree_length_share, "TLD (%)", "%", True,
        "share of the skeleton of the target's largest component inside the prediction (ATM'22)",
        "0, undefined, undefined"),
    "branches_detected": Measure(lambda p: p.branches.branch_share, "BD (%)", "%", True,
        "share of that component's branches with 80 % of their skeleton inside the prediction",
        "0, undefined, undefined"),
    "tree_length_detected_largest": Measure(
        lambda p: p.branches_of_largest.tree_length_share, "TLD, largest piece (%)", "%", True,
        "tree length detected by the largest component of the prediction",
        "0, undefined, undefined"),
    "branches_detected_largest": Measure(
        lambda p: p.branches_of_largest.branch_share, "BD, largest piece (%)", "%", True,
        "branches detected by the largest component of the prediction",
        "0, undefined, undefined"),
}
# fmt: on


def hd95_name(definition: str) -> str:
    """``hd95``, ``hd95_pooled`` or ``hd95_area``."""
    return "hd95" if definition == "max" else f"hd95_{definition}"


def nsd_name(tolerance_mm: float, definition: str) -> str:
    """For instance ``nsd_1mm`` or ``nsd_0.5mm_area``."""
    return f"nsd_{tolerance_mm:g}mm" + ("" if definition == "count" else f"_{definition}")


def measures_of(
    hd95: Sequence[str], tolerances_mm: Sequence[float], nsd: Sequence[str], axes: int
) -> dict[str, Measure]:
    """The catalogue for masks of 2 or 3 axes, with the HD95 and NSD that are asked for."""
    asked = {hd95_name(definition) for definition in hd95}
    chosen = {
        name: measure
        for name, measure in MEASURES.items()
        if not (name.startswith("hd95") and name not in asked)
        and not (measure.needs_volume and axes == 2)
    }
    return chosen | {nsd_name(t, d): nsd_measure(t, d) for d in nsd for t in tolerances_mm}
