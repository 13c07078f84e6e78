"""Spatial prior: what a prediction costs among neighbours of similar intensity."""

from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from tubekit import _check
from tubekit._accept import Whole, whole
from tubekit._recorded import recorded, with_slope
from tubekit.geometry.similarity import similar_neighbours
from tubekit.losses.base import Known, Labels, Logits, Probs, SegmentationLoss, Value, positive

FORMS = ("printed", "potts")
RADIUS = {2: 5, 3: 2}
"""Of the window by number of spatial axes; the paper gives none."""


def spatial_prior(
    probs: Float[Tensor, "b k *s"],
    image: Float[Tensor, "b c *s"],
    *,
    form: str = "printed",
    radius: Whole | None = None,
    sigma_position: float | None = None,
    sigma_intensity: float = 0.1,
    valid: Bool[Tensor, "b 1 *s"] | None = None,
) -> Float[Tensor, ""]:
    """Mean over all pairs (i, j) of a window of similarity times p_i p_j, or p_i (1 - p_j).

    ``"printed"`` charges two similar neighbours for both being foreground: a price on size, least
    for an empty prediction. ``"potts"`` charges them for being different, as the gated random
    field that the paper builds on.

    The similarity is exp(-|l_i - l_j|^2 / (2 sigma_position^2) - |c_i - c_j|^2 /
    (2 sigma_intensity^2)) with position l and intensity c. A voxel is no neighbour of its own;
    pairs that leave the grid or ``valid`` are 0 in the mean.

    Args:
        probs: foreground probabilities in [0, 1]; half precision is computed in float32.
        image: c, as ``unit_range`` scales it; a constant.
        form: ``"printed"`` or ``"potts"``.
        radius: of the window in voxels; ``None`` means 2 in 3-D and 5 in 2-D.
        sigma_position: in voxels; ``None`` means ``radius``.
        sigma_intensity: in the unit of ``image``.
        valid: voxels that count; ``None`` means all.
    Returns:
        A value in [0, 1), averaged over samples and classes. It has a first derivative only.
    Raises:
        ValueError: an unknown form, a window without size, not 2 or 3 spatial axes, or shapes
            differ.

    Equation: :eq:`eq-spatial-prior`

    Reference: Huang et al., HarmonySeg, ICCV 2025, equation 7, a sum there; the mean, radius and
    both sigmas are ours. Obukhov et al., Gated CRF loss, arXiv:1906.04651, for the other form.

    Example:
        >>> import torch
        >>> from tubekit.losses import spatial_prior
        >>> probs, masks = torch.tensor([[[[0.2, 0.6, 1.0]]]]), torch.tensor([[[[0.0, 1.0, 1.0]]]])
        >>> spatial_prior(probs, masks, radius=1)
        tensor(0.0303)
    """
    radius = _checked_radius(form, radius, sigma_position, sigma_intensity)
    _check.dimensions("probs (batch, channel and 2 or 3 spatial axes)", probs, (4, 5))
    _check.same_shape(probs=probs[:, 0], image=image[:, 0])
    probs = probs.to(torch.promote_types(probs.dtype, torch.float32))
    ndim = probs.ndim - 2
    window = RADIUS[ndim] if radius is None else radius
    neighbours = (2 * window + 1) ** ndim - 1
    sigmas = float(window if sigma_position is None else sigma_position), sigma_intensity
    known = torch.ones_like(probs[:, :1]) if valid is None else valid.to(probs.dtype)
    if valid is not None:
        probs = probs * known
    others = image, known, form == "potts", window, *sigmas
    if recorded():
        energy = with_slope(*energy_and_slope(probs.detach(), *others), probs)
    else:
        energy = _Energy.apply(probs, *others)
    return energy / (known.sum() * probs.shape[1] * neighbours).clamp(min=1)


def _checked_radius(
    form: str, radius: Whole | None, sigma_position: float | None, sigma_intensity: float
) -> int | None:
    _check.option("form", form, FORMS)
    own = {} if sigma_position is None else {"sigma_position": sigma_position}
    positive(**own, sigma_intensity=sigma_intensity)
    return None if radius is None else whole("radius", radius)


def energy_and_slope(
    probs: Tensor,
    image: Tensor,
    known: Tensor,
    potts: bool,
    radius: int,
    sigma_position: float,
    sigma_intensity: float,
) -> tuple[Tensor, Tensor]:
    """Sum over pairs and its gradient, from one pass: the sums over neighbours are both."""
    summed = similar_neighbours(
        torch.cat([probs, known], 1) if potts else probs,
        image,
        radius=radius,
        sigma_position=sigma_position,
        sigma_intensity=sigma_intensity,
    )
    # With K the symmetric matrix of similarities: p' K p, or p' K (1 - p).
    if potts:
        around, everyone = summed[:, :-1], summed[:, -1:]
        return (probs * (everyone - around)).sum(), everyone - 2 * around
    return (probs * summed).sum(), 2 * summed


class _Energy(torch.autograd.Function):
    """``energy_and_slope`` with the slope as its backward pass."""

    @staticmethod
    def forward(ctx: Any, probs: Tensor, *others: Any) -> Tensor:
        value, slope = energy_and_slope(probs, *others)
        ctx.save_for_backward(probs, slope)
        return value

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        return _Gradient.apply(*ctx.saved_tensors, gradient), *[None] * 6


class _Gradient(torch.autograd.Function):
    """A function of its own, so that a second derivative is an error and not silently 0."""

    @staticmethod
    def forward(ctx: Any, probs: Tensor, of_probs: Tensor, gradient: Tensor) -> Tensor:
        return gradient * of_probs

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> None:
        raise RuntimeError(
            "expected one derivative of spatial_prior, got a second; write the sum over pairs "
            "with torch operations instead"
        )


def unit_range(
    image: Float[Tensor, "b c *s"], valid: Bool[Tensor, "b 1 *s"] | None = None
) -> Float[Tensor, "b c *s"]:
    """Scale each channel of each sample to [0, 1] by its least and largest valid value.

    A constant channel becomes 0, and so does everything outside ``valid``.
    """
    inside = torch.ones_like(image, dtype=torch.bool) if valid is None else valid
    axes = tuple(range(2, image.ndim))
    low = image.where(inside, torch.inf).amin(axes, keepdim=True)
    high = image.where(inside, -torch.inf).amax(axes, keepdim=True)
    scaled = (image - low) / (high - low).clamp(min=torch.finfo(image.dtype).tiny)
    return scaled.where(inside, 0)


class SpatialPriorLoss(SegmentationLoss):
    """Spatial prior of the foreground classes, each on its own. Range [0, 1).

    The map ``image`` is what the network sees; each channel of each sample is scaled to [0, 1] by
    its least and largest valid value first.

    Args:
        form: see ``spatial_prior``.
        radius: see ``spatial_prior``.
        sigma_position: see ``spatial_prior``.
        sigma_intensity: in shares of the range of a sample's intensities.
        image_channels: only the first so many channels are intensities, the rest are computed
            maps such as vesselness; ``None`` means all.
        **options: see ``SegmentationLoss``.
    Raises:
        ValueError: an argument out of range, or an option that the loss refuses.

    Example:
        >>> import torch
        >>> from tubekit.losses import SpatialPriorLoss
        >>> logits = torch.tensor([[[[-2.0, 1.0, 3.0]]]])
        >>> target = torch.tensor([[[[0, 1, 1]]]])
        >>> SpatialPriorLoss(radius=1)(logits, target, image=logits)
        tensor(1.1808e-05)
    """

    needs = ("image",)
    refuses = {  # noqa: RUF012
        "include_background": "the prior is one of the foreground",
        "weight": "pairs of all classes are summed together",
    }

    def __init__(
        self,
        form: str = "printed",
        radius: Whole | None = None,
        sigma_position: float | None = None,
        sigma_intensity: float = 0.1,
        image_channels: Whole | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.radius = _checked_radius(form, radius, sigma_position, sigma_intensity)
        self.form = form
        self.sigma_position, self.sigma_intensity = sigma_position, sigma_intensity
        given = None if image_channels is None else whole("image_channels", image_channels)
        self.image_channels = given

    def from_logits(
        self,
        logits: Logits,
        target: Labels,
        *,
        valid: Known = None,
        probs: Probs | None = None,
        **maps: Tensor,
    ) -> Value:
        probs, image = self.probs(logits) if probs is None else probs, maps["image"]
        if not image.is_floating_point() or image.shape[1] < (self.image_channels or 1):
            raise ValueError(
                f"image must be floating point with at least {self.image_channels or 1} channels, "
                f"got {image.dtype} with {image.shape[1]}; pass the network's input, or correct "
                "image_channels"
            )
        return spatial_prior(
            probs,
            unit_range(image[:, : self.image_channels].to(probs.dtype), valid),
            form=self.form,
            radius=self.radius,
            sigma_position=self.sigma_position,
            sigma_intensity=self.sigma_intensity,
            valid=valid,
        )
