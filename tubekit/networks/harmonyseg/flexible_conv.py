"""The flexible convolution block: several receptive fields for the price of one chain."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from tubekit._accept import numbers, taking
from tubekit.networks.blocks import CONVS, LEAK, conv_norm


class FlexibleConv(nn.Module):
    """Three convolutions in a row, tapped after each, so the block sees 3, 5 and 7 voxels wide.

    Parallel branches of one, two and three convolutions would repeat the first ones; one chain
    with three taps holds the same receptive fields. The taps are concatenated, mixed by a 1x1
    convolution, and added to the input. Stacked convolutions leave no holes as dilated ones do.

    The paper names parallel and stacked convolutions and the 1x1 convolution at the end; the
    number of taps, their width (half the output) and the shortcut are choices made here. The
    shortcut has no norm, because the norm of a single input channel would cancel its weights.

    Args:
        ndim: 2 or 3 spatial axes.
        in_channels: channels of the input.
        out_channels: channels of the output.
        stride: of the first convolution and of the shortcut.

    Example:
        >>> import torch
        >>> from tubekit.networks import FlexibleConv
        >>> layer = FlexibleConv(2, 4, 8, stride=2)
        >>> layer(torch.zeros(1, 4, 16, 16)).shape
        torch.Size([1, 8, 8, 8])

    Reference: Huang et al., ICCV 2025, arXiv:2504.07827 (flexible convolution block).
    """

    @taking(numbers)
    def __init__(self, ndim: int, in_channels: int, out_channels: int, *, stride: int = 1) -> None:
        super().__init__()
        width = max(out_channels // 2, 1)
        self.chain = nn.ModuleList(
            conv_norm(ndim, inputs, width, stride=step, leak=LEAK)
            for inputs, step in ((in_channels, stride), (width, 1), (width, 1))
        )
        self.mix = conv_norm(ndim, 3 * width, out_channels, kernel=1)
        self.shortcut = (
            nn.Identity()
            if in_channels == out_channels and stride == 1
            else CONVS[ndim](in_channels, out_channels, 1, stride, bias=False)
        )

    def forward(self, x: Float[Tensor, "b i *s"]) -> Float[Tensor, "b o *t"]:
        """Features (b out_channels *s/stride)."""
        taps = [x]
        for layer in self.chain:
            taps.append(layer(taps[-1]))
        mixed = self.mix(torch.cat(taps[1:], dim=1))
        return F.leaky_relu(mixed + self.shortcut(x), LEAK, inplace=True)
