"""What each number of a case report means, and what it is when a mask is empty."""

from typing import NamedTuple


class Definition(NamedTuple):
    """``empty``: value with the prediction empty, the target empty, and both."""

    text: str
    empty: str


_FIXED = {
    "dice": Definition(
        "twice the overlap over the sum of both sizes, in voxels", "0, 0, undefined"
    ),
    "iou": Definition("overlap over union, in voxels", "0, 0, undefined"),
    "precision": Definition("share of the prediction that is true", "0, 0, undefined"),
    "recall": Definition("share of the target that is found", "0, undefined, undefined"),
    "false_positive_rate": Definition(
        "share of the target's background that is predicted", "0, defined, 0"
    ),
    "volume_ratio": Definition(
        "volume of the prediction over that of the target", "0, undefined, undefined"
    ),
    "cldice": Definition(
        "harmonic mean of topology precision and sensitivity, hard skeletons", "0, 0, undefined"
    ),
    "topology_precision": Definition(
        "share of the prediction's skeleton inside the target", "0, 0, undefined"
    ),
    "topology_sensitivity": Definition(
        "share of the target's skeleton inside the prediction", "0, undefined, undefined"
    ),
    "centerline_f1": Definition(
        "harmonic mean of the shares of each skeleton within 2 mm of the other",
        "0, 0, undefined",
    ),
    "hallucination_rate": Definition(
        "share of the prediction further than 2 mm from the target", "0, 1, undefined"
    ),
    **{
        f"dice_{name}": Definition(
            f"Dice among the target's vessels with a diameter {range_}; each place goes to the "
            "vessel whose skeleton is nearest; undefined for a target without such vessels",
            "0 or undefined, undefined, undefined",
        )
        for name, range_ in (
            ("small", "below 5 mm"),
            ("medium", "from 5 to below 10 mm"),
            ("large", "of 10 mm and more"),
        )
    },
    "average_hausdorff": Definition(
        "mean distance of all voxels of one mask from the other, mean of both directions, in mm",
        "undefined, undefined, undefined",
    ),
    "average_hausdorff_max": Definition(
        "mean distance of all voxels of one mask from the other, larger direction, in mm",
        "undefined, undefined, undefined",
    ),
    "hausdorff": Definition(
        "largest distance between the surfaces, in mm", "undefined, undefined, undefined"
    ),
    "assd": Definition(
        "mean of both lists of surface distances together, in mm",
        "undefined, undefined, undefined",
    ),
    "betti_difference_0": Definition(
        "pieces of the prediction less pieces of the target (8 or 26 neighbours)", "defined"
    ),
    "betti_error_0": Definition(
        "absolute error in the number of pieces (8 or 26 neighbours)", "defined"
    ),
    "betti_error_1": Definition("absolute error in the number of loops or tunnels", "defined"),
    "betti_error_2": Definition("absolute error in the number of cavities", "defined"),
    "tree_length_detected": Definition(
        "share of the skeleton of the target's largest component inside the prediction (ATM'22)",
        "0, undefined, undefined",
    ),
    "branches_detected": Definition(
        "share of that component's branches with 80 % of their skeleton inside the prediction",
        "0, undefined, undefined",
    ),
    "tree_length_detected_largest": Definition(
        "tree length detected by the largest component of the prediction",
        "0, undefined, undefined",
    ),
    "branches_detected_largest": Definition(
        "branches detected by the largest component of the prediction", "0, undefined, undefined"
    ),
}

_AGREEMENT = {"dice": 1.0, "iou": 1.0, "cldice": 1.0, "centerline_f1": 1.0} | {
    "hallucination_rate": 0.0
}

_HD95 = {
    "max": "the larger of the two directed 95th percentiles of surface distances",
    "pooled": "95th percentile of both directed lists of surface distances together",
    "area": "the larger of the two directed 95th percentiles of surface distances, by area",
}
_NSD = {
    "count": "share of both surfaces, in surface voxels,",
    "area": "share of both surfaces, by area (2-D: length),",
}


def hd95_name(definition: str) -> str:
    """``hd95``, ``hd95_pooled`` or ``hd95_area``."""
    return "hd95" if definition == "max" else f"hd95_{definition}"


def nsd_name(tolerance_mm: float, definition: str) -> str:
    """For instance ``nsd_1mm`` or ``nsd_0.5mm_area``."""
    return f"nsd_{tolerance_mm:g}mm" + ("" if definition == "count" else f"_{definition}")


def perfect_value(name: str) -> float | None:
    """What a metric has for a perfect prediction where 0/0 may stand for one; else None."""
    return 1.0 if name.startswith("nsd_") else _AGREEMENT.get(name)


def is_distance(name: str) -> bool:
    """Whether a metric is a distance, for which one empty mask has no value."""
    return name.startswith(("hausdorff", "hd95", "assd", "average_hausdorff"))


def definitions_of(
    hd95: tuple[str, ...],
    tolerances_mm: tuple[float, ...],
    nsd: tuple[str, ...],
    empty: str = "nan",
    penalty_mm: float | None = None,
) -> dict[str, Definition]:
    """Definition of every name that a report with these options may hold."""
    undefined = "undefined, undefined, undefined"
    known = dict(_FIXED)
    known |= {hd95_name(d): Definition(f"{_HD95[d]}, in mm", undefined) for d in hd95}
    known |= {
        nsd_name(t, d): Definition(f"{_NSD[d]} within {t:g} mm of the other", "0, 0, undefined")
        for t in tolerances_mm
        for d in nsd
    }
    for name, (text, stated) in known.items():
        perfect = perfect_value(name)
        if empty == "perfect" and perfect is not None:
            known[name] = Definition(text, stated.replace("undefined", f"{perfect:g}"))
        if penalty_mm is not None and is_distance(name):
            known[name] = Definition(text, f"{penalty_mm:g}, {penalty_mm:g}, undefined")
    return known
