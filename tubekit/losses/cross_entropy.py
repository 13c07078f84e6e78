"""Cross-entropy per voxel."""

import torch.nn.functional as F
from jaxtyping import Bool, Float, Integer
from torch import Tensor

from tubekit.losses.base import SegmentationLoss

MEANS = ("voxels", "support")
"""What a cross-entropy on some voxels is averaged over: all voxels, or those alone."""


def cross_entropy(
    logits: Float[Tensor, "b c *s"], target: Integer[Tensor, "b 1 *s"]
) -> Float[Tensor, "b *s"]:
    """Negative log-probability of the true class in every voxel.

    Args:
        logits: one channel (sigmoid) or one per class (softmax).
        target: classes, 0 = background.
    Returns:
        Values in [0, inf) per voxel.

    Equation: :eq:`eq-cross-entropy`
    """
    if logits.shape[1] == 1:
        return F.binary_cross_entropy_with_logits(
            logits[:, 0], target[:, 0].to(logits.dtype), reduction="none"
        )
    return F.cross_entropy(logits, target[:, 0].long(), reduction="none")


class CrossEntropyLoss(SegmentationLoss):
    """Mean cross-entropy over all valid voxels, background included. Range [0, inf)."""

    def from_logits(
        self,
        logits: Float[Tensor, "b c *s"],
        target: Integer[Tensor, "b 1 *s"],
        *,
        valid: Bool[Tensor, "b 1 *s"] | None = None,
        **maps: Tensor,
    ) -> Float[Tensor, ""]:
        voxels = cross_entropy(logits, target)
        if valid is None:
            return voxels.mean()
        inside = valid[:, 0].to(voxels.dtype)
        return (voxels * inside).sum() / inside.sum().clamp(min=1)
