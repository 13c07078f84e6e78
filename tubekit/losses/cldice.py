"""Soft clDice: Dice of centre lines, with a skeleton that gradients pass through."""

from jaxtyping import Float
from torch import Tensor

from tubekit import _check
from tubekit.geometry import soft_skeleton
from tubekit.losses.base import SegmentationLoss, nonnegative, positive_integer
from tubekit.losses.recall import REDUCTIONS

RELEASED_ITERATIONS = 10


def soft_cldice(
    probs: Float[Tensor, "b k *s"],
    masks: Float[Tensor, "b k *s"],
    *,
    iterations: int = 10,
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
    _check.option("reduction", reduction, REDUCTIONS)
    kept = int(reduction == "sample")  # leading axes that are not summed

    def share(skeleton: Tensor, volume: Tensor) -> Tensor:
        inside, size = (skeleton * volume).flatten(kept).sum(-1), skeleton.flatten(kept).sum(-1)
        return (inside + smooth) / (size + smooth).clamp(min=1e-8)

    precision = share(probs_skeleton, masks)
    sensitivity = share(masks_skeleton, probs)
    return (2 * precision * sensitivity / (precision + sensitivity).clamp(min=1e-8)).reshape(-1)


class SoftClDiceLoss(SegmentationLoss):
    """1 - soft clDice, averaged over the samples with ``reduction="sample"``. Range [0, 1].

    Args:
        iterations: see ``soft_cldice``.
        smooth: see ``soft_cldice``.
        reduction: see ``soft_cldice``; the authors sum over the batch, MONAI does not.
        as_released: the authors' object ignores its iteration count and always takes 10.
    """

    def __init__(
        self,
        iterations: int = 10,
        smooth: float = 1.0,
        reduction: str = "batch",
        as_released: bool = False,
    ) -> None:
        super().__init__()
        positive_integer(iterations=iterations)
        nonnegative(smooth=smooth)
        _check.option("reduction", reduction, REDUCTIONS)
        self.iterations = RELEASED_ITERATIONS if as_released else iterations
        self.smooth = smooth
        self.reduction: str = reduction

    def from_probs(
        self, probs: Float[Tensor, "b k *s"], masks: Float[Tensor, "b k *s"], **maps: Tensor
    ) -> Float[Tensor, ""]:
        score = soft_cldice(
            probs,
            masks,
            iterations=self.iterations,
            smooth=self.smooth,
            reduction=self.reduction,
        )
        return 1 - score.mean()
