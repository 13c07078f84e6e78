"""From logits and labels to probabilities and masks of the classes that count."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Bool, Float, Num
from torch import Tensor


def class_factors(
    weight: Sequence[float], values: Float[Tensor, "n k *s"]
) -> Float[Tensor, "k ..."]:
    """One factor per class of ``values``; that of a background that does not count is dropped."""
    return values.new_tensor(weight[-values.shape[1] :]).view(-1, *[1] * (values.ndim - 2))


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


def reduced(
    scores: Float[Tensor, "n *k"],
    cost: Callable[[Tensor], Tensor],
    counted: Bool[Tensor, "n *k"] | None = None,
    *,
    reduction: str,
    weight: Sequence[float] | None = None,
) -> Float[Tensor, "..."]:
    """Cost of the scores of samples and classes.

    Args:
        scores: one row per sample, or a single row.
        cost: what a score costs; with a factor and a constant only, as it meets their mean.
            A curved cost is taken of the scores first, with ``operator.pos`` here.
        counted: scores that have a part; ``None`` means all.
        reduction: ``"sum"``, ``"none"``, or the mean.
        weight: factor per class; the mean is not divided by them.
    """
    if weight is None and reduction not in ("sum", "none"):
        if counted is None:
            return cost(scores.mean())
        return cost((scores * counted).sum() / counted.sum().clamp(min=1))
    costs = cost(scores)
    if weight is not None:
        costs = costs * class_factors(weight, costs)
    if counted is not None:
        costs = costs * counted
    if reduction == "none":
        return costs
    if reduction == "sum":
        return costs.sum()
    return costs.mean() if counted is None else costs.sum() / counted.sum().clamp(min=1)
