"""What is asked of a training; equal settings and equal files give equal networks."""

import dataclasses
import math
import re

from tubekit import _check
from tubekit._accept import taking_numbers
from tubekit.own.choices import LOSSES, NETWORKS
from tubekit.own.preparation import POLARITIES, check_grid
from tubekit.types import Spacing

STEPS = 1000
# Where time is the limit the number of steps is not known; no machine gets this far.
MANY = 1_000_000


@taking_numbers
@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """Arguments of ``train``, each with the name that it has on the command line.

    Attributes:
        loss: one of ``tubekit.own.choices.LOSSES``.
        network: one of ``tubekit.own.choices.NETWORKS``.
        steps: optimiser steps; ``None`` means 1000, or no limit with ``minutes``.
        minutes: of training; the learning rate is then constant, since nobody knows the end.
        validation: share of the patients that select the weights; 0 for none.
        group_pattern: regular expression with one group, which finds the patient in a file's
            name; ``None`` takes every image for a patient of its own.
        scale, spacing, window, vesselness: see ``Preparation``.
        patch: voxels per axis that the network sees at once, or one number for all axes.
        width: channels of the finest level of the network.
        batch: patches per step; ``None`` means 4 in 2-D and 2 in 3-D.
        rate: learning rate of AdamW.
        mirror: flip and turn patches; not for classes that know left from right.
        seed: of split, weights and patches.
    Raises:
        ValueError: an unknown name or a value out of range.

    Example:
        >>> from tubekit.own import Settings
        >>> Settings(loss="srl", steps=200).last_step
        200
    """

    loss: str = "dice_ce"
    network: str = "unet"
    steps: int | None = None
    minutes: float | None = None
    validation: float = 0.2
    group_pattern: str | None = None
    scale: float = 1.0
    spacing: Spacing | None = None
    window: tuple[float, float] | None = None
    vesselness: str | None = None
    patch: int | tuple[int, ...] | None = None
    width: int = 32
    batch: int | None = None
    rate: float = 1e-3
    mirror: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        _check.option("loss", self.loss, list(LOSSES))
        _check.option("network", self.network, NETWORKS)
        _check.option("vesselness", self.vesselness, (None, *POLARITIES))
        check_grid(self.spacing, self.scale)
        if self.steps is not None and self.minutes is not None:
            raise ValueError(
                f"expected steps or minutes, got {self.steps} and {self.minutes}; leave one out"
            )
        patch = (self.patch,) if isinstance(self.patch, int) else self.patch or ()
        positive = {"steps": self.steps, "minutes": self.minutes, "width": self.width}
        positive |= {"batch": self.batch, "rate": self.rate}
        positive |= {f"patch[{axis}]": side for axis, side in enumerate(patch)}
        for name, value in positive.items():
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be positive, got {value}; leave it out if unsure")
        if not 0 <= self.validation < 1:
            raise ValueError(
                f"validation must lie in [0, 1), got {self.validation}; 0.2 is usual, 0 is none"
            )
        if self.window is not None and not self.window[0] < self.window[1]:
            raise ValueError(f"expected a window LOW HIGH with LOW < HIGH, got {self.window}")
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"seed must lie in 0..{2**32 - 1}, got {self.seed}; choose another")
        if self.group_pattern is not None:
            _check_pattern(self.group_pattern)

    @property
    def last_step(self) -> int:
        """Steps after which training ends, whatever the time."""
        return MANY if self.minutes is not None else self.steps or STEPS


def _check_pattern(pattern: str) -> None:
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise ValueError(
            f"expected a regular expression, got {pattern!r} ({error}); '^([0-9]+)_' finds the "
            "patient 12 in 12_left"
        ) from error
    if groups != 1:
        raise ValueError(
            f"expected one group in the pattern, got {groups} in {pattern!r}; put brackets around "
            "what names the patient, as in '^([0-9]+)_'"
        )
