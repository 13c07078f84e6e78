"""Small scenes for the loss tests: straight tubes, their centre rows, and random logits."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from tubekit.losses import (
    BoundaryLoss,
    CrossEntropyLoss,
    DeepSupervision,
    DiceCELoss,
    FocalLoss,
    GrowthSuppressionLoss,
    HausdorffDTLoss,
    MixEquivalenceLoss,
    ReconnectionLoss,
    RelaxedSupervisionLoss,
    SegmentationLoss,
    SkeletonRecallLoss,
    SoftClDiceLoss,
    SoftDiceLoss,
    SoftRecallLoss,
    SpatialPriorLoss,
    TopologicalClDiceLoss,
    TverskyLoss,
    WeightedSum,
)
from tubekit.types import SegOutput

GRIDS = {2: (12, 10), 3: (12, 8, 6)}


@dataclasses.dataclass(frozen=True)
class Scene:
    """Logits with labels: sample 0 shows every class, sample 1 only the first, thinner."""

    logits: Tensor
    target: Tensor
    tube: Tensor

    @property
    def signed_distance(self) -> Tensor:
        """Per class 1 outside, -1 inside: cut off at 1, a voxel's value depends on it alone."""
        classes = torch.arange(1, max(2, self.logits.shape[1]))
        own = self.target == classes.view(-1, *[1] * (self.target.ndim - 2))
        return 1 - 2 * own.to(self.logits.dtype)

    @property
    def wide(self) -> Tensor:
        """The logits, at least in float32."""
        return self.logits.to(torch.promote_types(self.logits.dtype, torch.float32))

    @property
    def confidence(self) -> Tensor:
        """1 on the label and on the tube, elsewhere less: voxel by voxel, as all maps here."""
        sure = (self.target > 0) | (self.tube > 0)
        return torch.ones(()).where(sure, 0.3).to(self.wide)

    @property
    def image(self) -> Tensor:
        """Two channels in which classes and centre lines differ."""
        return torch.cat([self.target + 0.05 * self.tube, 0.1 * self.tube], 1).to(self.wide)

    @property
    def mixed_logits(self) -> Tensor:
        """As a network would do it that maps every voxel on its own: the gradient passes."""
        return self.mix_weight * self.wide + (1 - self.mix_weight) * self.wide.roll(1, 0)

    @property
    def mix_weight(self) -> Tensor:
        weight = torch.tensor([0.3, 0.8]).to(self.wide).view(-1, *[1] * (self.logits.ndim - 1))
        return weight.expand(-1, 1, *self.logits.shape[2:])

    def maps(self, loss: SegmentationLoss) -> dict[str, Tensor]:
        """What the loss needs; a map of an unknown name is a shifted tube."""
        other = self.tube.roll(1, 2)
        return {name: getattr(self, name, other) for name in loss.needs}

    def value(self, loss: SegmentationLoss, **more: Tensor) -> Tensor:
        return loss(self.logits, self.target, **self.maps(loss), **more)

    def with_(self, **changes: Tensor) -> "Scene":
        return dataclasses.replace(self, **changes)


def scene(
    channels: int, ndim: int = 2, *, seed: int = 0, dtype: torch.dtype = torch.float32
) -> Scene:
    """One tube per foreground class along the second spatial axis."""
    generator = torch.Generator().manual_seed(seed)
    grid = GRIDS[ndim]
    target = torch.zeros((2, 1, *grid), dtype=torch.int64)
    tube = torch.zeros_like(target)
    for k in range(1, max(2, channels)):
        target[0, 0, 4 * k - 3 : 4 * k] = k
        tube[0, 0, 4 * k - 2] = k
    target[1, 0, 5:7, 2:] = 1
    tube[1, 0, 5, 2:] = 1
    logits = torch.randn((2, channels, *grid), generator=generator, dtype=dtype)
    # Lean towards the truth, so that soft skeletons have something to hold on to.
    for k in range(channels):
        true = target[:, 0] == (k if channels > 1 else 1)
        logits[:, k] += 2 * true.to(dtype)
    return Scene(logits, target, tube)


def one_hot(target: Tensor, channels: int) -> Tensor:
    """Masks (b c *s) of the classes of a map."""
    return F.one_hot(target[:, 0], channels).movedim(-1, 1).float()


def two_levels(logits: Tensor) -> SegOutput:
    """The logits and a coarse, less certain copy of them."""
    coarse = logits[(..., *[slice(None, None, 2)] * (logits.ndim - 2))]
    return SegOutput(logits, (0.5 * coarse,))


@dataclasses.dataclass(frozen=True)
class Example:
    """One loss for the contract suite.

    ``knobs`` names every constructor argument and two settings that must differ somewhere.
    """

    make: Callable[..., SegmentationLoss]
    low: float
    high: float
    knobs: Mapping[str, tuple[dict[str, Any], dict[str, Any]]]
    defaults: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    as_input: Callable[[Tensor], Any] = lambda logits: logits
    symmetric: bool = True  # flips of the image leave the value alone

    def __call__(self, **arguments: Any) -> SegmentationLoss:
        return self.make(**{**self.defaults, **arguments})

    @property
    def name(self) -> str:
        return self.make.__name__


def _pair(name: str, one: Any, other: Any) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    return {name: ({name: one}, {name: other})}


_SMOOTH = _pair("smooth", 0.0, 1.0)
_BATCH = _pair("batch", False, True)
_REDUCTION = _pair("reduction", "sample", "batch")
_INF = float("inf")
_FORM = _pair("form", "printed", "potts") | _pair("radius", 1, 2) | _pair("image_channels", None, 1)
_TARGETS = _pair("targets", "labels", "predictions")
_JOIN = (
    _pair("iterations", 1, 3)
    | _pair("threshold", 0.2, 0.5)
    | _pair("max_distance", 0.0, 9.0)
    | _pair("min_voxels", 1, 3)
    | _pair("on", "skeleton", "probs")
)
_EASY = {"iterations": 2, "threshold": 0.2, "min_voxels": 1}

EXAMPLES = (
    Example(CrossEntropyLoss, 0, _INF, {}),
    Example(FocalLoss, 0, _INF, _pair("gamma", 2.0, 0.5) | _pair("alpha", None, 0.25)),
    Example(SoftDiceLoss, 0, 1, _SMOOTH | _BATCH),
    Example(DiceCELoss, 0, _INF, _SMOOTH | _BATCH),
    Example(
        TverskyLoss, 0, 1, _SMOOTH | _BATCH | _pair("alpha", 0.3, 0.4) | _pair("beta", 0.7, 0.6)
    ),
    Example(SoftRecallLoss, -1, 0, _SMOOTH | _REDUCTION),
    Example(
        SkeletonRecallLoss,
        -1,
        0,
        _SMOOTH | _REDUCTION | _pair("as_released", False, True) | _pair("tube", "tube", "other"),
    ),
    Example(BoundaryLoss, -_INF, _INF, {}),
    Example(
        HausdorffDTLoss,
        0,
        _INF,
        _pair("alpha", 1.0, 2.0)
        | _pair("sides", "both", "inside")
        | _pair("spacing", None, (2.0, 1.0)),
    ),
    Example(
        SoftClDiceLoss,
        0,
        1,
        _SMOOTH
        | _REDUCTION
        | _pair("iterations", 1, 3)
        | {"as_released": ({"iterations": 1}, {"iterations": 1, "as_released": True})},
        defaults={"iterations": 2},
    ),
    Example(
        TopologicalClDiceLoss,
        0,
        1,
        _SMOOTH
        | _REDUCTION
        | _pair("iterations", 1, 2)
        | _pair("method", "boolean", "euler")
        | _pair("beta", 0.0, 0.5)
        | _pair("tau", 1.0, 2.0)
        | _pair("seed", 0, 1),
        defaults={"iterations": 2},
        symmetric=False,
    ),
    Example(
        RelaxedSupervisionLoss,
        0,
        _INF,
        _SMOOTH
        | _BATCH
        | _pair("symmetric", False, True)
        | _pair("mean_over", "voxels", "support"),
    ),
    Example(
        ReconnectionLoss,
        0,
        _INF,
        _JOIN
        | _pair("to", "end_points", "skeleton")
        | _pair("mean_over", "voxels", "support")
        | {"chains": ({"max_distance": 4.0}, {"max_distance": 4.0, "chains": True})},
        defaults=_EASY,
        symmetric=False,
    ),
    Example(
        SpatialPriorLoss,
        0,
        1,
        _FORM | _pair("sigma_position", None, 2.0) | _pair("sigma_intensity", 0.1, 0.2),
        defaults={"radius": 1},
    ),
    Example(MixEquivalenceLoss, -1, 0, _TARGETS),
    Example(
        GrowthSuppressionLoss,
        -1,
        _INF,
        _FORM
        | _TARGETS
        | _JOIN
        | _pair("suppression", 1.0, 0.5)
        | _pair("warmup_steps", 0, 1)
        | _pair("symmetric", False, True)
        | _pair("mean_over", "voxels", "support"),
        defaults=_EASY | {"radius": 1},
        symmetric=False,
    ),
    Example(
        WeightedSum,
        -1,
        _INF,
        {
            "losses": ({}, {"losses": [CrossEntropyLoss(), SoftRecallLoss()]}),
            "weights": ({}, {"weights": [1.0, 0.5]}),
        },
        defaults={"losses": [DiceCELoss(), SkeletonRecallLoss()], "weights": [1.0, 1.0]},
    ),
    Example(
        DeepSupervision,
        -1,
        0,
        _pair("weights", None, [1.0, 3.0])
        | _pair("reskeletonise", False, True)
        | _pair("as_released", False, True)
        | {"loss": ({}, {"loss": SoftRecallLoss()})},
        defaults={"loss": SkeletonRecallLoss()},
        as_input=two_levels,
        symmetric=False,
    ),
)
