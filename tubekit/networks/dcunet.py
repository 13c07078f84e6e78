"""DCU-Net: a U-Net of deformable convolutions."""

from collections.abc import Sequence

from torch import nn

from tubekit._accept import numbers, taking
from tubekit.networks.blocks import LEAK, NORMS, check_arguments, kaiming
from tubekit.networks.deformable_conv import DeformableConv
from tubekit.networks.stages import UShape, conv_stage


class DCUNet(UShape):
    """U-Net whose stages are two deformable convolutions each.

    As the paper describes it, every level deforms, on the way down and up; a deformable block is
    offsets, convolution, normalisation, activation; and in the decoder an ordinary convolution
    first reduces what the skip brings. (The authors' code leaves the first and the coarse stages
    ordinary.) Our reading: two blocks per stage, as in U-Net; instance norm and LeakyReLU(0.01)
    in place of batch norm and ReLU, as in ``UNet``. All offsets are 0 at first, so that it starts
    as an ordinary network.

    The DCU-Net of Yang et al. (2022) cascades two networks of this kind, with channel attention;
    this is the single network of Jin et al.

    Args:
        ndim: 2 or 3 spatial axes.
        in_channels: channels of the image.
        out_channels: channels of the logits; 1 means binary.
        features: channels per stage, full resolution first.

    Attributes:
        divisor: the image size along each axis must be a multiple of this.

    Raises:
        ValueError: an argument out of range.

    Example:
        >>> import torch
        >>> from tubekit.networks import DCUNet
        >>> network = DCUNet(2, 1, 2, features=(4, 8))
        >>> network(torch.zeros(1, 1, 16, 16)).shape
        torch.Size([1, 2, 16, 16])

    Reference: Jin et al., DUNet: A deformable network for retinal vessel segmentation,
        Knowledge-Based Systems 178, 2019; Yang et al., DCU-net: a deformable convolutional neural
        network based on cascade U-net for retinal vessel segmentation, Multimedia Tools and
        Applications 81, 2022.
    """

    @taking(numbers)
    def __init__(
        self,
        ndim: int,
        in_channels: int,
        out_channels: int,
        *,
        features: Sequence[int] = (16, 32, 64, 128),
    ) -> None:
        check_arguments("DCUNet", ndim, in_channels, out_channels, features=features)

        def encode(channels_in: int, channels_out: int) -> nn.Sequential:
            layers: list[nn.Module] = []
            for channels in (channels_in, channels_out):
                layers += [
                    DeformableConv(ndim, channels, channels_out, bias=False),
                    NORMS["instance"][ndim](channels_out, eps=1e-5, affine=True),
                    nn.LeakyReLU(LEAK, inplace=True),
                ]
            return nn.Sequential(*layers)

        def decode(channels_in: int, channels_out: int) -> nn.Sequential:
            reduced = conv_stage(ndim, channels_in, channels_out, blocks=1)
            return nn.Sequential(reduced, encode(channels_out, channels_out))

        super().__init__(ndim, in_channels, out_channels, features, encode=encode, decode=decode)
        kaiming(self, leak=LEAK)
        for module in self.modules():
            if isinstance(module, DeformableConv):
                module.straighten()
