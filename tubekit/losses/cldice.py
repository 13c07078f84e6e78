"""Soft clDice: Dice of centre lines, with a skeleton that gradients pass through."""

from typing import Any

from jaxtyping import Float
from torch import Tensor

from tubekit import _check
from tubekit._accept import Whole, whole
from tubekit.geometry import soft_skeleton
from tubekit.losses.base import POOLS, Probs, SegmentationLoss, Value, nonnegative

RELEASED_ITERATIONS = 10
POOLED = {
    "include_background": "the background has no skeleton",
    "weight": "classes are summed together",
}
"""What clDice refuses, and why."""


def soft_cldice(
    probs: Float[Tensor, "b k *s"],
    masks: Float[Tensor, "b k *s"],
    *,
    iterations: Whole = 10,
    smooth: float = 1.0,
    reduction: str = "batch",
) -> Float[Tensor, " n"]:
    """Harmonic mean of topology precision and topology sensitivity on soft skeletons.

    Args:
        probs: foreground probabilities in [0, 1].
        masks: one-hot truth in {0, 1}.
        iterations: erosions of the soft skeleton, at least 1; fewer than the largest radius in
            voxels lose the inside of thick parts.
        smooth: added above and below both ratios.
        reduction: sums over the whole batch (one value), or one value per sample. Classes and
            voxels are always summed together.
    Returns:
        Scores in [0, 1], 1 is best.
    Raises:
        ValueError: shapes differ, or an unknown reduction.

    Equation: :eq:`eq-soft-cldice`

    Reference: Shit et al., CVPR 2021, algorithms 1 and 2.

    Example:
        >>> import torch
        >>> from tubekit.losses import soft_cldice
        >>> masks = torch.zeros(1, 1, 5, 7)
        >>> masks[:, :, 1:4] = 1
        >>> probs = 0.8 * masks
        >>> soft_cldice(probs, masks, iterations=2)
        tensor([0.9041])
    """
    _check.same_shape(probs=probs, masks=masks)
    skeletons = soft_skeleton(probs, iterations), soft_skeleton(masks, iterations)
    return centerline_dice(probs, masks, *skeletons, smooth=smooth, reduction=reduction)


def centerline_dice(
    probs: Float[Tensor, "b k *s"],
    masks: Float[Tensor, "b k *s"],
    probs_skeleton: Float[Tensor, "b k *s"],
    masks_skeleton: Float[Tensor, "b k *s"],
    *,
    smooth: float,
    reduction: str,
) -> Float[Tensor, " n"]:
    """clDice from volumes and their skeletons, however these were made. Range [0, 1]."""
    _check.option("reduction", reduction, POOLS)
    kept = int(reduction == "sample")  # leading axes that are not summed
    precision = _share(probs_skeleton, masks, smooth, kept)
    sensitivity = _share(masks_skeleton, probs, smooth, kept)
    return (2 * precision * sensitivity / (precision + sensitivity).clamp(min=1e-8)).reshape(-1)


def _share(skeleton: Tensor, volume: Tensor, smooth: float, kept: int) -> Tensor:
    """Part of a skeleton that lies inside a volume."""
    inside, size = (skeleton * volume).flatten(kept).sum(-1), skeleton.flatten(kept).sum(-1)
    return (inside + smooth) / (size + smooth).clamp(min=1e-8)


class SoftClDiceLoss(SegmentationLoss):
    """1 - soft clDice. Range [0, 1].

    Args:
        iterations: see ``soft_cldice``.
        smooth: see ``soft_cldice``.
        reduction: ``"batch"``, one score, whose sums go over the batch, as the authors do;
            ``"sample"`` (or ``"mean"``), the mean of one score per sample; ``"sum"`` or
            ``"none"`` of one score per sample.
        as_released: the authors' object ignores its iteration count and always takes 10.
        **options: see ``SegmentationLoss``.
    Raises:
        ValueError: an argument out of range, or an option that the loss refuses.

    Example:
        >>> import torch
        >>> from tubekit.losses import SoftClDiceLoss
        >>> target = torch.zeros(1, 1, 5, 7, dtype=torch.long)
        >>> target[:, :, 1:4] = 1
        >>> logits = 4.0 * target - 2
        >>> SoftClDiceLoss(iterations=2)(logits, target)
        tensor(0.0550)
    """

    reduces = pools = True
    refuses = POOLED

    def __init__(
        self,
        iterations: Whole = 10,
        smooth: float = 1.0,
        reduction: str = "batch",
        as_released: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(reduction=reduction, **options)
        iterations = whole("iterations", iterations)
        nonnegative(smooth=smooth)
        self.iterations = RELEASED_ITERATIONS if as_released else iterations
        self.smooth, self.as_released = smooth, as_released

    def from_probs(self, probs: Probs, masks: Probs, **maps: Tensor) -> Value:
        score = soft_cldice(
            probs,
            masks,
            iterations=self.iterations,
            smooth=self.smooth,
            reduction=self.pool,
        )
        return self.reduce(score, lambda share: 1 - share)
