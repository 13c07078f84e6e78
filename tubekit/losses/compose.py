"""Losses made of losses: a weighted sum."""

from collections.abc import Iterable, Sequence
from typing import Any, cast

from torch import nn

from tubekit.losses.base import Known, Labels, Logits, SegmentationLoss, Value, nonnegative
from tubekit.losses.foreign import OF_PARTS, as_loss, inherited


class WeightedSum(SegmentationLoss):
    """Weighted sum of losses on one prediction: a generic loss plus w times another.

    ``WeightedSum([DiceCELoss(), SkeletonRecallLoss()], [1.0, w])`` is the total loss of the
    Skeleton Recall paper. Each part gets the target maps that it needs and no others.

    Args:
        losses: the parts, at least one; losses of ``torch.nn`` and MONAI too, see
            ``ForeignLoss``.
        weights: one factor per part, at least 0.
        **options: see ``SegmentationLoss``; ``ignore_index``, ``multi_label`` and ``validate``
            that are not given are those of the parts.
    Raises:
        ValueError: the numbers of losses and weights differ, a weight is negative, or the parts
            contradict each other.

    Equation: :eq:`eq-total-loss`

    Reference: Kirchhoff et al., ECCV 2024, equation 2.

    Example:
        >>> import torch
        >>> from tubekit.losses import WeightedSum
        >>> from tubekit.losses import DiceCELoss, SoftRecallLoss
        >>> logits = torch.tensor([[[[-2.0, 1.0, 3.0]]]])
        >>> target = torch.tensor([[[[0, 1, 1]]]])
        >>> WeightedSum([DiceCELoss(), SoftRecallLoss()], [1.0, 0.5])(logits, target)
        tensor(-0.1434)
    """

    refuses = OF_PARTS

    def __init__(
        self, losses: Sequence[nn.Module], weights: Sequence[float], **options: Any
    ) -> None:
        parts = [as_loss(loss) for loss in losses]
        super().__init__(**inherited(losses, options))
        if not parts or len(losses) != len(weights):
            raise ValueError(
                f"one weight per loss and at least one loss are needed, got {len(losses)} losses "
                f"and {len(weights)} weights; make both lists equally long"
            )
        nonnegative(**{f"weights[{i}]": w for i, w in enumerate(weights)})
        self.losses = nn.ModuleList(parts)
        self.weights = tuple(float(w) for w in weights)
        # A dictionary keeps the order and drops repetitions.
        self.needs = tuple(dict.fromkeys(name for loss in parts for name in loss.needs))
        self.optional = tuple(dict.fromkeys(name for loss in parts for name in loss.optional))

    def from_logits(
        self, logits: Logits, target: Labels, *, valid: Known = None, **maps: Any
    ) -> Value:
        value = logits.new_zeros(())
        parts = cast(Iterable[SegmentationLoss], self.losses)
        for loss, weight in zip(parts, self.weights, strict=True):
            own = {n: maps[n] for n in (*loss.needs, *loss.optional) if n in maps}
            value = value + weight * loss.from_logits(logits, target, valid=valid, **own)
        return value
