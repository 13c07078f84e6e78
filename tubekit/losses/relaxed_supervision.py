"""Relaxed supervision: Dice and cross-entropy that doubt the background of incomplete labels."""

from typing import Any

import torch
from jaxtyping import Float, Num
from torch import Tensor

from tubekit import _check
from tubekit.losses.base import Known, Labels, Logits, Probs, SegmentationLoss, Value, nonnegative
from tubekit.losses.classes import total
from tubekit.losses.cross_entropy import MEANS, cross_entropy


def relaxed_dice(
    probs: Float[Tensor, "b k *s"],
    masks: Float[Tensor, "b k *s"],
    confidence: Float[Tensor, "b 1 *s"],
    *,
    smooth: float = 1e-5,
    batch: bool = False,
) -> Float[Tensor, "n k"]:
    """Soft Dice in which a false positive counts only as much as the background is trusted.

    Args:
        probs: foreground probabilities in [0, 1].
        masks: one-hot labels in {0, 1}.
        confidence: weights in [0, 1], 1 on the label; ``probs * confidence`` is the paper's
            uncertainty-aware prediction.
        smooth: added above and below; not in the paper's equation, which 0 gives to the letter.
        batch: pool the sums over the batch before the ratio.
    Returns:
        Scores in [0, 1], 1 is best: one row per sample, or a single row with ``batch``.
    Raises:
        ValueError: shapes differ.

    Reference: Huang et al., HarmonySeg, ICCV 2025, equations 4 and 5; the factor 2 and the sums
    over voxels, missing in print, are those of Dice.

    Example:
        >>> import torch
        >>> from tubekit.losses import relaxed_dice
        >>> probs, masks = torch.tensor([[[[0.2, 0.6, 1.0]]]]), torch.tensor([[[[0.0, 1.0, 1.0]]]])
        >>> relaxed_dice(probs, masks, torch.tensor([[[[0.5, 1.0, 1.0]]]]))
        tensor([[0.8649]])
    """
    _check.same_shape(probs=probs, masks=masks)
    _check.same_shape(probs=probs[:, :1], confidence=confidence)
    overlap = total(probs * masks, batch)
    sizes = total(probs * confidence, batch) + total(masks, batch)
    return (2 * overlap + smooth) / (sizes + smooth).clamp(min=1e-8)


def relaxed_cross_entropy(
    logits: Float[Tensor, "b c *s"],
    target: Num[Tensor, "b #c *s"],
    weights: Float[Tensor, "b 1 *s"],
    *,
    count: int | Tensor | None = None,
) -> Float[Tensor, ""]:
    """Mean cross-entropy of the true class, every voxel with its own weight.

    Args:
        logits: one channel (sigmoid) or one per class (softmax).
        target: classes, 0 = background.
        weights: at least 0. The paper's equation has 1 on the label and 0 elsewhere.
        count: what the weighted sum is divided by; ``None`` means the sum of the weights. The
            paper leaves it open.
    Returns:
        A value in [0, inf); 0 when all weights are 0.
    Raises:
        ValueError: as torch, where shapes do not fit.

    Reference: Huang et al., HarmonySeg, ICCV 2025, equation 5.

    Example:
        >>> import torch
        >>> from tubekit.losses import relaxed_cross_entropy
        >>> logits = torch.tensor([[[[-2.0, 1.0, 3.0]]]])
        >>> label = torch.tensor([[[[0, 1, 1]]]])
        >>> relaxed_cross_entropy(logits, label, label.float())
        tensor(0.1809)
    """
    values = cross_entropy(logits, target) * weights[:, 0]
    divisor = weights.sum() if count is None else torch.as_tensor(count, device=weights.device)
    return values.sum() / divisor.clamp(min=1)


class RelaxedSupervisionLoss(SegmentationLoss):
    """1 - mean relaxed Dice, plus cross-entropy on the label. Range [0, inf).

    As printed, the cross-entropy sees the label's voxels only: it can make vessels grow and never
    shrink, so that nothing but the Dice denominator speaks against false positives, with weight
    beta inside the region in doubt and 1 outside. What the sum is divided by decides how strong
    the pull is, and the paper does not say it. Over all voxels, as cross-entropy usually is, it is
    as small as the label; over the label alone it outweighs Dice, and foreground everywhere is
    nearly as good as the truth. On a patch without a label even that is flat:
    use ``symmetric`` or ``batch`` where such patches are many.

    The map ``confidence`` (``tubekit.data.confidence_map``) has one channel and knows the whole
    case, so that a patch without label inherits region and beta.

    Args:
        symmetric: the cross-entropy also sees the background, with the confidence as weight. With
            confidence 1 everywhere this is the usual sum of cross-entropy and Dice.
        mean_over: what the cross-entropy is divided by: ``"voxels"``, all valid ones of the batch,
            or ``"support"``, the sum of its weights: the size of the label unless ``symmetric``.
        smooth: see ``relaxed_dice``.
        batch: see ``relaxed_dice``.
        **options: see ``SegmentationLoss``.
    Raises:
        ValueError: an argument out of range, or an option that the loss refuses.

    Equation: :eq:`eq-relaxed-supervision`

    Example:
        >>> import torch
        >>> from tubekit.losses import RelaxedSupervisionLoss
        >>> logits = torch.tensor([[[[-2.0, 1.0, 3.0]]]])
        >>> target = torch.tensor([[[[0, 1, 1]]]])
        >>> confidence = torch.tensor([[[[0.5, 1.0, 1.0]]]])
        >>> RelaxedSupervisionLoss()(logits, target, confidence=confidence)
        tensor(0.2211)
    """

    needs = ("confidence",)
    refuses = {  # noqa: RUF012
        "include_background": "the background is what it doubts",
        "weight": "confidence is its weight",
        "multi_label": "one map of confidence belongs to exclusive classes",
    }

    def __init__(
        self,
        symmetric: bool = False,
        smooth: float = 1e-5,
        batch: bool = False,
        mean_over: str = "voxels",
        **options: Any,
    ) -> None:
        super().__init__(**options)
        nonnegative(smooth=smooth)
        _check.option("mean_over", mean_over, MEANS)
        self.symmetric, self.mean_over = symmetric, mean_over
        self.smooth, self.batch = smooth, batch

    def from_logits(
        self,
        logits: Logits,
        target: Labels,
        *,
        valid: Known = None,
        probs: Probs | None = None,
        **maps: Tensor,
    ) -> Value:
        probs = self.probs(logits) if probs is None else probs
        masks, confidence = self.masks(target, probs), maps["confidence"].to(probs.dtype)
        weights = confidence if self.symmetric else masks.sum(1, keepdim=True)
        if valid is not None:
            probs, masks, weights = probs * valid, masks * valid, weights * valid
        dice = relaxed_dice(probs, masks, confidence, smooth=self.smooth, batch=self.batch)
        voxels = weights.numel() if valid is None else valid.sum()
        count = voxels if self.mean_over == "voxels" else None
        return 1 - dice.mean() + relaxed_cross_entropy(logits, target, weights, count=count)
