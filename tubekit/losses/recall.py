"""Soft recall of the whole label: the control beside the recall of a skeleton."""

from operator import neg
from typing import Any

from jaxtyping import Bool, Float
from torch import Tensor

from tubekit import _check
from tubekit.losses.base import POOLS, Probs, SegmentationLoss, Value, nonnegative
from tubekit.losses.classes import total


def soft_recall(
    probs: Float[Tensor, "b k *s"],
    masks: Float[Tensor, "b k *s"],
    *,
    smooth: float = 1e-5,
    reduction: str = "sample",
) -> Float[Tensor, "n k"]:
    """Share of a mask that the prediction covers: the mean probability inside the mask.

    Args:
        probs: foreground probabilities in [0, 1].
        masks: one-hot masks in {0, 1}.
        smooth: added above and below; with 0 an empty mask has recall 0, otherwise 1.
        reduction: one ratio per sample (b rows), or sums over the batch first (one row).
    Returns:
        Recall in [0, 1] per row and class, 1 is best.
    Raises:
        ValueError: shapes differ, or an unknown reduction.

    Equation: :eq:`eq-soft-recall`

    Example:
        >>> import torch
        >>> from tubekit.losses import soft_recall
        >>> probs, masks = torch.tensor([[[[0.2, 0.6, 1.0]]]]), torch.tensor([[[[0.0, 1.0, 1.0]]]])
        >>> soft_recall(probs, masks)
        tensor([[0.8000]])
    """
    _check.same_shape(probs=probs, masks=masks)
    _check.option("reduction", reduction, POOLS)
    batch = reduction == "batch"
    covered, size = total(probs * masks, batch), total(masks, batch)
    return (covered + smooth) / (size + smooth).clamp(min=1e-8)


def present(scores: Float[Tensor, "n k"], masks: Float[Tensor, "b k *s"]) -> Bool[Tensor, "n k"]:
    """Which scores have a mask that is not empty; the others leave a mean, which may be 0 then."""
    return total(masks, batch=len(scores) != len(masks)) > 0


class SoftRecallLoss(SegmentationLoss):
    """Minus the mean soft recall of the classes present in the label. Range [-1, 0].

    It has no precision term: predicting foreground everywhere is its minimum. Sum it with a loss
    that punishes false positives.

    Args:
        reduction: ``"sample"`` (or ``"mean"``), the mean of one recall per sample and class;
            ``"batch"``, of one per class, whose sums go over the batch; ``"sum"`` or ``"none"``
            of one per sample and class.
        smooth: see ``soft_recall``.
        **options: see ``SegmentationLoss``.
    Raises:
        ValueError: an argument out of range, or an option that the loss refuses.

    Example:
        >>> import torch
        >>> from tubekit.losses import SoftRecallLoss
        >>> logits = torch.tensor([[[[-2.0, 1.0, 3.0]]]])
        >>> target = torch.tensor([[[[0, 1, 1]]]])
        >>> SoftRecallLoss()(logits, target)
        tensor(-0.8418)
    """

    reduces = pools = True

    def __init__(self, reduction: str = "sample", smooth: float = 1e-5, **options: Any) -> None:
        super().__init__(reduction=reduction, **options)
        nonnegative(smooth=smooth)
        self.smooth = smooth

    def from_probs(self, probs: Probs, masks: Probs, **maps: Tensor) -> Value:
        recall = soft_recall(probs, masks, smooth=self.smooth, reduction=self.pool)
        return self.reduce(recall, neg, present(recall, masks))
