"""The soft skeleton and clDice, every gradient left to min and max pooling."""

from functools import reduce

import torch
import torch.nn.functional as F
from torch import Tensor


def pooled(image: Tensor, window: tuple[int, ...]) -> Tensor:
    """The largest value of a window around each voxel; outside the image nothing counts."""
    pool = F.max_pool2d if len(window) == 2 else F.max_pool3d
    return pool(image, window, stride=1, padding=tuple(n // 2 for n in window))


def erode(image: Tensor) -> Tensor:
    """The smallest value of a voxel and its face neighbours, axis by axis."""
    ndim = image.ndim - 2
    lines = [tuple(3 if a == axis else 1 for a in range(ndim)) for axis in range(ndim)]
    return reduce(torch.minimum, [-pooled(-image, line) for line in lines])


def dilate(image: Tensor) -> Tensor:
    """The largest value of the box of 3 voxels a side."""
    return pooled(image, (3,) * (image.ndim - 2))


def soft_skeleton(probs: Tensor, iterations: int) -> Tensor:
    """Equation ``eq-soft-skeleton``: collect what each opening takes away."""
    skeleton = torch.zeros_like(probs)
    for _ in range(iterations + 1):
        eroded = erode(probs)
        residue = (probs - dilate(eroded)).relu()
        skeleton = skeleton + (residue - skeleton * residue).relu()
        probs = eroded
    return skeleton


def soft_cldice_loss(probs: Tensor, masks: Tensor, iterations: int) -> Tensor:
    """Equation ``eq-soft-cldice`` with s = 1, summed over the whole batch."""
    found, true = soft_skeleton(probs, iterations), soft_skeleton(masks, iterations)
    precision = ((found * masks).sum() + 1) / (found.sum() + 1)
    recall = ((true * probs).sum() + 1) / (true.sum() + 1)
    return 1 - 2 * precision * recall / (precision + recall)
