"""Stages that several networks are made of, and the U shape they are put together to."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from tubekit.networks.blocks import CONVS, LEAK, MAX_POOLS, activation, check_image, conv_norm


def conv_stage(
    ndim: int,
    in_channels: int,
    out_channels: int,
    *,
    blocks: int = 2,
    kernel: int | Sequence[int] = 3,
    stride: int | Sequence[int] = 1,
    norm: str = "instance",
    bias: bool = False,
    leak: float = LEAK,
) -> nn.Sequential:
    """``blocks`` times convolution, normalisation, activation; the first one has the stride.

    Arguments as in ``conv_norm``.
    """
    layers: list[nn.Module] = []
    for block in range(blocks):
        inputs, step = (out_channels, 1) if block else (in_channels, stride)
        layer = conv_norm(
            ndim, inputs, out_channels, kernel=kernel, stride=step, norm=norm, bias=bias
        )
        layers += [layer, activation(leak)]
    return nn.Sequential(*layers)


def halve(features: Float[Tensor, "b c *s"]) -> Float[Tensor, "b c *t"]:
    """The largest of every two voxels along each axis."""
    return MAX_POOLS[features.ndim - 2](features, 2)


def resize(features: Float[Tensor, "b c *s"], size: Sequence[int]) -> Float[Tensor, "b c *t"]:
    """Linear interpolation to another size, the outer borders of both grids in one place."""
    if tuple(size) == tuple(features.shape[2:]):
        return features
    mode = "bilinear" if features.ndim == 4 else "trilinear"
    return F.interpolate(features, size=tuple(size), mode=mode, align_corners=False)


class UShape(nn.Module):
    """Encoder and decoder with skip connections, of any kind of stage that keeps the grid.

    Max pooling goes down, linear interpolation up; the skip is concatenated behind. Weights are
    those that the stages draw.

    Args:
        ndim: 2 or 3 spatial axes.
        in_channels: channels of the image.
        out_channels: channels of the logits; 1 means binary.
        features: channels per stage, full resolution first.
        encode: ``encode(channels in, channels out)`` makes a stage of the encoder.
        decode: the same for the decoder.

    Attributes:
        divisor: the image size along each axis must be a multiple of this.
    """

    def __init__(
        self,
        ndim: int,
        in_channels: int,
        out_channels: int,
        features: Sequence[int],
        *,
        encode: Callable[[int, int], nn.Module],
        decode: Callable[[int, int], nn.Module],
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.divisor = (2 ** (len(features) - 1),) * ndim
        self.encoder = nn.ModuleList(encode(i, o) for i, o in pairwise((in_channels, *features)))
        # Fine to coarse, as everywhere.
        self.decoder = nn.ModuleList(
            decode(fine + coarse, fine) for fine, coarse in pairwise(features)
        )
        self.head = CONVS[ndim](features[0], out_channels, 1)

    def forward(self, image: Float[Tensor, "b c *s"]) -> Float[Tensor, "b k *s"]:
        """Logits at the size of the image."""
        check_image(image, channels=self.in_channels, divisor=self.divisor, weights=self)
        skips = [self.encoder[0](image)]
        for stage in self.encoder[1:]:
            skips.append(stage(halve(skips[-1])))  # (b features[i] *s/2**i)
        x = skips.pop()
        for stage in reversed(self.decoder):
            skip = skips.pop()
            x = stage(torch.cat((resize(x, skip.shape[2:]), skip), dim=1))
        logits: Tensor = self.head(x)
        return logits
