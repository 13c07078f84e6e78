"""The head of a report: which folders, and what was asked of them."""

from collections.abc import Sequence
from html import escape

from tubekit.evaluation.files import Options
from tubekit.evaluation.pairs import PER_CLASS

_EMPTY = {
    "nan": "undefined: counted, and left out of means (--empty nan)",
    "perfect": "counts as perfect agreement, e.g. Dice 1 (--empty perfect)",
}


def facts(
    folders: tuple[str, str],
    options: Options,
    measured: int,
    failed: int,
    ghosts: Sequence[str],
) -> str:
    """HTML of a list of terms.

    Args:
        folders: of predictions and of labels.
        options: what was asked.
        measured: number of cases with numbers.
        failed: number of cases without.
        ghosts: classes that no file holds.
    """
    if options.from_header:
        spacing = "from the header of each label"
    elif options.spacing is None:
        spacing = "not given: distances are in voxels"
    else:
        spacing = " × ".join(f"{s:g}" for s in options.spacing) + " mm, for all cases"
    without = f", {failed} without a result" if failed else ""
    rows = {
        "Predictions": folders[0],
        "Labels": folders[1],
        "Cases": f"{measured} measured{without}",
        "Classes": _asked(options),
        "Spacing": spacing,
        "Both empty": _EMPTY[options.empty],
    }
    if options.ignore is not None:
        rows["Left out"] = f"voxels whose label is {options.ignore}"
    if options.penalty_mm is not None:
        rows["Penalty"] = (
            "a prediction that is missing or cannot be used counts as empty; distances are "
            f"{options.penalty_mm:g} mm where one mask alone is empty"
        )
    if ghosts:
        told = "in no table below" if options.several else "undefined in all cases"
        rows["In no file"] = f"class {listed(ghosts)}: {told}"
    items = "".join(f"<dt>{key}</dt><dd>{escape(value)}</dd>" for key, value in rows.items())
    return f"<dl>{items}</dl>"


def _asked(options: Options) -> str:
    if options.layout in PER_CLASS:
        return "one file each"
    if options.labels is None:
        return f"{options.classes}" if options.classes == 1 else f"1 to {options.classes}"
    return f"{listed(tuple(options.labels))}; other values count as background"


def listed(names: Sequence[object], most: int = 12) -> str:
    """Names with commas between them, the first of many."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(str, names[:most])) + more
