"""Soft recall of the whole label: the control beside the recall of a skeleton."""

from jaxtyping import Float
from torch import Tensor

from tubekit import _check
from tubekit.losses.base import SegmentationLoss, nonnegative, total

REDUCTIONS = ("sample", "batch")


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
    """
    _check.same_shape(probs=probs, masks=masks)
    _check.option("reduction", reduction, REDUCTIONS)
    batch = reduction == "batch"
    covered, size = total(probs * masks, batch), total(masks, batch)
    return (covered + smooth) / (size + smooth).clamp(min=1e-8)


def mean_over_present(
    scores: Float[Tensor, "n k"], masks: Float[Tensor, "b k *s"]
) -> Float[Tensor, ""]:
    """Mean of the scores whose mask is not empty; 0, still differentiable, when all are empty."""
    present = total(masks, batch=len(scores) != len(masks)) > 0
    return (scores * present).sum() / present.sum().clamp(min=1)


class SoftRecallLoss(SegmentationLoss):
    """Minus the mean soft recall of the classes present in the label. Range [-1, 0].

    It has no precision term: predicting foreground everywhere is its minimum. Sum it with a loss
    that punishes false positives.

    Args:
        reduction: see ``soft_recall``.
        smooth: see ``soft_recall``.
    """

    def __init__(self, reduction: str = "sample", smooth: float = 1e-5) -> None:
        super().__init__()
        _check.option("reduction", reduction, REDUCTIONS)
        nonnegative(smooth=smooth)
        self.reduction: str = reduction
        self.smooth = smooth

    def from_probs(
        self, probs: Float[Tensor, "b k *s"], masks: Float[Tensor, "b k *s"], **maps: Tensor
    ) -> Float[Tensor, ""]:
        recall = soft_recall(probs, masks, smooth=self.smooth, reduction=self.reduction)
        return -mean_over_present(recall, masks)
