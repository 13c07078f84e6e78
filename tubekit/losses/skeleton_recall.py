"""Skeleton Recall: the recall of the prediction on a tube around the label's skeleton."""

from operator import neg
from typing import Any

from jaxtyping import Float, Integer
from torch import Tensor

from tubekit._recorded import recorded
from tubekit.losses.base import Known, Labels, Logits, Probs, SegmentationLoss, Value, nonnegative
from tubekit.losses.recall import present, soft_recall


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

    Example:
        >>> import torch
        >>> from tubekit.losses import skeleton_recall
        >>> probs, masks = torch.tensor([[[[0.2, 0.6, 1.0]]]]), torch.tensor([[[[0.0, 1.0, 1.0]]]])
        >>> skeleton_recall(probs, masks)
        tensor([[0.8000]])
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
        reduction: see ``SoftRecallLoss``; nnU-Net sums over the batch for 2-D networks.
        smooth: see ``skeleton_recall``.
        as_released: mean over all samples and classes, absent ones with recall 1 (recall 0 when
            ``smooth`` is 0).
        tube: name of the target map to recall, for other tubes than the paper's. With
            ``multi_label`` it holds one mask per channel.
        **options: see ``SegmentationLoss``.
    Raises:
        ValueError: an argument out of range, or an option that the loss refuses.

    Example:
        >>> import torch
        >>> from tubekit.losses import SkeletonRecallLoss
        >>> logits = torch.tensor([[[[-2.0, 1.0, 3.0]]]])
        >>> target = torch.tensor([[[[0, 1, 1]]]])
        >>> tube = torch.tensor([[[[0, 0, 1]]]])
        >>> SkeletonRecallLoss()(logits, target, tube=tube)
        tensor(-0.9526)
    """

    needs = ("tube",)
    reduces = pools = True
    refuses = {"include_background": "the background has no skeleton"}  # noqa: RUF012

    def __init__(
        self,
        reduction: str = "sample",
        smooth: float = 1e-5,
        as_released: bool = False,
        tube: str = "tube",
        **options: Any,
    ) -> None:
        super().__init__(reduction=reduction, **options)
        nonnegative(smooth=smooth)
        self.smooth = smooth
        self.as_released = as_released
        self.tube = tube
        self.needs = (tube,)

    def from_logits(
        self, logits: Logits, target: Labels, *, valid: Known = None, **maps: Tensor
    ) -> Value:
        tube, channels = maps[self.tube], logits.shape[1] if self.multi_label else 1
        if tube.shape[1] != channels:
            kind = "a mask for each class" if self.multi_label else "class indices"
            raise ValueError(
                f"{self.tube} must have {channels} channels with {kind}, got {tube.shape[1]}; "
                "pass the map that tubed_skeleton makes"
            )
        tube = tube if valid is None else tube * valid
        if recorded():  # where no size may depend on a value
            return self._of(self.probs(logits), tube)
        # Outside every tube nothing enters the ratio, so not even the softmax is taken there.
        near = (tube != 0).any(1).any(0).flatten().nonzero().squeeze(1)
        probs = self.probs(logits.flatten(2).index_select(2, near))
        return self._of(probs, tube.flatten(2).index_select(2, near))

    def from_probs(self, probs: Probs, masks: Probs, **maps: Tensor) -> Value:
        return self._of(probs, maps[self.tube])

    def _of(self, probs: Float[Tensor, "b k *s"], tube: Integer[Tensor, "b #k *s"]) -> Tensor:
        masks = self.masks(tube.to(probs.dtype) if self.multi_label else tube, probs)
        recall = skeleton_recall(probs, masks, smooth=self.smooth, reduction=self.pool)
        return self.reduce(recall, neg, None if self.as_released else present(recall, masks))
