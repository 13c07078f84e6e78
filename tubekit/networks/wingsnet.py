"""WingsNet: encoder and decoder predict as two groups, so that deep layers learn about airways."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tubekit._accept import numbers, taking
from tubekit.networks.blocks import CONVS, LEAK, NORMS, check_arguments, check_image, kaiming
from tubekit.networks.stages import halve, resize
from tubekit.types import SegOutput


class _Layer(nn.Module):
    """Convolution, instance norm, LeakyReLU, then every voxel weighed by a gate in [0, 1]."""

    def __init__(self, ndim: int, channels_in: int, channels_out: int, dilation: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(
            CONVS[ndim](
                channels_in, channels_out, 3, padding=dilation, dilation=dilation, bias=False
            ),
            NORMS["instance"][ndim](channels_out, eps=1e-5, affine=True),
            nn.LeakyReLU(LEAK, inplace=True),
        )
        self.gate = CONVS[ndim](channels_out, 1, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.body(x)
        return x * self.gate(x).sigmoid()


class _Wing(nn.Module):
    """Logits from the side outputs of all layers of one group."""

    def __init__(self, ndim: int, widths: Sequence[int], out_channels: int) -> None:
        super().__init__()
        side = max(2, out_channels)
        self.sides = nn.ModuleList(CONVS[ndim](width, side, 1) for width in widths)
        self.merge = CONVS[ndim](side * len(widths), out_channels, 1)

    def forward(self, features: Sequence[Tensor], size: Sequence[int]) -> Tensor:
        sides = [resize(s(x), size) for s, x in zip(self.sides, features, strict=True)]
        logits: Tensor = self.merge(torch.cat(sides, dim=1))
        return logits


class WingsNet(nn.Module):
    """WingsNet-like baseline for airways: two wings of side outputs beside a U-Net.

    Every layer of the encoder gives a side output of two channels, which is brought to full
    resolution; a convolution of 1 voxel merges all of them to logits. The decoder does the same
    with its own layers. Both wings are supervised, so that the gradient reaches deep layers
    directly (``DeepSupervision`` with ``weights=(1, 1)``); the decoder's is the prediction.

    After the paper and its code: three layers per level down and two up, widths (the defaults
    give 8, 16, 32 / 32, 32, 64 / 64, 64, 64 / 64, 64, 64 and 64, 64 / 64, 32 / 32, 16), dilation,
    gates, two wings. Our reading: one gate per layer (their code has two below full resolution),
    an affine instance norm without biases before it, more than two side channels where there are
    more classes, no random removal of side outputs in training, interpolation with coinciding
    borders, images beside volumes.

    Args:
        ndim: 2 or 3 spatial axes.
        in_channels: channels of the image.
        out_channels: channels of the logits; 1 means binary.
        features: channels at the end of each level, full resolution first.
        deep_supervision: also return the encoder's wing; without it there is none.

    Attributes:
        divisor: the image size along each axis must be a multiple of this.

    Raises:
        ValueError: an argument out of range.

    Example:
        >>> import torch
        >>> from tubekit.networks import WingsNet
        >>> network = WingsNet(3, 1, 1, features=(4, 8))
        >>> network(torch.zeros(1, 1, 8, 8, 8)).logits.shape
        torch.Size([1, 1, 8, 8, 8])

    Reference: Zheng et al., Alleviating Class-wise Gradient Imbalance for Pulmonary Airway
        Segmentation, IEEE TMI 40(9), 2021.
    """

    @taking(numbers)
    def __init__(
        self,
        ndim: int,
        in_channels: int,
        out_channels: int,
        *,
        features: Sequence[int] = (32, 64, 64, 64),
        deep_supervision: bool = True,
    ) -> None:
        super().__init__()
        check_arguments("WingsNet", ndim, in_channels, out_channels, features=features)
        self.in_channels = in_channels
        self.deep_supervision = deep_supervision
        self.divisor = (2 ** (len(features) - 1),) * ndim
        first, last = features[0], len(features) - 1
        down = [(max(first // 4, 1), max(first // 2, 1), first)]
        down += [(a, a, b) for a, b in pairwise(features)]
        # Wide views where there are enough voxels: not at the entrance, not at the bottom.
        dilations = [(1, 1, 2), *[(1, 2, 2)] * (last - 1), (1, 1, 1)]
        up = [(first, max(first // 2, 1))]
        up += [(b, a) for a, b in pairwise(features[:-1])]

        def layers(channels: int, widths: Sequence[int], steps: Sequence[int]) -> nn.ModuleList:
            inputs = (channels, *widths[:-1])
            return nn.ModuleList(
                _Layer(ndim, *each) for each in zip(inputs, widths, steps, strict=True)
            )

        entering = (in_channels, *features[:-1])
        self.encoder = nn.ModuleList(map(layers, entering, down, dilations))
        # From below come the channels that the next level's decoder, or the bottom, ends in.
        below = [*(widths[-1] for widths in up[1:]), features[-1]]
        joined = [skip + b for skip, b in zip(features, below, strict=False)]
        self.decoder = nn.ModuleList(layers(c, w, (1, 1)) for c, w in zip(joined, up, strict=True))
        self.decoder_wing = _Wing(ndim, [w for widths in up for w in widths], out_channels)
        if deep_supervision:
            self.encoder_wing = _Wing(ndim, [w for widths in down for w in widths], out_channels)
        kaiming(self, leak=LEAK)

    def forward(self, image: Float[Tensor, "b c *s"]) -> Tensor | SegOutput:
        """The decoder's logits (b k *s); with deep supervision also the encoder's, as ``deep``."""
        check_image(image, channels=self.in_channels, divisor=self.divisor, weights=self)
        size = image.shape[2:]
        encoded: list[list[Tensor]] = []
        x = image
        for level, group in enumerate(self.encoder):
            x = halve(x) if level else x
            encoded.append(_run(group, x))
            x = encoded[-1][-1]
        decoded: list[list[Tensor]] = []
        for level, group in reversed(list(enumerate(self.decoder))):
            skip = encoded[level][-1]
            decoded.append(_run(group, torch.cat((resize(x, skip.shape[2:]), skip), dim=1)))
            x = decoded[-1][-1]
        logits: Tensor = self.decoder_wing([x for group in decoded[::-1] for x in group], size)
        if self.deep_supervision:
            sides = [x for group in encoded for x in group]
            return SegOutput(logits, (self.encoder_wing(sides, size),))
        return logits


def _run(layers: nn.Module, x: Tensor) -> list[Tensor]:
    """What every layer returns."""
    outputs = []
    for layer in layers.children():
        x = layer(x)
        outputs.append(x)
    return outputs
