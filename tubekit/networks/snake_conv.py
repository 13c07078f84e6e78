"""Dynamic snake convolution: a kernel that bends along a tube."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tubekit import _check
from tubekit._accept import numbers, taking
from tubekit.networks.blocks import CONVS
from tubekit.networks.snake_sampling import CompiledSnake, runs_compiled, snake_conv_by_taps


def snake_curve(
    offsets: Float[Tensor, "b m t *s"], extent: float = 1.0, *, as_released: bool = False
) -> Float[Tensor, "b m k *s"]:
    """Deviation of every tap from the straight kernel, summed up from the centre outwards.

    The centre stays where it is. Each tap deviates from its inner neighbour by its own offset,
    so offsets in [-1, 1] keep the kernel in one piece.

    Args:
        offsets: in voxels, of the t = k - 1 taps other than the centre in the order of the axis,
            along each of the m axes that the kernel can bend to.
        extent: factor on all deviations.
        as_released: the tips keep their own offset alone and pass no gradient, as in the authors'
            first 2-D code, whose sum ends one tap early.
    Returns:
        Deviations in voxels, k = t + 1 taps.
    Reference: Qi et al., Dynamic Snake Convolution, ICCV 2023, equations 2 to 5.
    """
    taps = offsets.shape[2]
    half = taps // 2
    # Row k of the matrix sums the offsets between the centre and tap k.
    sums = offsets.new_zeros((taps + 1, taps))
    sums[:half, :half] = torch.ones_like(sums[:half, :half]).triu()
    sums[half + 1 :, half:] = torch.ones_like(sums[:half, :half]).tril()
    with torch.autocast(offsets.device.type, enabled=False):
        if not as_released:
            return torch.einsum("kt,bmt...->bmk...", extent * sums, offsets)
        tips = torch.zeros_like(sums)
        tips[0, 0] = tips[-1, -1] = 1
        sums[0] = sums[-1] = 0
        moved = torch.einsum("kt,bmt...->bmk...", sums, offsets)
        return extent * (moved + torch.einsum("kt,bmt...->bmk...", tips, offsets.detach()))


def snake_conv(
    features: Float[Tensor, "b c *s"],
    curve: Float[Tensor, "b m k *s"],
    weight: Float[Tensor, "o i t"],
    bias: Float[Tensor, " o"] | None = None,
    *,
    axis: int,
) -> Float[Tensor, "b o *s"]:
    """Convolution with a line of k taps, each moved sideways by its own deviation.

    Along ``axis`` the taps are whole voxels apart; across it the features are interpolated
    linearly. Everything outside the image is 0. Without deviations this is an ordinary
    convolution with a kernel of k voxels along ``axis`` and 1 across, and zero padding.

    Args:
        features: 2-D or 3-D, any spatial size; half precision is computed in float32.
        curve: deviations in voxels along the other m axes, in array order (``snake_curve``).
        weight: of output channel o, input channel i and tap t, an odd number of taps.
        bias: added per output channel.
        axis: spatial axis of the straight kernel, 0 is the first one after the channels.
    Returns:
        The convolved features, on the same grid and in their type.
    Raises:
        ValueError: shapes do not fit.
    Reference: Qi et al., ICCV 2023, equations 2 to 6.
    """
    _check.dimensions("features", features, (4, 5))
    size = features.shape[2:]
    _check.option("axis", axis, range(len(size)))
    taps = weight.shape[2]
    wanted = (len(features), len(size) - 1, taps, *size)
    if tuple(curve.shape) != wanted or taps % 2 == 0 or weight.shape[1] != features.shape[1]:
        raise ValueError(
            f"expected a curve of shape {wanted} and a weight (o, {features.shape[1]}, odd k) "
            f"beside features {tuple(features.shape)}, got {tuple(curve.shape)} and "
            f"{tuple(weight.shape)}; make the curve of k - 1 offsets per axis across"
        )
    wide = torch.promote_types(features.dtype, torch.float32)
    with torch.autocast(features.device.type, enabled=False):
        run = CompiledSnake.apply if runs_compiled(features) else snake_conv_by_taps
        out: Tensor = run(features.to(wide), curve.to(wide), weight.to(wide), axis)
        if bias is not None:
            out = out + bias.to(wide).view(-1, *[1] * len(size))
    return out.to(features.dtype)


class SnakeConv(nn.Module):
    """Convolution with a straight kernel along one axis that learns to bend across it.

    An ordinary convolution of 3 voxels reads from the features how far each tap moves against its
    inner neighbour, at most one voxel (times ``extent``); the centre does not move.

    The authors normalise the offsets with a batch norm, and predict offsets of the centre and
    along the kernel's own axis that nothing reads. Here the norm takes each axis of each sample
    alone, so that training and evaluation agree, and every offset is used.

    Args:
        ndim: 2 or 3 spatial axes.
        in_channels: of the features.
        out_channels: of the result.
        kernel: taps, odd, at least 3.
        axis: spatial axis of the straight kernel, 0 is the first one after the channels.
        extent: factor on all deviations; above 1 the kernel may have gaps.
        as_released: see ``snake_curve``.
    Raises:
        ValueError: an argument out of range; in ``forward``, features that do not fit.

    Example:
        >>> import torch
        >>> from tubekit.networks import SnakeConv
        >>> layer = SnakeConv(2, 4, 3, axis=1)
        >>> layer(torch.zeros(1, 4, 9, 8)).shape
        torch.Size([1, 3, 9, 8])

    Reference: Qi et al., Dynamic Snake Convolution, ICCV 2023.
    """

    @taking(numbers)
    def __init__(
        self,
        ndim: int,
        in_channels: int,
        out_channels: int,
        *,
        kernel: int = 9,
        axis: int = 0,
        extent: float = 1.0,
        as_released: bool = False,
    ) -> None:
        super().__init__()
        _check.option("ndim", ndim, tuple(CONVS))
        _check.option("axis", axis, range(ndim))
        if kernel < 3 or kernel % 2 == 0:
            raise ValueError(f"kernel must be odd and at least 3, got {kernel}; 9 is the paper's")
        if not 0 < extent < math.inf:
            raise ValueError(f"extent must be positive and finite, got {extent}; 1 is the paper's")
        moving = (ndim - 1) * (kernel - 1)
        self.offsets = nn.Sequential(
            CONVS[ndim](in_channels, moving, 3, padding=1),
            nn.GroupNorm(ndim - 1, moving),
            nn.Tanh(),
        )
        # Drawn as torch draws an ordinary convolution of this kernel.
        bound = 1 / math.sqrt(in_channels * kernel)
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, kernel))
        self.bias = nn.Parameter(torch.empty(out_channels))
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.uniform_(self.bias, -bound, bound)
        self.ndim, self.axis, self.extent, self.as_released = ndim, axis, extent, as_released

    def curve(self, features: Float[Tensor, "b c *s"]) -> Float[Tensor, "b m k *s"]:
        """Deviation of every tap in voxels, along the other axes in array order."""
        _check.dimensions("features", features, (self.ndim + 2,))
        offsets = self.offsets(features)
        # Half precision is too coarse for sums that become positions.
        wide = offsets.to(torch.promote_types(offsets.dtype, torch.float32))
        return snake_curve(
            wide.unflatten(1, (self.ndim - 1, -1)), self.extent, as_released=self.as_released
        )

    def forward(self, features: Float[Tensor, "b c *s"]) -> Float[Tensor, "b o *s"]:
        """Features of ``out_channels`` channels on the same grid."""
        return snake_conv(features, self.curve(features), self.weight, self.bias, axis=self.axis)


class DynamicSnakeConv(nn.Module):
    """One layer of DSCNet: an ordinary convolution beside a snake along every axis, then fused.

    Every branch and the fusing convolution of 3 voxels end in a group norm of four channels per
    group and a ReLU.

    Args:
        ndim: 2 or 3 spatial axes.
        in_channels: of the features.
        out_channels: of every branch and of the result, a multiple of 4.
        kernel: see ``SnakeConv``.
        extent: see ``SnakeConv``.
    Raises:
        ValueError: an argument out of range.

    Example:
        >>> import torch
        >>> from tubekit.networks import DynamicSnakeConv
        >>> layer = DynamicSnakeConv(2, 4, 8)
        >>> layer(torch.zeros(1, 4, 9, 8)).shape
        torch.Size([1, 8, 9, 8])

    Reference: Qi et al., ICCV 2023, figure 2, the encoder's layer.
    """

    @taking(numbers)
    def __init__(
        self,
        ndim: int,
        in_channels: int,
        out_channels: int,
        *,
        kernel: int = 9,
        extent: float = 1.0,
    ) -> None:
        super().__init__()
        _check.option("ndim", ndim, tuple(CONVS))
        if out_channels < 4 or out_channels % 4:
            raise ValueError(f"out_channels must be a multiple of 4, got {out_channels}; round up")

        def normed(conv: nn.Module) -> nn.Sequential:
            return nn.Sequential(conv, nn.GroupNorm(out_channels // 4, out_channels), nn.ReLU())

        snakes = (
            SnakeConv(ndim, in_channels, out_channels, kernel=kernel, axis=axis, extent=extent)
            for axis in range(ndim)
        )
        plain = CONVS[ndim](in_channels, out_channels, 3, padding=1)
        self.branches = nn.ModuleList(normed(conv) for conv in (plain, *snakes))
        fused = CONVS[ndim]((ndim + 1) * out_channels, out_channels, 3, padding=1)
        self.fuse = normed(fused)

    def forward(self, features: Float[Tensor, "b c *s"]) -> Float[Tensor, "b o *s"]:
        """Features of ``out_channels`` channels on the same grid."""
        fused: Tensor = self.fuse(torch.cat([branch(features) for branch in self.branches], 1))
        return fused
