"""Boundary loss: the prediction, weighted with the signed distance to the label's boundary."""

from operator import pos

from jaxtyping import Bool, Float
from torch import Tensor

from tubekit import _check
from tubekit.losses.base import Known, Labels, Logits, SegmentationLoss, Value
from tubekit.losses.classes import class_factors


def boundary_loss(
    probs: Float[Tensor, "b k *s"],
    signed_distances: Float[Tensor, "b k *s"],
    *,
    valid: Bool[Tensor, "b 1 *s"] | None = None,
) -> Float[Tensor, ""]:
    """Mean over voxels and classes of probability times signed distance.

    Args:
        probs: foreground probabilities in [0, 1].
        signed_distances: of each class's label (``tubekit.geometry.signed_distance``), in
            millimetres or voxels: positive outside, 0 or negative inside; a constant.
        valid: voxels that count; ``None`` means all.
    Returns:
        Any real number: negative where the prediction lies well inside the label. Of all masks
        the label itself, less its outermost layer or not, has the lowest value.
    Raises:
        ValueError: shapes differ.

    Equation: :eq:`eq-boundary-loss`

    Reference: Kervadec et al., Boundary loss for highly unbalanced segmentation, MIDL 2019,
    equation 5.

    Example:
        >>> import torch
        >>> from tubekit.losses import boundary_loss
        >>> probs, masks = torch.tensor([[[[0.2, 0.6, 1.0]]]]), torch.tensor([[[[0.0, 1.0, 1.0]]]])
        >>> boundary_loss(probs, torch.tensor([[[[1.0, 0.0, -1.0]]]]))
        tensor(-0.2667)
    """
    _check.same_shape(probs=probs, signed_distances=signed_distances)
    return mean_of_valid(probs * signed_distances.detach(), valid)


def mean_of_valid(
    values: Float[Tensor, "b k *s"], valid: Bool[Tensor, "b 1 *s"] | None
) -> Float[Tensor, ""]:
    """Mean over the valid voxels of all samples and channels; 0 if there are none."""
    if valid is None:
        return values.mean()
    # Times k: a valid voxel counts once per channel.
    return (values * valid).sum() / (valid.sum() * values.shape[1]).clamp(min=1)


def means(
    values: Float[Tensor, "b k *s"], valid: Bool[Tensor, "b 1 *s"] | None
) -> Float[Tensor, "b k"]:
    """Mean over the valid voxels of every sample and class; 0 if there are none."""
    if valid is None:
        return values.flatten(2).mean(2)
    return (values * valid).flatten(2).sum(2) / valid.flatten(2).sum(2).clamp(min=1)


class BoundaryLoss(SegmentationLoss):
    """Mean over voxels of p times the signed distance to the label. Range (-inf, inf).

    The map ``signed_distance`` is floating point, in millimetres with the case's spacing. With
    one channel per foreground class each class has a boundary of its own. With a single channel,
    as ``tubekit.data`` makes it, it is that of the union of all classes and is multiplied with
    the probability of being any of them, the sum over the classes.

    A map made of a whole case and then cut into patches knows the label outside a patch; a map
    made of a patch does not, and is 0 in a patch without boundary. The gradient is the map
    itself, blind to the prediction, and nothing is gained in a voxel of distance 0: sum this
    loss with a regional one. The authors shift the weight from that one to this one slowly.

    Args:
        **options: see ``SegmentationLoss``. With ``include_background`` and ``multi_label`` the
            map has one channel per channel of the logits.
    Raises:
        ValueError: an argument out of range, or an option that the loss refuses.

    Example:
        >>> import torch
        >>> distances = torch.tensor([[[[2.0, 1.0, -1.0]]]])  # positive outside
        >>> loss = BoundaryLoss()
        >>> loss(30 - 60 * (distances > 0).float(), distances < 0, signed_distance=distances)
        tensor(-0.3333)
    """

    needs = ("signed_distance",)
    reduces = True

    def from_logits(
        self, logits: Logits, target: Labels, *, valid: Known = None, **maps: Tensor
    ) -> Value:
        probs, distances = self.probs(logits), maps["signed_distance"]
        if not distances.is_floating_point():
            raise ValueError(
                f"signed_distance must be floating point, got {distances.dtype}; make it without "
                "a cast, which cuts the distances to whole numbers"
            )
        union = not (self.include_background or self.multi_label)
        allowed = [1, probs.shape[1]] if union else [probs.shape[1]]
        if distances.shape[1] not in allowed:
            raise ValueError(
                f"signed_distance must have {'one channel or ' if union else ''}{allowed[-1]}, one "
                f"per {'foreground ' if union else ''}class, got {distances.shape[1]}; leave out "
                "what the loss leaves out"
            )
        if distances.shape[1] < probs.shape[1]:
            if self.weight is not None:
                raise ValueError(
                    f"weight needs a signed_distance with one channel per class, got one channel "
                    f"for the union of {probs.shape[1]} classes; pass a map for each, or no weight"
                )
            probs = probs.sum(1, keepdim=True)
        distances = distances.to(probs.dtype)
        if self.reduction != "mean":
            return self.reduce(means(probs * distances.detach(), valid), pos)
        if self.weight is not None:
            probs = probs * class_factors(self.weight, probs)
        return boundary_loss(probs, distances, valid=valid)
