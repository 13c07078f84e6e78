"""Layers for a viewer, as plain data that needs no viewer."""

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from tubekit import _accept, _check
from tubekit._accept import SpacingLike
from tubekit.types import Spacing


@dataclasses.dataclass(frozen=True, eq=False)
class Layer:
    """One layer of a viewer.

    Attributes:
        name: shown in the viewer's list.
        kind: ``"image"`` (grey), ``"labels"`` (integers, 0 = background) or ``"points"`` (n d) in
            voxels.
        data: the array, (y x) or (z y x) for images and labels.
        spacing: millimetres per voxel in array order; ``None`` means 1.
    Raises:
        ValueError: an unknown kind, data of another shape or type than the kind needs, or a
            spacing that does not fit.
    Example:
        >>> Layer("liver", "labels", np.ones((4, 5, 6), np.uint8), spacing=[2.0, 1.0, 1.0]).axes
        3
    """

    name: str
    kind: Literal["image", "labels", "points"]
    data: Any  # an array of any kind, a plain one behind the door
    spacing: SpacingLike | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "data", _accept.array(self.name, self.data))
        _check.option("kind", self.kind, ("image", "labels", "points"))
        _check.dimensions(self.name, self.data, (2,) if self.kind == "points" else (2, 3))
        _check.spacing(self.spacing, self.axes)
        if self.kind == "labels" and self.data.dtype.kind not in "iub":
            raise ValueError(
                f"labels of layer {self.name} must be integers, got {self.data.dtype}; "
                "cast them, or make it an image layer"
            )

    @property
    def axes(self) -> int:
        """Number of spatial axes."""
        return self.data.shape[1] if self.kind == "points" else self.data.ndim

    @property
    def scale(self) -> Spacing:
        """Spacing, with 1 where none was given."""
        return _check.spacing(self.spacing, self.axes)


def middle_and_extent(layers: Sequence[Layer]) -> tuple[Float[np.ndarray, "d"], float]:
    """Middle and diagonal (mm) of the box that holds all layers."""
    low, high = [], []
    for layer in layers:
        points = layer.kind == "points"
        last = layer.data.max(axis=0) if points else np.array(layer.data.shape) - 1
        first = layer.data.min(axis=0) if points else np.zeros(layer.axes)
        low.append(first * np.array(layer.scale))
        high.append(last * np.array(layer.scale))
    bottom, top = np.min(low, axis=0), np.max(high, axis=0)
    return (bottom + top) / 2, float(np.linalg.norm(top - bottom))
