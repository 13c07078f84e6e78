"""Soft Dice, and its sum with cross-entropy as nnU-Net trains."""

from typing import Any

from jaxtyping import Float
from torch import Tensor

from tubekit import _check
from tubekit.losses.base import Known, Labels, Logits, Probs, SegmentationLoss, Value, nonnegative
from tubekit.losses.classes import total
from tubekit.losses.cross_entropy import CrossEntropyLoss


def soft_dice(
    probs: Float[Tensor, "b k *s"],
    masks: Float[Tensor, "b k *s"],
    *,
    smooth: float = 1e-5,
    batch: bool = False,
) -> Float[Tensor, "n k"]:
    """Twice the overlap over the sum of both sizes, with probabilities in place of a mask.

    Args:
        probs: foreground probabilities in [0, 1], background left out.
        masks: one-hot truth in {0, 1}.
        smooth: added above and below; an absent class that is not predicted scores 1.
        batch: pool the sums over the batch ("batch Dice") before the ratio.
    Returns:
        Scores in [0, 1], 1 is best: one row per sample, or a single row with ``batch``.
    Raises:
        ValueError: shapes differ.

    Equation: :eq:`eq-soft-dice`

    Reference: Milletari et al., 3DV 2016; smoothing and the left-out background as in nnU-Net
    (Isensee et al., Nature Methods 2021).

    Example:
        >>> import torch
        >>> from tubekit.losses import soft_dice
        >>> probs, masks = torch.tensor([[[[0.2, 0.6, 1.0]]]]), torch.tensor([[[[0.0, 1.0, 1.0]]]])
        >>> soft_dice(probs, masks)
        tensor([[0.8421]])
    """
    _check.same_shape(probs=probs, masks=masks)
    overlap = total(probs * masks, batch)
    sizes = total(probs, batch) + total(masks, batch)
    return (2 * overlap + smooth) / (sizes + smooth).clamp(min=1e-8)


class SoftDiceLoss(SegmentationLoss):
    """1 - mean soft Dice over samples and foreground classes. Range [0, 1].

    nnU-Net minimises the negative Dice, this value less 1: the gradient is the same.

    Args:
        smooth: see ``soft_dice``.
        batch: see ``soft_dice``; nnU-Net switches it on for 2-D networks.
        **options: see ``SegmentationLoss``.
    Raises:
        ValueError: an argument out of range, or an option that the loss refuses.

    Example:
        >>> import torch
        >>> from tubekit.losses import SoftDiceLoss
        >>> logits = torch.tensor([[[[-2.0, 1.0, 3.0]]]])
        >>> target = torch.tensor([[[[0, 1, 1]]]])
        >>> SoftDiceLoss()(logits, target)
        tensor(0.1145)
    """

    reduces = True

    def __init__(self, smooth: float = 1e-5, batch: bool = False, **options: Any) -> None:
        super().__init__(**options)
        nonnegative(smooth=smooth)
        self.smooth = smooth
        self.batch = batch

    def from_probs(self, probs: Probs, masks: Probs, **maps: Tensor) -> Value:
        scores = soft_dice(probs, masks, smooth=self.smooth, batch=self.batch)
        return self.reduce(scores, lambda score: 1 - score)


class DiceCELoss(SegmentationLoss):
    """Cross-entropy plus soft Dice loss, both with weight 1: the generic loss of nnU-Net.

    Args:
        smooth: of the Dice part.
        batch: of the Dice part.
        **options: see ``SegmentationLoss``; ``weight`` holds for both parts, the background that
            ``include_background`` adds for Dice alone.
    Raises:
        ValueError: an argument out of range, or an option that the loss refuses.

    Example:
        >>> import torch
        >>> from tubekit.losses import DiceCELoss
        >>> logits = torch.tensor([[[[-2.0, 1.0, 3.0]]]])
        >>> target = torch.tensor([[[[0, 1, 1]]]])
        >>> DiceCELoss()(logits, target)
        tensor(0.2775)
    """

    def __init__(self, smooth: float = 1e-5, batch: bool = False, **options: Any) -> None:
        super().__init__(**options)
        own = {name: getattr(self, name) for name in ("weight", "multi_label")}
        self.cross_entropy = CrossEntropyLoss(**own)
        self.dice = SoftDiceLoss(smooth, batch, include_background=self.include_background, **own)

    def from_logits(
        self, logits: Logits, target: Labels, *, valid: Known = None, **maps: Tensor
    ) -> Value:
        cross_entropy = self.cross_entropy.from_logits(logits, target, valid=valid)
        return cross_entropy + self.dice.from_logits(logits, target, valid=valid)
