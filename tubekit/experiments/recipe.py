"""A recipe: everything that decides the numbers of one cell of one result table."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal

from tubekit._spec import agree, plain
from tubekit.data import PatchSampler
from tubekit.experiments.evaluate import DEFAULT
from tubekit.experiments.select import mean_dice
from tubekit.inference import Windows
from tubekit.training import Supervised
from tubekit.types import Spec

Profile = Literal["smoke", "laptop", "full"]
PROFILES: tuple[Profile, ...] = ("smoke", "laptop", "full")
# What a run is called and what is measured after it; none of it changes the trained network.
_NAMES = ("chapter", "table", "data_name", "method", "profile", "seeds", "metrics", "deviations")


_MEAN_DICE = Spec(mean_dice)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stage:
    """One training of a recipe; most recipes have one.

    Attributes:
        update: builds the update when called with the network.
        sampler: builds the sampler when called with the training cases, ``maps`` and ``seed``.
        steps: of the training.
        name: of its checkpoint and in messages.
        prepare: makes the split of this stage when called with the split of the last one and a
            predictor of the network so far, e.g. with pseudo-labels in ``Case.maps``.
        select: scores the network when called with a predictor and the split; higher is better.
            ``None`` keeps the last weights.
        validations: how often it is called, evenly over the steps.
        fresh: start from new weights instead of those of the last stage.
    """

    update: Spec
    sampler: Spec
    steps: int
    name: str = "training"
    prepare: Spec | None = None
    select: Spec | None = _MEAN_DICE
    validations: int = 3
    fresh: bool = False


def supervised(
    *,
    loss: Spec,
    optimizer: Spec,
    steps: int,
    patch_size: tuple[int, ...],
    batch_size: int,
    mirror_axes: tuple[int, ...] | None = None,
    validations: int = 3,
) -> Stage:
    """The stage that most recipes consist of: patches, their labels, one loss.

    Args:
        loss: builds the loss.
        optimizer: builds an optimiser when called with the parameters.
        steps: of the training.
        patch_size: voxels per axis, array order.
        batch_size: patches per step.
        mirror_axes: spatial axes that may be flipped; () for labels that know left from right.
        validations: how often the weights are scored.
    """
    sampler = Spec(
        PatchSampler,
        patch_size=patch_size,
        batch_size=batch_size,
        mirror_axes=mirror_axes,
        when="case",
    )
    update = Spec(Supervised, loss=loss, optimizer=optimizer)
    return Stage(update=update, sampler=sampler, steps=steps, validations=validations)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """One training run, except for its seed.

    Attributes:
        chapter: folder of the records, e.g. ``"skeleton_recall"``.
        table: what the run is for, e.g. ``"table-2"``.
        data_name: row group, e.g. ``"retina"``.
        method: column or row, e.g. ``"srl"``.
        data: builds a ``Split`` when called with ``seed``.
        network: builds the network when called with ``in_channels`` and ``out_channels``; one
            module, which may hold several.
        stages: what is trained, in order; weights go on from stage to stage.
        predictor: builds a function from a case to probabilities when called with the network.
        seeds: one run each; with cross-validation, seed s also tests fold s.
        metrics: measured on the test cases, names of the catalogue.
        deviations: every known difference from the paper's protocol, in words.
        precision: ``"32-true"``, ``"bf16-mixed"``, or ``"auto"`` for what the machine is fast at.
    """

    chapter: str
    table: str
    data_name: str
    method: str
    profile: Profile
    data: Spec
    network: Spec
    stages: tuple[Stage, ...]
    predictor: Spec
    seeds: tuple[int, ...] = (0, 1, 2)
    metrics: tuple[str, ...] = DEFAULT
    deviations: tuple[str, ...] = ()
    precision: str = "auto"

    def __post_init__(self) -> None:
        names = [stage.name for stage in self.stages]
        if not names or len(set(names)) < len(names):
            raise ValueError(
                f"{self.id}: expected stages of different names, got {names}; each has a checkpoint"
            )
        if self.stages[0].prepare is not None:
            raise ValueError(
                f"{self.id}: expected no prepare in the first stage, which no network precedes, "
                "got one; let the data do it"
            )

    @property
    def id(self) -> str:
        return f"{self.table}/{self.data_name}/{self.method}"

    @property
    def steps(self) -> int:
        """Of all stages together."""
        return sum(stage.steps for stage in self.stages)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: names, and what decides the numbers."""
        return {name: _plain(getattr(self, name)) for name in _NAMES} | self.content()

    def content(self) -> dict[str, Any]:
        """What decides the numbers: everything but names, seeds and remarks."""
        return {k: v for k, v in _fields(self).items() if k not in _NAMES}

    @property
    def digest(self) -> str:
        """SHA-256 of ``content``."""
        return hashlib.sha256(json.dumps(self.content(), sort_keys=True).encode()).hexdigest()

    def made(self, recorded: Mapping[str, Any]) -> bool:
        """Whether ``to_dict`` of some time ago describes the same run as today's recipe.

        An argument that a loss, network or sampler has got since, or a field of recipe or stage,
        must be at its default.
        """
        return _agrees(self, {k: v for k, v in recorded.items() if k not in _NAMES}, _NAMES)

    def shortened(self, *, steps: int) -> "Recipe":
        """The same recipe for at most so many steps a stage, with a remark among the deviations."""
        longest = max(stage.steps for stage in self.stages)
        if steps < 1 or steps > longest:
            raise ValueError(
                f"steps must lie in 1..{longest} for {self.id} ({self.profile}), got {steps}; "
                "a shortened run cannot be longer than its recipe"
            )
        if steps == longest:
            return self
        stages = tuple(
            dataclasses.replace(stage, steps=min(stage.steps, steps)) for stage in self.stages
        )
        note = f"{sum(s.steps for s in stages):,} of the {self.steps:,} steps"
        return dataclasses.replace(self, stages=stages, deviations=(*self.deviations, note))

    def train_differently(self, **changes: Any) -> "Recipe":
        """The same recipe with other fields of its last stage, e.g. ``steps``."""
        *first, last = self.stages
        return dataclasses.replace(self, stages=(*first, dataclasses.replace(last, **changes)))


def windows(patch_size: tuple[int, ...], overlap: float = 0.5) -> Spec:
    """The predictor that most recipes have."""
    return Spec(Windows, patch_size=patch_size, overlap=overlap)


def _fields(value: Any) -> dict[str, Any]:
    """Fields of a recipe or stage, JSON-ready; those at their default too, which may change."""
    return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple) and value and isinstance(value[0], Stage):
        return [_fields(stage) for stage in value]
    return plain(value)


def _agrees(value: Any, recorded: Mapping[str, Any], leave_out: tuple[str, ...] = ()) -> bool:
    """Whether a recipe or stage has the recorded fields; one that is absent is at its default."""
    fields = {f.name: f for f in dataclasses.fields(value) if f.name not in leave_out}
    if not set(recorded) <= set(fields):
        return False
    for name, field in fields.items():
        now = getattr(value, name)
        if name not in recorded:
            if now != field.default:
                return False
        elif name == "stages":
            then = recorded[name]
            if len(now) != len(then) or not all(map(_agrees, now, then)):
                return False
        elif not agree(now, recorded[name]):
            return False
    return True
