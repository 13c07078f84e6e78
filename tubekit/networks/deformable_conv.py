"""Deformable convolution: every tap of the kernel moves by an offset of its own."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from tubekit import _check
from tubekit._accept import numbers, taking
from tubekit.networks.blocks import CONVS


def deformable_conv(
    features: Float[Tensor, "b c *s"],
    offsets: Float[Tensor, "b n k *s"],
    weight: Float[Tensor, "o i *t"],
    bias: Float[Tensor, " o"] | None = None,
) -> Float[Tensor, "b o *s"]:
    """Convolution whose taps read, by linear interpolation, beside their places on the grid.

    Everything outside the image is 0. Offsets of 0 make it an ordinary convolution with zero
    padding, exactly. The derivative at whole offsets is that towards larger ones. An offset that
    is NaN makes its voxel NaN.

    Args:
        features: 2-D or 3-D, any spatial size; half precision is computed in float32.
        offsets: in voxels, of all k taps along each of the n axes, both in array order.
        weight: of an ordinary convolution, an odd number of taps along every axis.
        bias: added per output channel.
    Returns:
        The convolved features, on the same grid and in their type.
    Raises:
        ValueError: shapes do not fit.
    Reference: Dai et al., Deformable Convolutional Networks, ICCV 2017, equations 2 to 4.
    """
    _check.dimensions("features", features, (4, 5))
    size, kernel = features.shape[2:], weight.shape[2:]
    wanted = (len(features), len(size), kernel.numel(), *size)
    fits = len(kernel) == len(size) and all(k % 2 for k in kernel)
    if tuple(offsets.shape) != wanted or not fits or weight.shape[1] != features.shape[1]:
        raise ValueError(
            f"expected offsets of shape {wanted} and a weight (o, {features.shape[1]}, odd sizes "
            f"along {len(size)} axes) beside features {tuple(features.shape)}, got "
            f"{tuple(offsets.shape)} and {tuple(weight.shape)}; predict one offset per axis and tap"
        )
    wide = torch.promote_types(features.dtype, torch.float32)
    with torch.autocast(features.device.type, enabled=False):
        out = _by_taps(features.to(wide), offsets.to(wide), weight.to(wide))
        if bias is not None:
            out = out + bias.to(wide).view(-1, *[1] * len(size))
    return out.to(features.dtype)


def _by_taps(features: Tensor, offsets: Tensor, weight: Tensor) -> Tensor:
    """One tap after the other; the backward pass makes its samples anew instead of keeping them."""
    size, kernel = features.shape[2:], weight.shape[2:]
    # grid_sample counts from -1 to 1. Over sizes that are powers of two such fractions of whole
    # positions are exact, so that a tap which does not move reads one voxel alone.
    room = [1 << (int(n) - 1).bit_length() for n in size]
    behind = [p for n, r in zip(size, room, strict=True) for p in (r - n, 0)]
    padded = F.pad(features, behind[::-1])
    points = []
    for axis, (n, k) in enumerate(zip(size, kernel, strict=True)):
        here = [1] * len(size)
        here[axis] = -1
        grid = torch.arange(n).to(offsets).view(here)
        step = (torch.arange(k) - k // 2).to(offsets).view(here).expand(kernel)
        place = grid + step.reshape(-1, *[1] * len(size)) + offsets[:, axis]
        points.append((2 * place + 1) / room[axis] - 1)
    where = torch.stack(points[::-1], -1)  # (b k *s n), its last axis comes first
    out = features.new_zeros((len(features), len(weight), *size))
    for tap, matrix in enumerate(weight.flatten(2).unbind(2)):
        part = (padded, where[:, tap], matrix)
        out = out + checkpoint(_tap, *part, use_reentrant=False, preserve_rng_state=False)
    # grid_sample may take a place that is NaN for one outside the image.
    return out.masked_fill(offsets.isnan().flatten(1, 2).any(1, keepdim=True), torch.nan)


def _tap(padded: Tensor, where: Tensor, weight: Tensor) -> Tensor:
    sampled = F.grid_sample(padded, where, padding_mode="zeros", align_corners=False)
    return torch.einsum("bc...,oc->bo...", sampled, weight)


class DeformableConv(nn.Module):
    """Convolution that reads from the features how far each of its taps moves.

    It starts as an ordinary convolution: the convolution that predicts the offsets starts at 0.

    Args:
        ndim: 2 or 3 spatial axes.
        in_channels: of the features.
        out_channels: of the result.
        kernel: taps along every axis, odd.
        bias: add a bias per output channel.
    Raises:
        ValueError: an argument out of range; in ``forward``, features that do not fit.

    Example:
        >>> import torch
        >>> from tubekit.networks import DeformableConv
        >>> layer = DeformableConv(2, 4, 3)
        >>> layer(torch.zeros(1, 4, 9, 8)).shape
        torch.Size([1, 3, 9, 8])

    Reference: Dai et al., Deformable Convolutional Networks, ICCV 2017, section 2.1.
    """

    @taking(numbers)
    def __init__(
        self, ndim: int, in_channels: int, out_channels: int, *, kernel: int = 3, bias: bool = True
    ) -> None:
        super().__init__()
        _check.option("ndim", ndim, tuple(CONVS))
        if kernel < 1 or kernel % 2 == 0:
            raise ValueError(f"kernel must be odd and positive, got {kernel}; 3 is the paper's")
        conv, half = CONVS[ndim], kernel // 2
        self.offsets = conv(in_channels, ndim * kernel**ndim, kernel, padding=half)
        # Holds weight and bias; what draws weights takes it for the convolution that it is.
        self.conv = conv(in_channels, out_channels, kernel, padding=half, bias=bias)
        self.ndim = ndim
        self.straighten()

    def straighten(self) -> None:
        """Predict offsets of 0, whatever the features."""
        for parameter in self.offsets.parameters():
            nn.init.zeros_(parameter)

    def forward(self, features: Float[Tensor, "b c *s"]) -> Float[Tensor, "b o *s"]:
        """Features of ``out_channels`` channels on the same grid."""
        _check.dimensions("features", features, (self.ndim + 2,))
        offsets = self.offsets(features).unflatten(1, (self.ndim, -1))
        return deformable_conv(features, offsets, *self.conv.parameters())
