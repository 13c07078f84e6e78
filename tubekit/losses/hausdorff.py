"""Hausdorff loss in its distance-transform form: errors cost more, the farther from a boundary."""

from collections.abc import Sequence
from operator import pos
from typing import Any

import edt
import numpy as np
import torch
from jaxtyping import Bool, Float, Float32
from torch import Tensor

from tubekit import _check
from tubekit._machine import threads
from tubekit._recorded import opaque
from tubekit.losses.base import Known, Labels, Logits, SegmentationLoss, Value, positive
from tubekit.losses.batch import per_sample
from tubekit.losses.boundary import mean_of_valid, means
from tubekit.losses.classes import class_factors
from tubekit.types import Spacing

SIDES = ("both", "inside")
Spacings = Sequence[float] | Sequence[Sequence[float]] | np.ndarray | Tensor
"""Millimetres per voxel: (axes) for all samples, or (b axes)."""


def hausdorff_dt(
    probs: Float[Tensor, "b k *s"],
    masks: Float[Tensor, "b k *s"],
    *,
    alpha: float = 2.0,
    sides: str = "both",
    spacing: Spacings | None = None,
    valid: Bool[Tensor, "b 1 *s"] | None = None,
) -> Float[Tensor, ""]:
    """Mean over voxels and classes of (p - y)^2 (d_p^alpha + d_y^alpha).

    d_y is the distance to the boundary of the label, d_p that to the boundary of the prediction,
    thresholded above 0.5. Both are constants: the gradient flows through (p - y)^2 alone.

    Args:
        probs: foreground probabilities in [0, 1].
        masks: one-hot truth in {0, 1}.
        alpha: exponent of the distances, above 0; the larger, the more the far errors count.
        sides: see ``squared_distances``.
        spacing: see ``squared_distances``.
        valid: voxels that count; the others are neither object nor background.
    Returns:
        A number >= 0, 0 for the label itself.
    Raises:
        ValueError: shapes differ, or an unknown option.

    Equation: :eq:`eq-hausdorff-dt`

    Reference: Karimi and Salcudean, Reducing the Hausdorff distance in medical image
    segmentation with convolutional neural networks, IEEE TMI 2019, the loss by distance
    transforms; ``sides="inside"`` as in Ma et al., MIDL 2020.

    Example:
        >>> import torch
        >>> from tubekit.losses import hausdorff_dt
        >>> probs, masks = torch.tensor([[[[0.2, 0.6, 1.0]]]]), torch.tensor([[[[0.0, 1.0, 1.0]]]])
        >>> hausdorff_dt(probs, masks)
        tensor(0.1333)
    """
    _check.same_shape(probs=probs, masks=masks)
    positive(alpha=alpha)
    return mean_of_valid(_weighted_errors(probs, masks, alpha, sides, spacing, valid), valid)


def _weighted_errors(
    probs: Float[Tensor, "b k *s"],
    masks: Float[Tensor, "b k *s"],
    alpha: float,
    sides: str,
    spacing: Spacings | None,
    valid: Bool[Tensor, "b 1 *s"] | None,
) -> Float[Tensor, "b k *s"]:
    of_probs, of_masks = (
        squared_distances(shape, sides=sides, spacing=spacing, valid=valid)
        for shape in (probs.detach() > 0.5, masks > 0.5)
    )
    if alpha != 2:
        of_probs, of_masks = of_probs.pow(alpha / 2), of_masks.pow(alpha / 2)
    weights = (of_probs + of_masks).to(probs.dtype)
    return (probs - masks).square() * weights


def squared_distances(
    masks: Bool[Tensor, "b k *s"],
    *,
    sides: str = "both",
    spacing: Spacings | None = None,
    valid: Bool[Tensor, "b 1 *s"] | None = None,
) -> Float32[Tensor, "b k *s"]:
    """Squared distance of each voxel to the nearest one of the other kind, per sample and class.

    Args:
        masks: objects; 2-D or 3-D.
        sides: ``"both"``: of object voxels to the background and of background voxels to the
            object. ``"inside"``: of object voxels to the background, 0 elsewhere.
        spacing: millimetres per voxel in array order, (axes), or (b axes) where samples differ;
            ``None`` means voxels.
        valid: voxels outside it are neither object nor background, and their values mean nothing.
    Returns:
        Squared millimetres. All 0 for an empty mask and for a full one: they have no boundary.
    Raises:
        ValueError: an unknown option, or a spacing that does not fit.
    """
    _check.option("sides", sides, SIDES)
    rows = per_sample(spacing, len(masks), masks.ndim - 2)
    alike = rows[:1] if len(set(rows)) == 1 else rows
    return distance_field(masks, sides, [step for row in alike for step in row], valid)


@opaque(lambda masks, *rest: torch.empty_like(masks, dtype=torch.float32))
def distance_field(masks: Tensor, sides: str, steps: list[float], valid: Tensor | None) -> Tensor:
    """``squared_distances`` with as many steps as axes, or as many for every sample."""
    ndim = masks.ndim - 2
    if len(steps) > ndim:
        alone = [
            distance_field(
                masks[i : i + 1],
                sides,
                steps[i * ndim : (i + 1) * ndim],
                None if valid is None else valid[i : i + 1],
            )
            for i in range(len(masks))
        ]
        return torch.cat(alone)
    if masks.device.type == "cpu" and valid is None:
        fields = [_two_sided(m, tuple(steps)) for m in masks.flatten(0, 1).numpy()]
        field = torch.from_numpy(np.stack(fields)).view(masks.shape)
        return field if sides == "both" else field * masks
    sizes = tuple(steps)
    known = torch.ones_like(masks) if valid is None else valid.expand_as(masks)
    to_background = squared_distances_to(known & ~masks, sizes)
    outside = squared_distances_to(known & masks, sizes) if sides == "both" else 0.0
    field = torch.where(masks, to_background, outside)
    return torch.where(field.isfinite(), field, 0.0)


def _two_sided(mask: Bool[np.ndarray, "*s"], steps: Spacing) -> Float32[np.ndarray, "*s"]:
    if mask.all() or not mask.any():
        return np.zeros(mask.shape, np.float32)
    # As labels 1 and 2, each measured to the other: one transform for both sides.
    labels = np.ascontiguousarray(mask).view(np.uint8) + np.uint8(1)
    return edt.edtsq(labels, anisotropy=steps, parallel=threads())


def squared_distances_to(
    sites: Bool[Tensor, "b k *s"], steps: Spacing
) -> Float32[Tensor, "b k *s"]:
    """Squared distance of every voxel to the nearest site; infinite where there is none."""
    if sites.device.type == "cpu":
        rest = (~sites).flatten(0, 1).numpy()
        fields = [edt.edtsq(r, anisotropy=steps, parallel=threads()) for r in rest]
        return torch.from_numpy(np.stack(fields)).view(sites.shape)
    return lower_envelopes(sites, steps)


def lower_envelopes(sites: Bool[Tensor, "b k *s"], steps: Spacing) -> Float32[Tensor, "b k *s"]:
    """``squared_distances_to`` in tensor operations, on any device.

    Axis by axis, min over s of f(x + s) + (s h)^2: after the last axis the squared distance.
    """
    squared = torch.where(sites, 0.0, torch.inf)
    for axis, step in enumerate(steps, start=2):
        best, size = squared.clone(), squared.shape[axis]
        for shift in range(1, size):
            for at, source in ((0, shift), (shift, 0)):
                here = best.narrow(axis, at, size - shift)
                there = squared.narrow(axis, source, size - shift) + (shift * step) ** 2
                torch.minimum(here, there, out=here)
        squared = best
    return squared


class HausdorffDTLoss(SegmentationLoss):
    """Errors weighted with the distances to the boundaries of label and prediction. Range [0, inf).

    Each class is measured on its own. Sum it with a regional loss: an error at the boundary
    costs little here, and an empty prediction of an empty label nothing.

    Args:
        alpha: see ``hausdorff_dt``; the paper's 2.
        sides: see ``squared_distances``.
        spacing: millimetres per voxel in array order, the same for all cases; ``None`` means
            distances in voxels. A call may bring its own: ``loss(..., spacing=...)``, (axes) or
            (b axes).
        **options: see ``SegmentationLoss``.
    Raises:
        ValueError: an argument out of range, or an option that the loss refuses.

    Example:
        >>> import torch
        >>> logits, target = torch.zeros(2, 1, 4, 4), torch.eye(4, dtype=torch.long)
        >>> target = target.expand(2, 1, 4, 4)
        >>> loss = HausdorffDTLoss(reduction="none")
        >>> loss(logits, target, spacing=[(1.0, 1.0), (2.0, 2.0)])
        tensor([[0.4375],
                [1.7500]])
    """

    optional = ("spacing",)
    reduces = True

    def __init__(
        self,
        alpha: float = 2.0,
        sides: str = "both",
        spacing: Sequence[float] | np.ndarray | Tensor | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        positive(alpha=alpha)
        _check.option("sides", sides, SIDES)
        self.alpha = alpha
        self.sides: str = sides
        self.spacing = None if spacing is None else _check.millimetres(spacing, len(spacing))

    def from_logits(
        self, logits: Logits, target: Labels, *, valid: Known = None, **maps: Any
    ) -> Value:
        probs = self.probs(logits)
        masks, spacing = self.masks(target, probs), maps.get("spacing", self.spacing)
        if self.reduction == "mean" and self.weight is None:
            return hausdorff_dt(
                probs, masks, alpha=self.alpha, sides=self.sides, spacing=spacing, valid=valid
            )
        errors = _weighted_errors(probs, masks, self.alpha, self.sides, spacing, valid)
        if self.reduction == "mean" and self.weight is not None:
            return mean_of_valid(errors * class_factors(self.weight, errors), valid)
        return self.reduce(means(errors, valid), pos)
