"""From logits and labels to probabilities and masks of the classes that count."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Num
from torch import Tensor


def class_factors(weight: Sequence[float], values: Float[Tensor, "n k *s"]) -> Float[Tensor, "k"]:
    """One factor per class of ``values``; that of a background that does not count is dropped."""
    classes = values.shape[1]
    if len(weight) not in (classes, classes + 1):
        raise ValueError(
            f"weight needs one factor per channel, got {len(weight)} for {classes} classes beside "
            "the background; begin with the background's"
        )
    return values.new_tensor(weight[-classes:])


def foreground_probs(logits: Float[Tensor, "b c *s"]) -> Float[Tensor, "b k *s"]:
    """Sigmoid of one channel, or softmax of several without the background in channel 0."""
    return logits.sigmoid() if logits.shape[1] == 1 else logits.softmax(1)[:, 1:]


def foreground_masks(
    labels: Num[Tensor, "b 1 *s"], probs: Float[Tensor, "b k *s"]
) -> Float[Tensor, "b k *s"]:
    """One-hot masks of the classes 1..k, in the type of ``probs``."""
    classes = torch.arange(1, probs.shape[1] + 1, device=labels.device)
    return (labels == classes.view(-1, *[1] * (labels.ndim - 2))).to(probs.dtype)


def total(values: Float[Tensor, "b k *s"], batch: bool) -> Float[Tensor, "n k"]:
    """Sum over space; with ``batch`` over the samples too, leaving n = 1 row instead of b."""
    sums = values.flatten(2).sum(2)
    return sums.sum(0, keepdim=True) if batch else sums
