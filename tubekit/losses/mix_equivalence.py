"""Mix-equivalence: what is seen in a mixed image must be the mixture of what is in its parts."""

from operator import neg
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from tubekit import _check
from tubekit.losses.base import Known, Labels, Logits, Probs, SegmentationLoss, Value
from tubekit.losses.classes import foreground_probs

TARGETS = ("labels", "predictions")


def mix_equivalence(
    mixed_probs: Float[Tensor, "b k *s"],
    masks: Float[Tensor, "b k *s"],
    weight: Float[Tensor, "b 1 *s"],
    *,
    valid: Bool[Tensor, "b 1 *s"] | None = None,
) -> Float[Tensor, "b k"]:
    """Cosine of the angle between the prediction on mixed images and the mixed masks.

    Sample i of the mixture is ``weight[i] * x[i] + (1 - weight[i]) * x[i - 1]``: every sample's
    partner is the one before it in the batch, the first one's is the last.

    Args:
        mixed_probs: foreground probabilities in [0, 1] predicted on the mixed images.
        masks: of the images before mixing, in [0, 1]; constants.
        weight: in (0, 1), the same in all voxels of a sample.
        valid: voxels that count in the images before mixing; a voxel of the mixture counts where
            both of its parts do.
    Returns:
        Per sample and class a value in [0, 1], 1 where both agree up to a factor; 0 where one of
        them is 0 everywhere.
    Raises:
        ValueError: shapes differ.

    Equation: :eq:`eq-mix-equivalence`

    Reference: Huang et al., HarmonySeg, ICCV 2025, equation 8.

    Example:
        >>> import torch
        >>> from tubekit.losses import mix_equivalence
        >>> probs, masks = torch.tensor([[[[0.2, 0.6, 1.0]]]]), torch.tensor([[[[0.0, 1.0, 1.0]]]])
        >>> mix_equivalence(probs, masks, torch.full((1, 1, 1, 3), 0.5))
        tensor([[0.9562]])
    """
    _check.same_shape(mixed_probs=mixed_probs, masks=masks)
    mixed_masks = mixed(masks.detach(), weight)
    if valid is not None:
        both = valid & valid.roll(1, 0)
        mixed_probs, mixed_masks = mixed_probs * both, mixed_masks * both
    found, true = mixed_probs.flatten(2), mixed_masks.flatten(2)
    # The norms of torch have gradient 0 at 0, where a square root would have none.
    sizes = [torch.linalg.vector_norm(side, dim=2) + 1e-8 for side in (found, true)]
    return (found * true).sum(2) / (sizes[0] * sizes[1])


def mixed(values: Float[Tensor, "b c *s"], weight: Float[Tensor, "b 1 *s"]) -> Tensor:
    """Every sample mixed with the one before it: weight times itself, the rest its partner."""
    return weight * values + (1 - weight) * values.roll(1, 0)


class MixEquivalenceLoss(SegmentationLoss):
    """Minus the mean cosine between prediction and mixed target. Range [-1, 0].

    Classes that neither of a sample's two labels shows leave the mean; it is 0 when none is left.
    ``mixed_logits`` and ``mix_weight`` come from the training loop, which runs the network a
    second time, on mixed images, for a loss that needs them.

    A cosine is blind to a common factor: half the probability everywhere costs nothing.

    Args:
        targets: ``"labels"``, as the paper's formula has it, or ``"predictions"`` on the images
            before mixing, as its text puts it; these are constants.
        **options: see ``SegmentationLoss``.
    Raises:
        ValueError: an argument out of range, or an option that the loss refuses.

    Example:
        >>> import torch
        >>> from tubekit.losses import MixEquivalenceLoss
        >>> logits = torch.tensor([[[[-2.0, 1.0, 3.0]]]])
        >>> target = torch.tensor([[[[0, 1, 1]]]])
        >>> weight = torch.full((1, 1, 1, 3), 0.5)
        >>> MixEquivalenceLoss()(logits, target, mixed_logits=logits, mix_weight=weight)
        tensor(-0.9866)
    """

    needs = ("mixed_logits", "mix_weight")
    reduces = True
    refuses = {  # noqa: RUF012
        "include_background": "the paper mixes vessels",
        "multi_label": "its mixture is written for exclusive classes",
    }

    def __init__(self, targets: str = "labels", **options: Any) -> None:
        super().__init__(**options)
        _check.option("targets", targets, TARGETS)
        self.targets: str = targets

    def from_logits(
        self,
        logits: Logits,
        target: Labels,
        *,
        valid: Known = None,
        probs: Probs | None = None,
        **maps: Tensor,
    ) -> Value:
        # Probabilities without a graph: they can only be targets.
        probs = foreground_probs(logits.detach()) if probs is None else probs
        check_mixture(probs, maps["mixed_logits"])
        mixed_probs = foreground_probs(maps["mixed_logits"].to(probs.dtype))
        masks, weight = self.masks(target, probs), maps["mix_weight"].to(probs.dtype)
        aims = masks if self.targets == "labels" else probs
        cosine = mix_equivalence(mixed_probs, aims, weight, valid=valid)
        shown = mixed(masks, weight)
        if valid is not None:
            shown = shown * (valid & valid.roll(1, 0))
        present = shown.flatten(2).amax(2) > 0
        return self.reduce(cosine, neg, present)


def check_mixture(probs: Float[Tensor, "b k *s"], mixed_logits: Tensor) -> None:
    """Raise ValueError for mixed logits that cannot come from the same network."""
    if not mixed_logits.is_floating_point() or foreground_channels(mixed_logits) != probs.shape[1]:
        raise ValueError(
            f"mixed_logits must be floating point with {probs.shape[1]} foreground classes, got "
            f"{mixed_logits.dtype} with {mixed_logits.shape[1]} channels; pass what the same "
            "network returns for the mixed images"
        )


def foreground_channels(logits: Tensor) -> int:
    """Foreground classes that so many channels stand for."""
    return max(1, logits.shape[1] - 1)
