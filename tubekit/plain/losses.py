"""Losses on probabilities and masks (b k *s), background left out."""

import torch
import torch.nn.functional as F
from torch import Tensor

SMOOTH = 1e-5


def over_voxels(values: Tensor) -> Tensor:
    """One sum per sample and class, (b k)."""
    return values.flatten(2).sum(2)


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Equation ``eq-cross-entropy``: minus the logarithm of the true class's probability."""
    log_probs = torch.log_softmax(logits, dim=1)
    return -log_probs.gather(1, target).mean()


def binary_cross_entropy(logits: Tensor, mask: Tensor) -> Tensor:
    """The same for one channel, whose probability is a sigmoid; the mask holds 0 and 1."""
    object_, background = F.logsigmoid(logits), F.logsigmoid(-logits)
    return -(mask * object_ + (1 - mask) * background).mean()


def soft_dice(probs: Tensor, masks: Tensor) -> Tensor:
    """Equation ``eq-soft-dice``, per sample and class."""
    overlap = over_voxels(probs * masks)
    return (2 * overlap + SMOOTH) / (over_voxels(masks) + over_voxels(probs) + SMOOTH)


def tversky_index(probs: Tensor, masks: Tensor, alpha: float, beta: float) -> Tensor:
    """Equation ``eq-tversky``, per sample and class."""
    true = over_voxels(masks * probs)
    spurious, missed = over_voxels((1 - masks) * probs), over_voxels(masks * (1 - probs))
    return (true + SMOOTH) / (true + alpha * spurious + beta * missed + SMOOTH)


def soft_recall(probs: Tensor, masks: Tensor) -> Tensor:
    """Equation ``eq-soft-recall``, per sample and class."""
    return (over_voxels(masks * probs) + SMOOTH) / (over_voxels(masks) + SMOOTH)


def skeleton_recall_loss(probs: Tensor, tubes: Tensor) -> Tensor:
    """Equation ``eq-skeleton-recall``: the mean over the classes that have a tube, or 0."""
    recall, present = soft_recall(probs, tubes), over_voxels(tubes) > 0
    return -recall[present].sum() / present.sum().clamp(min=1)
