"""What happens to an image before a network sees it: one object for training and prediction."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float32

from tubekit import _check
from tubekit._accept import taking_numbers
from tubekit.data import clip_window, normalise, resample, with_vesselness
from tubekit.data.preprocess import resample_onto
from tubekit.types import Case, Spacing

POLARITIES = ("bright", "dark")


@taking_numbers
@dataclasses.dataclass(frozen=True)
class Preparation:
    """Window, grid, vesselness, normalisation: in this order, and the same for every image.

    Attributes:
        dimensions: 2 or 3 spatial axes.
        channels: of the image as read.
        window: lowest and highest intensity to keep; ``None`` for all.
        spacing: millimetres per voxel to resample to, array order; ``None`` keeps the image's.
        scale: factor on the number of voxels per axis, instead of ``spacing``; 1 keeps the grid.
        vesselness: ``"bright"`` or ``"dark"`` tubes get a channel of their own; ``None`` adds none.
        sigmas_mm: scales of the vesselness, about the radii of the tubes.
    Raises:
        ValueError: a value out of range, or ``spacing`` together with ``scale``.

    Example:
        >>> from tubekit.own import Preparation
        >>> Preparation(dimensions=2, channels=3, scale=0.5, vesselness="dark").inputs
        4
    """

    dimensions: int
    channels: int
    window: tuple[float, float] | None = None
    spacing: Spacing | None = None
    scale: float = 1.0
    vesselness: str | None = None
    sigmas_mm: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        check_grid(self.spacing, self.scale)
        _check.option("dimensions", self.dimensions, (2, 3))
        _check.option("vesselness", self.vesselness, (None, *POLARITIES))
        if self.spacing is not None:
            _check.millimetres(self.spacing, self.dimensions)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Preparation":
        """Inverse of ``dataclasses.asdict``, also after a way through JSON."""
        made: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in values.items()
        }
        return cls(**made)

    @property
    def inputs(self) -> int:
        """Channels that the network sees."""
        return self.channels + (self.vesselness is not None)

    def check(self, shape: tuple[int, ...], spacing: Spacing | None) -> None:
        """Raise ValueError unless an image can be prepared.

        Args:
            shape: of the image as read, (c *s).
            spacing: as the file states it; ``None`` where it does not.
        """
        kind = "colour image" if self.channels == 3 else "image"
        if len(shape) != self.dimensions + 1 or shape[0] != self.channels:
            raise ValueError(
                f"expected a {self.dimensions}-D {kind} with {self.channels} channel(s), got "
                f"{len(shape) - 1} axes and {shape[0]} channel(s); convert the image, or "
                "train a model for such images"
            )
        if self.spacing is not None and spacing is None:
            raise ValueError(
                f"expected a voxel size in the image, since the images are resampled to "
                f"{self.spacing} mm, got none; store it as NIfTI"
            )

    def apply(self, case: Case) -> Case:
        """The case on the network's grid, with all channels; ``input`` also normalises."""
        if self.window is not None:
            case = clip_window(case, *self.window)
        case = resample(case, self._target(case))
        if self.vesselness is None:
            return case
        return with_vesselness(
            case,
            sigmas_mm=self.sigmas_mm,
            bright=self.vesselness == "bright",
            # Green shows vessels best in photographs; else the only or first channel.
            channel=1 if self.channels == 3 else 0,
        )

    def input(self, case: Case) -> Float32[np.ndarray, "c *s"]:
        """What the network sees; the sampler of the training does the same to ``apply``."""
        return normalise(self.apply(case))

    def back(self, probs: Float32[np.ndarray, "k *p"], case: Case) -> Float32[np.ndarray, "k *s"]:
        """Probabilities on the network's grid to the grid of the case as read."""
        return resample_onto(probs, self._target(case), case)

    def _target(self, case: Case) -> Spacing:
        if self.spacing is not None:
            return self.spacing
        return tuple(side / self.scale for side in case.spacing)


def check_grid(spacing: Spacing | None, scale: float) -> None:
    """Raise ValueError unless at most one of spacing and scale is chosen, and the scale fits."""
    if not 0.05 <= scale <= 4:
        raise ValueError(f"scale must lie in 0.05..4, got {scale}; 0.5 halves each side")
    if spacing is not None and scale != 1:
        raise ValueError(
            f"expected a spacing or a scale, got {spacing} and {scale}; leave one of them out"
        )
