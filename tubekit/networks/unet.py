"""U-Net in two and three dimensions with the defaults of nnU-Net v2."""

from collections.abc import Sequence
from math import prod

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
    per_axis,
)
from tubekit.networks.stages import conv_stage
from tubekit.types import SegOutput


class UNet(nn.Module):
    """Encoder and decoder of plain convolutions, joined by skip connections.

    A stage is ``blocks_per_stage`` times convolution, normalisation, LeakyReLU(0.01). The first
    convolution of a stage carries the stride; a transposed convolution whose kernel is that
    stride goes back up. Weights start as He et al. (2015).

    Args:
        ndim: 2 or 3 spatial axes.
        in_channels: channels of the image.
        out_channels: channels of the logits; 1 means binary.
        features: channels per stage, full resolution first.
        blocks_per_stage: convolutions per stage, in encoder and decoder.
        deep_supervision: also predict at every coarser decoder level, not at the bottleneck.
        strides: per stage, an integer or one per axis, e.g. ``(1, (1, 2, 2), 2)`` for volumes
            with thick slices; ``None`` is 1, then 2.
        kernel_sizes: per stage, odd, an integer or one per axis; ``None`` is 3.
        norm: ``"instance"`` or ``"batch"``.
        conv_bias: convolutions have a bias. nnU-Net has it, so it is the default and counts as
            a parameter, although the normalisation that follows cancels it exactly.

    Attributes:
        divisor: the image size along each axis must be a multiple of this.

    Raises:
        ValueError: an option out of range, or lists of different lengths.

    Example:
        >>> import torch
        >>> from tubekit.networks import UNet
        >>> network = UNet(2, 1, 2, features=(4, 8, 8), deep_supervision=True)
        >>> output = network(torch.zeros(1, 1, 16, 16))
        >>> output.logits.shape, output.deep[0].shape
        (torch.Size([1, 2, 16, 16]), torch.Size([1, 2, 8, 8]))

    Reference: Ronneberger et al., MICCAI 2015; Isensee et al., Nature Methods 18, 2021
        (configuration of nnU-Net v2).
    """

    @taking(numbers)
    def __init__(
        self,
        ndim: int,
        in_channels: int,
        out_channels: int,
        *,
        features: Sequence[int] = (32, 64, 128, 256, 512, 512),
        blocks_per_stage: int = 2,
        deep_supervision: bool = False,
        strides: Sequence[int | Sequence[int]] | None = None,
        kernel_sizes: Sequence[int | Sequence[int]] | None = None,
        norm: str = "instance",
        conv_bias: bool = True,
    ) -> None:
        super().__init__()
        check_arguments(
            "UNet",
            ndim,
            in_channels,
            out_channels,
            norm=norm,
            features=features,
            blocks_per_stage=blocks_per_stage,
        )
        n = len(features)
        steps = per_axis("strides", strides or (1, *(2,) * (n - 1)), n, ndim)
        kernels = per_axis("kernel_sizes", kernel_sizes or (3,) * n, n, ndim)
        if any(k % 2 == 0 for kernel in kernels for k in kernel):
            raise ValueError(f"kernel_sizes must be odd, got {kernels}; use 1, 3 or 5")
        if prod(steps[0]) != 1:
            raise ValueError(
                f"strides must start with 1, the full resolution of the logits, got {steps[0]}; "
                "put the first stride into the second stage"
            )
        self.in_channels = in_channels
        self.divisor = tuple(prod(axis) for axis in zip(*steps, strict=True))

        def stage(channels_in: int, level: int, stride: int | Sequence[int]) -> nn.Sequential:
            return conv_stage(
                ndim,
                channels_in,
                features[level],
                blocks=blocks_per_stage,
                kernel=kernels[level],
                stride=stride,
                norm=norm,
                bias=conv_bias,
            )

        inputs = (in_channels, *features[:-1])
        self.encoder = nn.ModuleList(stage(c, i, steps[i]) for i, c in enumerate(inputs))
        self.ups, self.decoder, self.heads = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for level in range(n - 1):  # fine to coarse, as everywhere
            fine, coarse, stride = features[level], features[level + 1], steps[level + 1]
            up = TRANSPOSED_CONVS[ndim](coarse, fine, stride, stride, bias=conv_bias)
            self.ups.append(up)
            self.decoder.append(stage(2 * fine, level, 1))
            if level == 0 or deep_supervision:
                self.heads.append(CONVS[ndim](fine, out_channels, 1))
        self.deep_supervision = deep_supervision
        kaiming(self, leak=LEAK)

    def forward(self, image: Float[Tensor, "b c *s"]) -> Tensor | SegOutput:
        """Logits (b k *s); with deep supervision a SegOutput that adds the coarser levels."""
        check_image(image, channels=self.in_channels, divisor=self.divisor, weights=self)
        skips = []
        x = image
        for stage in self.encoder:
            x = stage(x)  # (b features[i] *s/stride)
            skips.append(x)
        outputs = []
        for level in reversed(range(len(self.ups))):
            x = self.ups[level](x)
            x = self.decoder[level](torch.cat((x, skips[level]), dim=1))
            if level < len(self.heads):
                outputs.append(self.heads[level](x))
        outputs.reverse()
        if self.deep_supervision:
            return SegOutput(outputs[0], tuple(outputs[1:]))
        return outputs[0]
