"""CS2-Net: a residual U-Net with channel and spatial attention at its coarsest level."""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tubekit._accept import numbers, taking
from tubekit.networks.blocks import (
    CONVS,
    TRANSPOSED_CONVS,
    check_arguments,
    check_image,
    kaiming,
)
from tubekit.networks.channel_spatial_attention import ChannelSpatialAttention
from tubekit.networks.residual import Residual
from tubekit.networks.stages import conv_stage, halve


class CS2Net(nn.Module):
    """Residual encoder, attention over positions and channels at the bottleneck, plain decoder.

    Five levels joined by max-pooling and transposed convolutions of 2; skips are concatenated.
    At the coarsest level the features x become x + spatial(x) + channel(x).

    The attention starts switched off: its weights gamma are 0, as in the paper. The output of a
    new network does not depend on queries, keys and values, and they receive their first gradient
    once gamma has moved, after one step.

    Counts of parameters: 8 400 803 in 2-D (3 channels in, 1 out), and 5 831 716 in 3-D (1 in, 2
    out) with ``features=(16, 32, 64, 128, 256)``, the authors' widths for volumes. Their code has
    8 925 603 and 5 962 852. Both contain a 1x1 convolution of twice the coarsest width that is
    never called (524 800 and 131 328 weights). In 3-D ours has 192 more: the normalisation of
    queries and keys, which their 2-D code has and their 3-D code leaves out.

    Args:
        ndim: 2 or 3 spatial axes.
        in_channels: channels of the image.
        out_channels: channels of the logits; 1 means binary. No sigmoid is applied.
        features: channels per level, full resolution first; 8 or more at the last.
        norm: ``"batch"`` as in the paper, or ``"instance"`` for batches of one or two.
        scaled, as_released: of the attention, see ``SpatialAttention`` and ``ChannelAttention``.

    Attributes:
        divisor: 2 per level below the first, 16 with five levels.
        attention: its ``spatial.affinity`` and ``channel.affinity`` give the attention maps.

    Raises:
        ValueError: an option out of range.

    Example:
        >>> import torch
        >>> from tubekit.networks import CS2Net
        >>> network = CS2Net(2, 1, 2, features=(8, 16))
        >>> network(torch.zeros(1, 1, 16, 16)).shape
        torch.Size([1, 2, 16, 16])

    Reference: Mou et al., CS2-Net, MedIA 67, 2021, 101874; CS-Net, MICCAI 2019.
    """

    @taking(numbers)
    def __init__(
        self,
        ndim: int,
        in_channels: int,
        out_channels: int,
        *,
        features: Sequence[int] = (32, 64, 128, 256, 512),
        norm: str = "batch",
        scaled: bool = False,
        as_released: bool = False,
    ) -> None:
        super().__init__()
        check_arguments("CS2Net", ndim, in_channels, out_channels, norm=norm, features=features)
        self.in_channels = in_channels
        self.divisor = (2 ** (len(features) - 1),) * ndim
        stage = partial(conv_stage, ndim, norm=norm, bias=True, leak=0.0)
        self.encoder = nn.ModuleList(
            Residual(stage(a, b), CONVS[ndim](a, b, 1))
            for a, b in pairwise((in_channels, *features))
        )
        self.attention = ChannelSpatialAttention(
            ndim, features[-1], norm=norm, scaled=scaled, as_released=as_released
        )
        pairs = list(pairwise(features))  # fine to coarse
        self.ups = nn.ModuleList(TRANSPOSED_CONVS[ndim](b, a, 2, 2) for a, b in pairs)
        self.decoder = nn.ModuleList(stage(2 * a, a) for a, _ in pairs)
        self.head = CONVS[ndim](features[0], out_channels, 1)
        kaiming(self, leak=0.0)

    def forward(self, image: Float[Tensor, "b c *s"]) -> Float[Tensor, "b k *s"]:
        """Logits at the size of the image."""
        check_image(image, channels=self.in_channels, divisor=self.divisor, weights=self)
        skips = []
        x = image
        for level, stage in enumerate(self.encoder):
            x = stage(x if level == 0 else halve(x))
            skips.append(x)
        x = x + self.attention(x)
        for level in reversed(range(len(self.ups))):
            x = self.decoder[level](torch.cat((skips[level], self.ups[level](x)), dim=1))
        return self.head(x)
