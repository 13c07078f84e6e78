"""All metrics of one pair of masks, with skeletons, surfaces and Betti numbers computed once."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool

from tubekit import _check
from tubekit._html import table
from tubekit.metrics.branches import branch_report, reference_tree
from tubekit.metrics.calibre import CALIBRES, calibre_scores
from tubekit.metrics.cases import Labels, over_classes
from tubekit.metrics.centerline import centerline_scores, centerlines, line_f1
from tubekit.metrics.definitions import definitions_of, hd95_name, nsd_name
from tubekit.metrics.hallucination import share_beyond
from tubekit.metrics.overlap import counts
from tubekit.metrics.pair import joint_box, mask_pair
from tubekit.metrics.surface import HD95_DEFINITIONS, NSD_DEFINITIONS, check_tolerance
from tubekit.metrics.surface_distance import surface_distances
from tubekit.metrics.topology import betti_errors
from tubekit.metrics.volume_distance import volume_distances
from tubekit.types import Spacing


@dataclasses.dataclass(frozen=True)
class CaseReport:
    """Every metric of one case, and what the numbers mean.

    Attributes:
        values: name to value, NaN where undefined; with several classes ``dice/1``, ``dice/mean``
            and so on, as ``evaluate_case`` names them.
        spacing: mm per voxel in array order, as used.
        definitions: what each metric is.
        policy: its value when the prediction, the target, or both are empty.
    """

    values: dict[str, float]
    spacing: Spacing
    definitions: dict[str, str]
    policy: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """JSON values; undefined metrics are None."""
        content = dataclasses.asdict(self) | {"spacing": list(self.spacing)}
        content["values"] = {k: None if np.isnan(v) else v for k, v in self.values.items()}
        return content

    def __str__(self) -> str:
        width = max(map(len, self.values), default=0)
        lines = [f"{name:<{width}}  {_shown(value):>9}" for name, value in self.values.items()]
        grid = " x ".join(f"{s:g}" for s in self.spacing)
        lines += [
            "",
            f"Voxels of {grid} mm. Definitions (when prediction, target, both are empty):",
        ]
        lines += [
            f"{name}: {text} ({self.policy[name]})" for name, text in self.definitions.items()
        ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = []
        for name, value in self.values.items():
            base = name.partition("/")[0]
            rows.append((name, _shown(value), self.definitions[base], self.policy[base]))
        grid = " × ".join(f"{s:g}" for s in self.spacing)
        return table(
            f"Metrics of one case, voxels of {grid} mm; "
            "last column: prediction, target, both empty",
            ("metric", "value", "definition", "if empty"),
            rows,
        ).text


class _Asked(NamedTuple):
    spacing: Spacing
    tolerances_mm: tuple[float, ...]
    hd95: tuple[str, ...]
    nsd: tuple[str, ...]


def case_report(
    pred: Labels,
    target: Labels,
    *,
    spacing: Spacing | None = None,
    tolerances_mm: Sequence[float] = (1.0,),
    classes: int = 1,
    hd95: Sequence[str] = ("max",),
    nsd: Sequence[str] = ("count",),
) -> CaseReport:
    """Measure a prediction in every way at once, in the joint box of both masks.

    The numbers are those of the single functions, to the last digit.

    Args:
        pred: labels, (y, x) or (z, y, x), 0 = background; with one class any binary mask.
        target: true labels on the same grid.
        spacing: mm per voxel in array order; ``None`` means 1.
        tolerances_mm: of the surface Dice, one number each.
        classes: number of foreground classes.
        hd95: definitions of ``tubekit.metrics.hd95``.
        nsd: definitions of ``tubekit.metrics.nsd``.
    Raises:
        ValueError: labels outside 0..classes, different shapes, a bad spacing or tolerance, or an
            unknown definition.
    """
    for names, allowed in ((hd95, HD95_DEFINITIONS), (nsd, NSD_DEFINITIONS)):
        for name in names:
            _check.option("definition", name, allowed)
    for tolerance in tolerances_mm:
        check_tolerance(tolerance)
    if classes == 1:
        pred, target, steps = mask_pair(pred, target, spacing)
    else:
        for name, labels in (("pred", pred), ("target", target)):
            _check.integer_classes(name, labels, classes + 1)
            _check.dimensions(name, labels, (2, 3))
        _check.same_shape(pred=pred, target=target)
        steps = _check.spacing(spacing, pred.ndim)
    asked = _Asked(steps, tuple(tolerances_mm), tuple(hd95), tuple(nsd))
    box = joint_box(pred, target)
    beyond = pred.size - pred[box].size

    def measure(one: np.ndarray, other: np.ndarray) -> dict[str, float]:
        return _measure(one, other, beyond, asked)

    values = over_classes(pred[box], target[box], classes, measure)
    known = definitions_of(asked.hd95, asked.tolerances_mm, asked.nsd)
    used = list(dict.fromkeys(name.partition("/")[0] for name in values))
    return CaseReport(
        values,
        steps,
        {name: known[name].text for name in used},
        {name: known[name].empty for name in used},
    )


def _measure(
    pred: Bool[np.ndarray, "*s"], target: Bool[np.ndarray, "*s"], beyond: int, asked: _Asked
) -> dict[str, float]:
    """All values of one pair cut out of an image with ``beyond`` more voxels of background."""
    table = counts(pred, target)
    table = table._replace(true_negative=table.true_negative + beyond)
    lines = centerlines(pred, target)
    by_calibre = calibre_scores(pred, target, lines.target, asked.spacing)
    apart = volume_distances(pred, target, asked.spacing)
    betti = betti_errors(pred, target)
    return {
        "dice": table.dice,
        "iou": table.iou,
        "precision": table.precision,
        "recall": table.recall,
        "false_positive_rate": table.false_positive_rate,
        "volume_ratio": table.volume_ratio,
        **centerline_scores(pred, target, lines)._asdict(),
        "centerline_f1": line_f1(lines, asked.spacing),
        "hallucination_rate": share_beyond(pred, target, asked.spacing),
        **{f"dice_{k}": v for k, v in zip(CALIBRES, by_calibre, strict=True)},
        **_surface_values(pred, target, asked),
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
    pred: Bool[np.ndarray, "*s"], target: Bool[np.ndarray, "*s"], asked: _Asked
) -> dict[str, float]:
    """Surface metrics from one list of distances, and one more where areas are asked for."""
    found, true = bool(pred.any()), bool(target.any())
    if not (found and true):
        missing = dict.fromkeys(("hausdorff", *map(hd95_name, asked.hd95), "assd"), float("nan"))
        names = [nsd_name(t, d) for d in asked.nsd for t in asked.tolerances_mm]
        return missing | dict.fromkeys(names, float(found == true))
    plain = surface_distances(pred, target, asked.spacing)
    values = {"hausdorff": plain.hausdorff()}
    sized = plain
    if "area" in (*asked.hd95, *asked.nsd):
        sized = surface_distances(pred, target, asked.spacing, weighted=True)
    for definition in asked.hd95:
        lists = sized if definition == "area" else plain
        values[hd95_name(definition)] = lists.percentile(95, definition)
    values["assd"] = plain.mean()
    for definition in asked.nsd:
        lists = sized if definition == "area" else plain
        for tolerance in asked.tolerances_mm:
            values[nsd_name(tolerance, definition)] = lists.within(tolerance)
    return values


def _shown(value: float) -> str:
    return "undefined" if np.isnan(value) else f"{value:.4g}"
