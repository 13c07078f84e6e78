"""Tversky index: Dice with separate prices for false positives and false negatives."""

from typing import Any

from jaxtyping import Float
from torch import Tensor

from tubekit import _check
from tubekit.losses.base import Probs, SegmentationLoss, Value, nonnegative
from tubekit.losses.classes import total


def tversky_index(
    probs: Float[Tensor, "b k *s"],
    masks: Float[Tensor, "b k *s"],
    *,
    alpha: float,
    beta: float,
    smooth: float = 1e-5,
    batch: bool = False,
) -> Float[Tensor, "n k"]:
    """TP / (TP + alpha FP + beta FN), soft. (1/2, 1/2) is Dice, (1, 1) is IoU, (0, 1) is recall.

    Args:
        probs: foreground probabilities in [0, 1].
        masks: one-hot truth in {0, 1}.
        alpha: price of a false positive, at least 0.
        beta: price of a false negative, at least 0; beta > alpha favours recall.
        smooth: added above and below. Dice counts TP twice, so the smoothing s of Dice is s/2 here.
        batch: pool the sums over the batch before the ratio.
    Returns:
        Scores in [0, 1], 1 is best: one row per sample, or a single row with ``batch``.
    Raises:
        ValueError: shapes differ.

    Equation: :eq:`eq-tversky`

    Reference: Salehi et al., MLMI 2017, equation 3.

    Example:
        >>> import torch
        >>> from tubekit.losses import tversky_index
        >>> probs, masks = torch.tensor([[[[0.2, 0.6, 1.0]]]]), torch.tensor([[[[0.0, 1.0, 1.0]]]])
        >>> tversky_index(probs, masks, alpha=0.3, beta=0.7)
        tensor([[0.8247]])
    """
    _check.same_shape(probs=probs, masks=masks)
    true_positive = total(probs * masks, batch)
    false_positive = total(probs * (1 - masks), batch)
    false_negative = total((1 - probs) * masks, batch)
    denominator = true_positive + alpha * false_positive + beta * false_negative
    return (true_positive + smooth) / (denominator + smooth).clamp(min=1e-8)


class TverskyLoss(SegmentationLoss):
    """1 - mean Tversky index over samples and foreground classes. Range [0, 1].

    Args:
        alpha: price of a false positive.
        beta: price of a false negative.
        smooth: see ``tversky_index``.
        batch: see ``tversky_index``.
        **options: see ``SegmentationLoss``.
    Raises:
        ValueError: an argument out of range, or an option that the loss refuses.

    Example:
        >>> import torch
        >>> from tubekit.losses import TverskyLoss
        >>> logits = torch.tensor([[[[-2.0, 1.0, 3.0]]]])
        >>> target = torch.tensor([[[[0, 1, 1]]]])
        >>> TverskyLoss(alpha=0.3, beta=0.7)(logits, target)
        tensor(0.1325)
    """

    reduces = True

    def __init__(
        self,
        alpha: float = 0.3,
        beta: float = 0.7,
        smooth: float = 1e-5,
        batch: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        nonnegative(alpha=alpha, beta=beta, smooth=smooth)
        self.alpha, self.beta = alpha, beta
        self.smooth, self.batch = smooth, batch

    def from_probs(self, probs: Probs, masks: Probs, **maps: Tensor) -> Value:
        index = tversky_index(
            probs, masks, alpha=self.alpha, beta=self.beta, smooth=self.smooth, batch=self.batch
        )
        return self.reduce(index, lambda score: 1 - score)
