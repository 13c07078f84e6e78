"""Skeleton Recall: the recall of the prediction on a tube around the label's skeleton."""

from jaxtyping import Bool, Float, Integer
from torch import Tensor

from tubekit import _check
from tubekit.losses.base import (
    SegmentationLoss,
    foreground_masks,
    foreground_probs,
    nonnegative,
)
from tubekit.losses.recall import REDUCTIONS, mean_over_present, soft_recall


def skeleton_recall(
    probs: Float[Tensor, "b k *s"],
    tube_masks: Float[Tensor, "b k *s"],
    *,
    smooth: float = 1e-5,
    reduction: str = "sample",
) -> Float[Tensor, "n k"]:
    """Share of each class's tubed skeleton that the prediction covers.

    The same ratio as ``soft_recall``, with the tube in the place of the label.

    Args:
        probs: foreground probabilities in [0, 1].
        tube_masks: one-hot tubed skeletons of the label in {0, 1}.
        smooth: added above and below; not in the paper's equation, which 0 gives to the letter.
        reduction: one ratio per sample (b rows), or sums over the batch first (one row).
    Returns:
        Recall in [0, 1] per row and class, 1 is best.
    Raises:
        ValueError: shapes differ, or an unknown reduction.

    Equation: :eq:`eq-skeleton-recall`

    Reference: Kirchhoff et al., ECCV 2024, equation 1.
    """
    return soft_recall(probs, tube_masks, smooth=smooth, reduction=reduction)


class SkeletonRecallLoss(SegmentationLoss):
    """Minus the mean skeleton recall over the foreground classes C. Range [-1, 0].

    A class without a tube in the patch makes equation 1 divide 0 by 0. By default C holds only
    the classes that are present, sample by sample; a patch without any costs 0. The released
    code counts an absent class as recall 1, which adds a constant and shrinks the gradient of
    the classes that are there.

    The gradient with respect to a probability is -tube / (|C| * size of the tube): the same
    for every voxel of the tube, however well it is predicted, and 0 elsewhere. There is no
    precision term, so sum this loss with one that has it.

    Args:
        reduction: see ``skeleton_recall``; nnU-Net sums over the batch for 2-D networks.
        smooth: see ``skeleton_recall``.
        as_released: mean over all samples and classes, absent ones with recall 1 (recall 0 when
            ``smooth`` is 0).
        tube: name of the target map to recall, for other tubes than the paper's.
    """

    needs = ("tube",)

    def __init__(
        self,
        reduction: str = "sample",
        smooth: float = 1e-5,
        as_released: bool = False,
        tube: str = "tube",
    ) -> None:
        super().__init__()
        _check.option("reduction", reduction, REDUCTIONS)
        nonnegative(smooth=smooth)
        self.reduction: str = reduction
        self.smooth = smooth
        self.as_released = as_released
        self.needs = (tube,)

    def from_logits(
        self,
        logits: Float[Tensor, "b c *s"],
        target: Integer[Tensor, "b 1 *s"],
        *,
        valid: Bool[Tensor, "b 1 *s"] | None = None,
        **maps: Tensor,
    ) -> Float[Tensor, ""]:
        name = self.needs[0]
        if maps[name].shape[1] != 1:
            raise ValueError(
                f"{name} must have one channel of class indices, got {maps[name].shape[1]}; "
                "pass the map that tubed_skeleton makes"
            )
        tube = maps[name] if valid is None else maps[name] * valid
        # Outside every tube nothing enters the ratio, so not even the softmax is taken there.
        near = (tube != 0).any(0).flatten().nonzero().squeeze(1)
        probs = foreground_probs(logits.flatten(2).index_select(2, near))
        return self._of(probs, tube.flatten(2).index_select(2, near))

    def from_probs(
        self, probs: Float[Tensor, "b k *s"], masks: Float[Tensor, "b k *s"], **maps: Tensor
    ) -> Float[Tensor, ""]:
        return self._of(probs, maps[self.needs[0]])

    def _of(self, probs: Float[Tensor, "b k *s"], tube: Integer[Tensor, "b 1 *s"]) -> Tensor:
        tube_masks = foreground_masks(tube, probs)
        recall = skeleton_recall(probs, tube_masks, smooth=self.smooth, reduction=self.reduction)
        return -recall.mean() if self.as_released else -mean_over_present(recall, tube_masks)
