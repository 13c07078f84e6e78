"""What is asked of every case, and both of its files as class maps on one grid."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, SupportsFloat

import numpy as np
from jaxtyping import Integer

from tubekit import _accept, _check
from tubekit._accept import Array, Numbers, SpacingLike, Whole
from tubekit.data.decode import ReadError, Stored
from tubekit.data.folders import read_map
from tubekit.data.placing import onto
from tubekit.evaluation.pairs import LAYOUTS, PER_CLASS, Pair
from tubekit.metrics.cases import Classes, listed_classes
from tubekit.metrics.report import Asked
from tubekit.types import Spacing


@dataclasses.dataclass(frozen=True)
class Options:
    """What is asked of every case; a change of any of these computes all cases anew.

    Attributes:
        classes: number of foreground classes.
        spacing: mm per voxel in array order; ``None`` means 1, or the header's.
        from_header: take the spacing from the label file.
        tolerances_mm: of the surface Dice.
        hd95, nsd: definitions, as in ``tubekit.metrics.case_report``.
        labels: the classes asked for, not all up to ``classes``; other values are background.
        names: names of classes by number, for tables and report.
        ignore: value of the label files whose voxels do not count.
        empty: what 0/0 is, as in ``tubekit.metrics.case_report``.
        penalty_mm: a prediction that is missing or cannot be used counts as an empty one, and
            distances are this where one mask alone is empty; ``None`` lists it without numbers.
        layout: of the folders, one of ``tubekit.evaluation.pairs.LAYOUTS``.
    Raises:
        ValueError: as ``case_report``; an ignored value that is a class; several classes where each
            has files of its own.
    """

    classes: Whole = 1
    spacing: SpacingLike | None = None
    from_header: bool = False
    tolerances_mm: Numbers = (1.0,)
    hd95: Sequence[str] = ("max",)
    nsd: Sequence[str] = ("count",)
    labels: Sequence[Whole] | Array | None = None
    names: Mapping[Any, str] = dataclasses.field(default_factory=dict)
    ignore: Whole | None = None
    empty: str = "nan"
    penalty_mm: SupportsFloat | None = None
    layout: str = "auto"

    def __post_init__(self) -> None:
        asked = Asked.of(self.tolerances_mm, self.hd95, self.nsd, self.empty, self.penalty_mm)
        sides, labels, ignore = self.spacing, self.labels, self.ignore
        if sides is not None:
            sides = _check.spacing(sides, len(sides))
        classes = _accept.whole("classes", self.classes)
        if labels is not None:
            labels = listed_classes(labels)
        if ignore is not None:
            ignore = _accept.whole("ignore", ignore, at_least=-(2**31))
            if ignore in (labels or range(classes + 1)):
                raise ValueError(
                    f"ignore must be none of the classes asked for, got {ignore}; say which it is"
                )
        _check.option("layout", self.layout, LAYOUTS)
        several = classes if labels is None else len(labels)
        if self.layout in PER_CLASS and several > 1:
            raise ValueError(
                f"expected one class in each file of the layout {self.layout}, got {several}; "
                "leave out classes, or choose the layout case"
            )
        # Plain values, which the key of a result can be made of.
        plain = {
            **asked._asdict(),
            "classes": classes,
            "spacing": sides,
            "labels": labels,
            "names": {_accept.whole("a class", k, 0): str(v) for k, v in self.names.items()},
            "ignore": ignore,
        }
        for name, value in plain.items():
            object.__setattr__(self, name, value)

    @property
    def asked(self) -> Classes:
        """The classes as ``case_report`` takes them."""
        return self.classes if self.labels is None else self.labels

    @property
    def several(self) -> bool:
        """Whether a case has several classes, each with numbers of its own, and their mean."""
        asked = self.classes if self.labels is None else len(self.labels)
        return self.layout in PER_CLASS or asked != 1


class ReadPair(NamedTuple):
    """Class maps on one grid, and what else one should know."""

    pred: Integer[np.ndarray, "*s"]
    label: Integer[np.ndarray, "..."]
    spacing: Spacing
    notes: tuple[str, ...] = ()


def read_pair(pair: Pair, options: Options) -> ReadPair:
    """Read both files of a case.

    Raises:
        ReadError: a damaged file, values that are no classes, or files on different grids.
        ValueError: a spacing that does not fit the number of axes.
    """
    stored = read_map(pair.label)
    notes: tuple[str, ...] = ()
    label = _classes(pair.label, stored.array, options, is_label=True)
    ignore = 0 if options.ignore is None else int(options.ignore)
    if label.any() and np.isin(label, (0, ignore)).all():
        notes += (f"The label holds no class, only the ignored value {ignore}.",)
    try:
        pred = _prediction(pair, label, stored, options)
    except (ValueError, OSError) as error:
        if options.penalty_mm is None:
            raise
        pred = np.zeros(label.shape, np.uint8)
        notes += (f"Counted as an empty prediction: {error}",)
    spacing = options.spacing
    if options.from_header:
        spacing = stored.spacing
        if spacing is None:
            raise ReadError(
                f"{pair.label}: expected a spacing in the header, got none in this format; "
                "pass --spacing, or neither for distances in voxels"
            )
    return ReadPair(pred, label, _check.spacing(spacing, label.ndim), notes)


def _prediction(
    pair: Pair, label: Integer[np.ndarray, "*s"], place: Stored, options: Options
) -> Integer[np.ndarray, "*s"]:
    if pair.pred is None:
        raise ReadError(f"no prediction for {pair.label}; predict it")
    stored = onto(read_map(pair.pred), place.affine, f"{pair.pred} and {pair.label}")
    pred = _classes(pair.pred, stored.array, options, is_label=False)
    if pred.shape != label.shape:
        raise ReadError(
            f"{pair.pred} and {pair.label}: expected one shape, got {pred.shape} and "
            f"{label.shape}; resample the prediction to the label's grid"
        )
    return pred


def _classes(
    path: Path, array: Integer[np.ndarray, "*s"], options: Options, *, is_label: bool
) -> Integer[np.ndarray, "*s"]:
    """Class indices and the ignored value; with one class a mask may be stored as 0 and 255."""
    ignore = options.ignore if is_label else None
    known = array if ignore is None else array[array != ignore]
    low, high = (int(known.min()), int(known.max())) if known.size else (0, 0)
    if options.asked in (1, (1,)) and high == 255 and np.isin(known, (0, 255)).all():
        array, high = np.where(array == 255, array.dtype.type(1), array), 1
    limit = high if options.labels is not None else int(options.classes)
    if low < 0 or high > limit:
        mark = ""
        if is_label and ignore is None and (low < 0 or high == 255):
            value = 255 if high == 255 else low
            mark = f"--ignore {value} where that marks unlabelled voxels, "
        raise ReadError(
            f"{path}: expected whole numbers 0..{limit}, got values {low}..{high} of type "
            f"{array.dtype}; pass --classes, {mark}or relabel the file"
        )
    return array.astype(np.min_scalar_type(high) if ignore is None else np.int32)
