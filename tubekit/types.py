"""The few types that cross file borders: Spacing, Case, SegOutput, Spec."""

import dataclasses
import hashlib
import importlib
import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Float64, Integer

from tubekit import _check
from tubekit._output import SegOutput as SegOutput

Spacing = tuple[float, ...]
"""Voxel size in millimetres (2-D photographs: 1.0) in ARRAY order, (z, y, x), never (x, y, z)."""

Affine = Float64[np.ndarray, "rows_and_1 rows_and_1"]
"""Index in ARRAY order (z, y, x, 1) to the place in millimetres (x, y, z, 1), to the right, front
and top of the patient (RAS+)."""

# A specification read from a file may name only these packages.
TRUSTED_PACKAGES = ("tubekit", "torch")


class Placed(tuple[float, ...]):
    """A spacing as a header states it, which also knows where the grid lies.

    Equal to the plain tuple. It travels from ``read_image`` to ``write_label``, so that a label map
    lies where its image lies.

    Attributes:
        affine: of the grid; ``None`` where the header states a voxel size, but no place.
    """

    affine: Affine | None

    @classmethod
    def of(cls, spacing: Spacing, affine: Affine | None) -> "Placed":
        made = cls(spacing)
        made.affine = affine
        return made


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
    """One patient or image on one grid; readers return it as published.

    Attributes:
        id: unique within its data set, e.g. ``"Image_01L"``.
        image: float32, channels first, intensities as in the file.
        label: integer classes, 0 = background; ``None`` where no label is published.
        spacing: millimetres per voxel in array order, one per spatial axis.
        valid: True inside the field of view; ``None`` means everywhere.
        derived: how many of the last image channels are computed maps in [0, 1], such as
            vesselness; they are neither normalised nor changed in brightness.
        affine: where the grid lies, as ``Affine`` says; ``None`` where nothing is known, as for
            photographs. A ``Placed`` spacing brings its own.
    Raises:
        ValueError: image, label, valid, spacing and affine do not describe one grid, or more
            derived channels than channels.
    """

    id: str
    image: Float32[np.ndarray, "c *s"]
    label: Integer[np.ndarray, "*s"] | None
    spacing: Spacing
    valid: Bool[np.ndarray, "*s"] | None = None
    derived: int = 0
    affine: Affine | None = None

    def __post_init__(self) -> None:
        if isinstance(self.spacing, Placed):
            # From here on the two go separate ways: what moves the grid must say so of both.
            if self.affine is None:
                object.__setattr__(self, "affine", self.spacing.affine)
            object.__setattr__(self, "spacing", tuple(self.spacing))
        grid = self.image.shape[1:]
        for name in ("label", "valid"):
            array = getattr(self, name)
            if array is not None and array.shape != grid:
                raise ValueError(
                    f"case {self.id}: {name} must lie on the image's grid: expected shape {grid}, "
                    f"got {array.shape}; check that image and {name} belong together"
                )
        with _check.about(f"case {self.id}"):
            _check.millimetres(self.spacing, len(grid))
            if self.affine is not None:
                _check.affine(self.affine, len(grid))
        channels = self.image.shape[0]
        if not (isinstance(self.derived, int) and 0 <= self.derived <= channels):
            raise ValueError(
                f"case {self.id}: derived must lie in 0..{channels} (the number of channels), got "
                f"{self.derived}; count the computed maps at the end of the image"
            )


class Spec:
    """A class or function and its keyword arguments, checked now and called later.

    ``Spec(Dice, smooth=1)`` fails at once when ``Dice`` has no argument ``smooth``; it hashes,
    compares and serialises by content, so that it can name a run.

    Args:
        target: importable class or function; its module must be below ``TRUSTED_PACKAGES``.
        **kwargs: JSON values, other Specs, or lists of these.
    Raises:
        TypeError: an argument the target does not have, or a value that cannot be serialised.
    """

    def __init__(self, target: Callable[..., Any], /, **kwargs: Any) -> None:
        self.target = target
        self.kwargs = kwargs
        accepted = inspect.signature(target).parameters
        if not any(p.kind is p.VAR_KEYWORD for p in accepted.values()):
            unknown = sorted(set(kwargs) - set(accepted))
            if unknown:
                raise TypeError(
                    f"{target.__qualname__} has no argument {', '.join(unknown)}; "
                    f"it accepts {', '.join(accepted)}"
                )
        self._text = json.dumps(self.to_dict(), sort_keys=True)

    def build(self, *args: Any, **more: Any) -> Any:
        """Call the target; nested Specs are built first. ``more`` adds what only run time knows."""
        return self.target(*args, **{k: _built(v) for k, v in self.kwargs.items()}, **more)

    def to_dict(self) -> dict[str, Any]:
        path = f"{self.target.__module__}:{self.target.__qualname__}"
        return {"target": path, "kwargs": {k: _plain(v) for k, v in self.kwargs.items()}}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Spec":
        """Inverse of ``to_dict``. Only names below ``TRUSTED_PACKAGES`` are resolved."""
        module, _, name = data["target"].partition(":")
        if module.split(".")[0] not in TRUSTED_PACKAGES or "." in name or not name:
            raise ValueError(
                f"a specification may name only {' and '.join(TRUSTED_PACKAGES)}, got "
                f"{data['target']!r}; import other code in Python and use Spec(...) there"
            )
        target = getattr(importlib.import_module(module), name)
        return cls(target, **{k: _parsed(v) for k, v in data["kwargs"].items()})

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON."""
        return hashlib.sha256(self._text.encode()).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Spec) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{k}={v!r}" for k, v in self.kwargs.items())
        return f"Spec({', '.join(filter(None, [self.target.__qualname__, arguments]))})"

    def __str__(self) -> str:
        """The call as one would write it, e.g. ``adamw(lr=0.002)``."""
        arguments = ", ".join(f"{k}={v}" for k, v in self.kwargs.items())
        return f"{self.target.__qualname__}({arguments})"


def _built(value: Any) -> Any:
    if isinstance(value, Spec):
        return value.build()
    if isinstance(value, (list, tuple)):
        return type(value)(_built(v) for v in value)
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, Spec):
        return value.to_dict()
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(
        f"a Spec holds JSON values, Specs and lists of them, got {type(value).__name__} {value!r}"
    )


def _parsed(value: Any) -> Any:
    if isinstance(value, dict):
        return Spec.from_dict(value)
    if isinstance(value, list):
        return tuple(_parsed(v) for v in value)
    return value
