"""Which prediction belongs to which label, and both as class maps on one grid."""

import dataclasses
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Integer, Shaped

from tubekit import _check
from tubekit.data.decode import ReadError, Stored
from tubekit.data.encode import same_place
from tubekit.data.folders import LABELS, by_name, named_files, read_map
from tubekit.metrics.surface import check_tolerance
from tubekit.types import Affine, Spacing


@dataclasses.dataclass(frozen=True)
class Options:
    """What is asked of every case; a change of any of these computes all cases anew.

    Attributes:
        classes: number of foreground classes.
        spacing: mm per voxel in array order; ``None`` means 1, or the header's.
        from_header: take the spacing from the label file.
        tolerances_mm: of the surface Dice.
        hd95, nsd: definitions, as in ``tubekit.metrics.case_report``.
    Raises:
        ValueError: a negative tolerance or a spacing that is not positive.
    """

    classes: int = 1
    spacing: Spacing | None = None
    from_header: bool = False
    tolerances_mm: tuple[float, ...] = (1.0,)
    hd95: tuple[str, ...] = ("max",)
    nsd: tuple[str, ...] = ("count",)

    def __post_init__(self) -> None:
        for tolerance in self.tolerances_mm:
            check_tolerance(tolerance)
        if self.spacing is not None:
            _check.spacing(self.spacing, len(self.spacing))


class Pair(NamedTuple):
    """Two files of one name; the suffixes may differ."""

    name: str
    pred: Path
    label: Path


class Failure(NamedTuple):
    """A case without numbers, and why."""

    name: str
    reason: str


class ReadPair(NamedTuple):
    """Class maps on one grid."""

    pred: Integer[np.ndarray, "*s"]
    label: Integer[np.ndarray, "..."]
    spacing: Spacing


def find_pairs(predictions: Path, labels: Path) -> tuple[list[Pair], list[Failure]]:
    """Pair the files of two folders by name, without suffix.

    Returns:
        Pairs sorted by name; and files without a partner, or with more than one.
    Raises:
        ValueError: a folder is missing, or no name stands in both.
    """
    found, true = named_files(predictions), named_files(labels)
    pairs, failures = [], []
    for name, ours, theirs in by_name(found, true):
        if len(ours) == len(theirs) == 1:
            pairs.append(Pair(name, ours[0], theirs[0]))
        elif not ours:
            failures.append(Failure(name, f"no prediction for {theirs[0]}; predict it"))
        elif not theirs:
            failures.append(Failure(name, f"no label for {ours[0]}; add it or remove the file"))
        else:
            both = ", ".join(path.name for path in ours + theirs)
            failures.append(Failure(name, f"several files of one name: {both}; keep one of each"))
    if not pairs:
        raise ValueError(
            f"expected predictions and labels of the same names ({', '.join(LABELS)}), got "
            f"{len(found)} in {predictions} and {len(true)} in {labels} and none in both; "
            "rename the files"
        )
    return pairs, failures


def read_pair(pair: Pair, options: Options) -> ReadPair:
    """Read both files of a case.

    Raises:
        ReadError: a damaged file, values that are no classes, or files on different grids.
        ValueError: a spacing that does not fit the number of axes.
    """
    stored = [read_map(path) for path in (pair.pred, pair.label)]
    pred, label = (
        _classes(path, values.array, options.classes)
        for path, values in zip((pair.pred, pair.label), stored, strict=True)
    )
    if pred.shape != label.shape:
        raise ReadError(
            f"{pair.pred} and {pair.label}: expected one shape, got {pred.shape} and "
            f"{label.shape}; resample the prediction to the label's grid"
        )
    _same_place(pair, *stored)
    spacing = options.spacing
    if options.from_header:
        spacing = stored[1].spacing
        if spacing is None:
            raise ReadError(
                f"{pair.label}: expected a spacing in the header, got none in this format; "
                "pass --spacing, or neither for distances in voxels"
            )
    return ReadPair(pred, label, _check.spacing(spacing, label.ndim))


def _classes(
    path: Path, array: Shaped[np.ndarray, "*s"], classes: int
) -> Integer[np.ndarray, "*s"]:
    """Class indices; with one class a mask may be stored as 0 and 255."""
    low, high = (array.min(), array.max()) if array.size else (0, 0)
    if array.dtype.kind == "f" and np.isfinite([low, high]).all():
        fits = bool((array == np.rint(array)).all())
    else:
        fits = array.dtype.kind in "iu"
    if fits and classes == 1 and high == 255 and np.isin(array, (0, 255)).all():
        return (array == 255).astype(np.uint8)
    if not fits or low < 0 or high > classes:
        raise ReadError(
            f"{path}: expected whole numbers 0..{classes}, got values {low:g}..{high:g} of type "
            f"{array.dtype}; pass --classes, or relabel the file"
        )
    return array.astype(np.min_scalar_type(classes))


def _same_place(pair: Pair, pred: Stored, label: Stored) -> None:
    """Two files that both state a place in space must state the same."""
    if pred.affine is None or label.affine is None or same_place(pred.affine, label.affine):
        return
    raise ReadError(
        f"{pair.pred} and {pair.label}: expected one affine, got {_rows(pred.affine)} and "
        f"{_rows(label.affine)}; resample the prediction, or copy the label's header"
    )


def _rows(affine: Affine) -> str:
    """As NIfTI has it, with a column for x, y, z and the origin."""
    rows = affine[:3, [2, 1, 0, 3]]
    return "[" + "; ".join(" ".join(f"{v:g}" for v in row) for row in rows) + "]"
