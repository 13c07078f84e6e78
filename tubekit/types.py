"""The few types that cross file borders: Spacing, Case, SegOutput, Spec."""

import dataclasses
from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float32, Float64, Integer, Shaped

from tubekit import _check
from tubekit._accept import Array, SpacingLike, Whole, array, classes, whole
from tubekit._output import SegOutput
from tubekit._spec import Spec

__all__ = ["Affine", "Case", "Placed", "SegOutput", "Spacing", "Spec"]

Spacing = tuple[float, ...]
"""Voxel size in millimetres (2-D photographs: 1.0) in ARRAY order, (z, y, x), never (x, y, z)."""

Affine = Float64[np.ndarray, "rows_and_1 rows_and_1"]
"""Index in ARRAY order (z, y, x, 1) to the place in millimetres (x, y, z, 1), to the right, front
and top of the patient (RAS+)."""

_IGNORED = 255


class Placed(tuple[float, ...]):
    """A spacing as a header states it, which also knows where the grid lies.

    Equal to the plain tuple. It travels from ``read_image`` to ``write_label``, so that a label map
    lies where its image lies.

    Attributes:
        iterable: the millimetres, one per axis.
        affine: of the grid; ``None`` where the header states a voxel size, but no place.

    Example:
        >>> Placed.of((2.0, 1.0, 1.0), np.eye(4)) == (2.0, 1.0, 1.0)
        True
    """

    affine: Affine | None

    @classmethod
    def of(cls, spacing: Spacing, affine: Affine | None) -> "Placed":
        made = cls(spacing)
        made.affine = affine
        return made


@dataclasses.dataclass(frozen=True, eq=False, init=False)
class Case:
    """One patient or image on one grid; readers return it as published.

    Arrays may be tensors, memory maps and so on; what the case holds is plain.

    Attributes:
        id: unique within its data set, e.g. ``"Image_01L"``.
        image: float32, channels first, intensities as in the file; other numbers become float32.
        label: integer classes, 0 = background; ``None`` where no label is published. 255 where
            ``valid`` is False is what label tools write for "ignore"; it becomes 0.
        spacing: millimetres per voxel in array order, one per spatial axis.
        valid: True inside the field of view; ``None`` means everywhere.
        derived: how many of the last image channels are computed maps in [0, 1], such as
            vesselness; they are neither normalised nor changed in brightness.
        affine: where the grid lies, as ``Affine`` says; ``None`` where nothing is known, as for
            photographs. A ``Placed`` spacing brings its own.
        maps: further maps (*s) by name, such as pseudo-labels and how far to trust them: cut and
            turned like a label. Whole numbers are classes, float32 is interpolated on a new grid.
    Raises:
        ValueError: image, label, valid, maps, spacing and affine do not describe one grid, or more
            derived channels than channels; a label of fractions, a ``valid`` that is not binary.

    Example:
        >>> import numpy as np
        >>> case = Case("a", np.zeros((1, 4, 6)), np.eye(4, 6, dtype=np.uint8), (0.5, 0.5))
        >>> case.image.dtype.name, int(case.label.sum())
        ('float32', 4)
    """

    id: str
    image: Float32[np.ndarray, "c *s"]
    label: Integer[np.ndarray, "*s"] | None
    spacing: Spacing
    valid: Bool[np.ndarray, "*s"] | None = None
    derived: int = 0
    affine: Affine | None = None
    maps: Mapping[str, Shaped[np.ndarray, "*s"]] = dataclasses.field(default_factory=dict)

    def __init__(
        self,
        id: str,
        image: Shaped[Array, "c *s"],
        label: Shaped[Array, "*s"] | None,
        spacing: SpacingLike,
        valid: Shaped[Array, "*s"] | None = None,
        derived: Whole = 0,
        affine: Affine | None = None,
        maps: Mapping[str, Shaped[Array, "*s"]] | None = None,
    ) -> None:
        # From here on the two go separate ways: what moves the grid must say so of both.
        if isinstance(spacing, Placed) and affine is None:
            affine = spacing.affine
        with _check.about(f"case {id}"):
            image = array("image", image).astype(np.float32, copy=False)
            grid, channels = image.shape[1:], image.shape[0]
            label = None if label is None else _as_label(classes("label", label))
            valid = None if valid is None else _check.binary("valid", array("valid", valid))
            count = whole("derived", derived, at_least=0)
            further = {name: _as_map(name, values) for name, values in (maps or {}).items()}
        for name, given in {"label": label, "valid": valid, **further}.items():
            if given is not None and given.shape != grid:
                raise ValueError(
                    f"case {id}: {name} must lie on the image's grid: expected shape {grid}, "
                    f"got {given.shape}; check that image and {name} belong together"
                )
        with _check.about(f"case {id}"):
            sides = _check.millimetres(spacing, len(grid))
            if affine is not None:
                _check.affine(affine, len(grid))
        if count > channels:
            raise ValueError(
                f"case {id}: derived must lie in 0..{channels} (the number of channels), got "
                f"{count}; count the computed maps at the end of the image"
            )
        if label is not None and valid is not None:
            label = _without_ignored(label, valid)
        values = (id, image, label, sides, valid, count, affine, further)
        for field, value in zip(dataclasses.fields(self), values, strict=True):
            object.__setattr__(self, field.name, value)


def _as_label(label: np.ndarray) -> np.ndarray:
    """A mask of True and False is a label of one class; fractions are none."""
    return label.view(np.uint8) if label.dtype == bool else label


def _as_map(name: str, values: Shaped[Array, "*s"]) -> np.ndarray:
    plain = array(name, values)
    return plain if plain.dtype.kind in "iu" else plain.astype(np.float32, copy=False)


def _without_ignored(label: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """No class is 255 where nobody looks."""
    ignored = (label == _IGNORED) & ~valid
    return np.where(ignored, label.dtype.type(0), label) if ignored.any() else label
