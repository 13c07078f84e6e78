"""A recipe: everything that decides the numbers of one cell of one result table."""

import dataclasses
import hashlib
import json
from typing import Any, Literal

from tubekit.experiments.evaluate import DEFAULT
from tubekit.types import Spec

Profile = Literal["smoke", "laptop", "full"]
# What a run is called and what is measured after it; none of it changes the trained network.
_NAMES = ("chapter", "table", "data_name", "method", "profile", "seeds", "metrics", "deviations")
PROFILES: tuple[Profile, ...] = ("smoke", "laptop", "full")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """One training run, except for its seed.

    Attributes:
        chapter: folder of the records, e.g. ``"skeleton_recall"``.
        table: what the run is for, e.g. ``"table-2"``.
        data_name: row group, e.g. ``"retina"``.
        method: column or row, e.g. ``"srl"``.
        data: builds a ``Split`` when called with ``seed``.
        network: builds the network.
        loss: builds the loss.
        optimizer: builds an optimiser when called with the parameters.
        patch_size: voxels per axis, array order.
        seeds: one run each; with cross-validation, seed s also tests fold s.
        foreground_fraction: share of patches centred on a foreground voxel.
        mirror_axes: spatial axes that may be flipped; () for labels that know left from right.
        overlap: share of a test window that the next one repeats.
        metrics: measured on the test cases, keys of ``evaluate.MEASURES``.
        maps_when: compute target maps on the augmented patch, or once per case.
        deviations: every known difference from the paper's protocol, in words.
    """

    chapter: str
    table: str
    data_name: str
    method: str
    profile: Profile
    data: Spec
    network: Spec
    loss: Spec
    optimizer: Spec
    steps: int
    batch_size: int
    patch_size: tuple[int, ...]
    seeds: tuple[int, ...] = (0, 1, 2)
    foreground_fraction: float = 1 / 3
    mirror_axes: tuple[int, ...] | None = None
    maps_when: Literal["patch", "case"] = "case"
    validations: int = 3
    overlap: float = 0.5
    metrics: tuple[str, ...] = DEFAULT
    deviations: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return f"{self.table}/{self.data_name}/{self.method}"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready content; Specs become their dictionaries."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {k: v.to_dict() if isinstance(v, Spec) else v for k, v in values.items()}

    @property
    def digest(self) -> str:
        """SHA-256 of what decides the numbers: everything but names, seeds and remarks."""
        content = self.to_dict()
        for name in _NAMES:
            del content[name]
        content["max_seconds"] = None  # a bound by the clock that records were made without
        if self.overlap == 0.5:  # records made before it could be chosen keep their digest
            del content["overlap"]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def shortened(self, *, steps: int) -> "Recipe":
        """The same recipe for fewer steps, with the difference written among the deviations."""
        if steps < 1 or steps > self.steps:
            raise ValueError(
                f"steps must lie in 1..{self.steps} for {self.id} ({self.profile}), got {steps}; "
                "a shortened run cannot be longer than its recipe"
            )
        if steps == self.steps:
            return self
        note = f"{steps:,} of the {self.steps:,} steps"
        return dataclasses.replace(self, steps=steps, deviations=(*self.deviations, note))
