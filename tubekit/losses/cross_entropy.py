"""Cross-entropy per voxel, and focal loss, which counts the hard voxels most."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Num
from torch import Tensor

from tubekit.losses import checks
from tubekit.losses.base import Known, Labels, Logits, SegmentationLoss, Value, nonnegative

MEANS = ("voxels", "support")
"""What a cross-entropy on some voxels is averaged over: all voxels, or those alone."""


def cross_entropy(
    logits: Float[Tensor, "b c *s"],
    target: Num[Tensor, "b #c *s"],
    *,
    weight: Sequence[float] | None = None,
    multi_label: bool = False,
) -> Float[Tensor, "b *n"]:
    """Negative log-probability of the true class in every voxel.

    Args:
        logits: one channel (sigmoid) or one per class (softmax).
        target: classes, 0 = background, or shares of the classes in [0, 1] (floating): of a
            single channel (b 1 *s), else (b c *s).
        weight: factor per class, the background first; ``None`` means 1.
        multi_label: every channel is a problem of its own, with a sigmoid and a mask.
    Returns:
        Values in [0, inf) per voxel; with ``multi_label`` per channel too, (b c *s).
    Raises:
        ValueError: as torch, where shapes do not fit.

    Equation: :eq:`eq-cross-entropy`

    Example:
        >>> import torch
        >>> cross_entropy(torch.zeros(1, 2, 1, 1), torch.ones(1, 1, 1, 1, dtype=torch.long))
        tensor([[[0.6931]]])
    """
    if multi_label or logits.shape[1] == 1:
        chosen, true = (logits, target) if multi_label else (logits.squeeze(1), target.squeeze(1))
        true = true.to(logits.dtype)
        if weight is not None and not multi_label:
            found, missed = true * F.logsigmoid(chosen), (1 - true) * F.logsigmoid(-chosen)
            return -(weight[1] * found + weight[0] * missed)
        values = F.binary_cross_entropy_with_logits(chosen, true, reduction="none")
        return values if weight is None else values * _along_channels(logits, weight)
    if target.is_floating_point():
        factors = None if weight is None else logits.new_tensor(weight)
        return F.cross_entropy(logits, target, weight=factors, reduction="none")
    # Faster than torch's loss with reduction="none", and the same to the last bit.
    values = -logits.log_softmax(1).gather(1, target.long()).squeeze(1)
    return values if weight is None else values * logits.new_tensor(weight)[target.squeeze(1)]


def _along_channels(logits: Tensor, weight: Sequence[float]) -> Tensor:
    return logits.new_tensor(weight).view(-1, *[1] * (logits.ndim - 2))


def weights_of(
    target: Num[Tensor, "b #c *s"],
    logits: Float[Tensor, "b c *s"],
    weight: Sequence[float],
    *,
    multi_label: bool = False,
) -> Float[Tensor, "b #c *s"]:
    """The factor of every voxel, that of its true class; of shares their mean."""
    if multi_label:
        return _along_channels(logits, weight).expand_as(logits)
    if not target.is_floating_point():
        return logits.new_tensor(weight)[target]
    shares = target if target.shape[1] > 1 else torch.cat([1 - target, target], 1)
    return (shares * _along_channels(logits, weight)).sum(1, keepdim=True)


class CrossEntropyLoss(SegmentationLoss):
    """Mean cross-entropy over all valid voxels, background included. Range [0, inf).

    Args:
        **options: see ``SegmentationLoss``.
    Raises:
        ValueError: an argument out of range, or an option that the loss refuses.

    Example:
        >>> import torch
        >>> loss = CrossEntropyLoss(weight=[1.0, 5.0], ignore_index=255)
        >>> loss(torch.zeros(1, 2, 1, 2), torch.tensor([[[[1, 255]]]]))
        tensor(0.6931)
    """

    reduces = True
    refuses = {"include_background": "it counts every voxel, of the background too"}  # noqa: RUF012

    def from_logits(
        self, logits: Logits, target: Labels, *, valid: Known = None, **maps: Tensor
    ) -> Value:
        checks.weight(self.weight, logits.shape[1], self.multi_label)
        voxels = self.voxels(logits, target)
        counted = None
        if self.weight is not None:
            found = weights_of(target, logits, self.weight, multi_label=self.multi_label)
            counted = found if self.multi_label else found[:, 0]
        if valid is not None:
            inside = (valid if self.multi_label else valid[:, 0]).to(voxels.dtype)
            voxels = voxels * inside
            counted = inside.expand_as(voxels) if counted is None else counted * inside
        if self.reduction == "none":
            return voxels
        if self.reduction == "sum":
            return voxels.sum()
        if counted is None:
            return voxels.sum() / voxels.numel()  # the mean, without its detour on the way back
        least = 1 if self.weight is None else torch.finfo(voxels.dtype).tiny
        return voxels.sum() / counted.sum().clamp(min=least)

    def voxels(self, logits: Logits, target: Labels) -> Float[Tensor, "b *n"]:
        """Weighted values of all voxels."""
        return cross_entropy(logits, target, weight=self.weight, multi_label=self.multi_label)


class FocalLoss(CrossEntropyLoss):
    """Mean of (1 - p)^gamma times cross-entropy, p the probability of the true class.

    Range [0, inf). What is right already counts little: with gamma 2 a voxel of p = 0.9 has a
    hundredth of its cross-entropy. With gamma 0 this is ``CrossEntropyLoss``. The mean goes over
    voxels; MONAI's softmax form also divides by the number of channels. With fractional shares
    as target, p is exp(-cross-entropy).

    Args:
        gamma: at least 0; 2 in the paper.
        alpha: weight in (0, 1) of the foreground, 1 - alpha being that of the background, as in
            the paper; ``None`` means 1 for both. The mean is not divided by these, but by those
            of ``weight``.
        **options: see ``SegmentationLoss``.
    Raises:
        ValueError: ``gamma`` negative, or ``alpha`` outside (0, 1).

    Reference: Lin et al., Focal loss for dense object detection, ICCV 2017, equation 5.

    Example:
        >>> import torch
        >>> FocalLoss(gamma=2.0)(torch.zeros(1, 2, 1, 1), torch.ones(1, 1, 1, 1, dtype=torch.long))
        tensor(0.1733)
    """

    def __init__(self, gamma: float = 2.0, alpha: float | None = None, **options: Any) -> None:
        super().__init__(**options)
        nonnegative(gamma=gamma)
        if alpha is not None and not 0 < alpha < 1:
            raise ValueError(f"alpha must lie in (0, 1), got {alpha}; 0.25 is the paper's value")
        self.gamma, self.alpha = gamma, alpha

    def voxels(self, logits: Logits, target: Labels) -> Float[Tensor, "b *n"]:
        values = super().voxels(logits, target)
        plain = values
        if self.weight is not None:
            plain = cross_entropy(logits, target, multi_label=self.multi_label)
        # Never exactly 0, where a power below 1 has no slope.
        values = values * (-torch.expm1(-plain)).clamp(min=1e-8) ** self.gamma
        if self.alpha is None:
            return values
        rest = 1 - self.alpha
        if self.multi_label:
            return values * (self.alpha * target + rest * (1 - target))
        both = (rest, *[self.alpha] * max(1, logits.shape[1] - 1))
        return values * weights_of(target, logits, both)[:, 0]
