"""UNet++: a U-Net whose skip connections are nested and dense."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tubekit._accept import numbers, taking
from tubekit.networks.blocks import (
    CONVS,
    LEAK,
    TRANSPOSED_CONVS,
    check_arguments,
    check_image,
    kaiming,
)
from tubekit.networks.stages import conv_stage, halve
from tubekit.types import SegOutput


class UNetPlusPlus(nn.Module):
    """UNet++: between encoder and decoder lie further nodes, each a stage of two convolutions.

    Node (i, j) at level i sees all earlier nodes of its level and, from a transposed convolution
    of stride 2, node (i + 1, j - 1) below. The nodes (i, 0) are the encoder, with max pooling
    between them, and every (0, j) lies at full resolution and can predict.

    The stages are those of ``UNet`` (instance norm, LeakyReLU) without biases. Without the norms,
    and with biases in their place, the defaults have the 9.04 M parameters of the paper. Its loss
    weighs all heads alike: ``DeepSupervision`` with ``weights=(0, 1, 1, 1, 1)``, 0 for the mean.

    Args:
        ndim: 2 or 3 spatial axes.
        in_channels: channels of the image.
        out_channels: channels of the logits; 1 means binary.
        features: channels per level, full resolution first.
        deep_supervision: predict at every node (0, j), j > 0, and average (the paper's accurate
            mode); this needs three levels or more.

    Attributes:
        divisor: the image size along each axis must be a multiple of this.

    Raises:
        ValueError: an argument out of range.

    Example:
        >>> import torch
        >>> from tubekit.networks import UNetPlusPlus
        >>> network = UNetPlusPlus(2, 1, 2, features=(4, 8))
        >>> network(torch.zeros(1, 1, 16, 16)).shape
        torch.Size([1, 2, 16, 16])

    Reference: Zhou et al., UNet++: A Nested U-Net Architecture for Medical Image Segmentation,
        DLMIA 2018, equation 1 and section 3.
    """

    @taking(numbers)
    def __init__(
        self,
        ndim: int,
        in_channels: int,
        out_channels: int,
        *,
        features: Sequence[int] = (32, 64, 128, 256, 512),
        deep_supervision: bool = False,
    ) -> None:
        super().__init__()
        check_arguments("UNetPlusPlus", ndim, in_channels, out_channels, features=features)
        last = len(features) - 1
        if deep_supervision and last < 2:
            raise ValueError(
                "deep supervision of UNetPlusPlus averages the nodes after the encoder and needs "
                f"three levels or more, got features {tuple(features)}; add one or leave it off"
            )
        self.in_channels = in_channels
        self.deep_supervision = deep_supervision
        self.divisor = (2**last,) * ndim
        self.encoder = nn.ModuleList(
            conv_stage(ndim, i, o) for i, o in pairwise((in_channels, *features))
        )
        self.ups, self.nodes = nn.ModuleDict(), nn.ModuleDict()
        for level, fine in enumerate(features[:-1]):
            for column in range(1, last - level + 1):
                up = TRANSPOSED_CONVS[ndim](features[level + 1], fine, 2, 2)
                self.ups[f"{level},{column}"] = up
                self.nodes[f"{level},{column}"] = conv_stage(ndim, (column + 1) * fine, fine)
        # From the last node at full resolution to the first, as deep outputs are ordered.
        heads = last if deep_supervision else 1
        self.heads = nn.ModuleList(CONVS[ndim](features[0], out_channels, 1) for _ in range(heads))
        kaiming(self, leak=LEAK)

    def forward(self, image: Float[Tensor, "b c *s"]) -> Tensor | SegOutput:
        """Logits (b k *s); with deep supervision their mean over all heads, and each head's."""
        check_image(image, channels=self.in_channels, divisor=self.divisor, weights=self)
        rows: list[list[Tensor]] = [[self.encoder[0](image)]]  # nodes so far, level by level
        for stage in self.encoder[1:]:
            rows.append([stage(halve(rows[-1][0]))])
        for column in range(1, len(rows)):
            for level in range(len(rows) - column):
                up = self.ups[f"{level},{column}"](rows[level + 1][column - 1])
                seen = torch.cat((*rows[level], up), dim=1)
                rows[level].append(self.nodes[f"{level},{column}"](seen))
        finest = rows[0][: -len(self.heads) - 1 : -1]
        outputs = tuple(head(x) for head, x in zip(self.heads, finest, strict=True))
        if self.deep_supervision:
            return SegOutput(torch.stack(outputs).mean(0), outputs)
        return outputs[0]
