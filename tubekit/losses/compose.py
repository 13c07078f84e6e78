"""Losses made of losses: a weighted sum."""

from collections.abc import Iterable, Sequence
from typing import cast

from jaxtyping import Bool, Float, Integer
from torch import Tensor, nn

from tubekit.losses.base import SegmentationLoss, nonnegative


class WeightedSum(SegmentationLoss):
    """Weighted sum of losses on one prediction: a generic loss plus w times another.

    ``WeightedSum([DiceCELoss(), SkeletonRecallLoss()], [1.0, w])`` is the total loss of the
    Skeleton Recall paper. Each part gets the target maps that it needs and no others.

    Args:
        losses: the parts, at least one.
        weights: one factor per part, at least 0.
    Raises:
        ValueError: the numbers of losses and weights differ, or a weight is negative.

    Equation: :eq:`eq-total-loss`

    Reference: Kirchhoff et al., ECCV 2024, equation 2.
    """

    def __init__(self, losses: Sequence[SegmentationLoss], weights: Sequence[float]) -> None:
        super().__init__()
        if not losses or len(losses) != len(weights):
            raise ValueError(
                f"one weight per loss and at least one loss are needed, got {len(losses)} losses "
                f"and {len(weights)} weights; make both lists equally long"
            )
        nonnegative(**{f"weights[{i}]": w for i, w in enumerate(weights)})
        self.losses = nn.ModuleList(losses)
        self.weights = tuple(float(w) for w in weights)
        # A dictionary keeps the order and drops repetitions.
        self.needs = tuple(dict.fromkeys(name for loss in losses for name in loss.needs))

    def from_logits(
        self,
        logits: Float[Tensor, "b c *s"],
        target: Integer[Tensor, "b 1 *s"],
        *,
        valid: Bool[Tensor, "b 1 *s"] | None = None,
        **maps: Tensor,
    ) -> Float[Tensor, ""]:
        value = logits.new_zeros(())
        parts = cast(Iterable[SegmentationLoss], self.losses)
        for loss, weight in zip(parts, self.weights, strict=True):
            own = {name: maps[name] for name in loss.needs}
            value = value + weight * loss.from_logits(logits, target, valid=valid, **own)
        return value
