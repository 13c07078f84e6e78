"""DSCNet: a U-Net whose every stage is a layer of dynamic snake convolutions."""

from collections.abc import Sequence

from torch import nn

from tubekit._accept import numbers, taking
from tubekit.networks.blocks import check_arguments, kaiming
from tubekit.networks.snake_conv import DynamicSnakeConv
from tubekit.networks.stages import UShape


class DSCNet(UShape):
    """U-Net of dynamic snake convolutions.

    Every stage runs an ordinary convolution beside one snake along each axis, concatenates and
    fuses them (``DynamicSnakeConv``). Max pooling goes down, linear interpolation up.

    With three channels in, one out and the defaults, the authors' network in 2-D has 2 096 257
    parameters and this one 1 529 249. The other 567 008 never act: every snake of theirs has a
    second kernel for the axis it does not follow, and predicts offsets along its own axis and of
    the tap in the centre. They interpolate corner to corner, which widens the image a little at
    each level; here the borders of both grids coincide.

    Args:
        ndim: 2 or 3 spatial axes.
        in_channels: channels of the image.
        out_channels: channels of the logits; 1 means binary.
        features: channels per stage, full resolution first; multiples of 4.
        kernel: taps of the snakes, odd, at least 3; the authors' volumes have 3.
        extent: factor on all deviations of the snakes.

    Attributes:
        divisor: the image size along each axis must be a multiple of this.

    Raises:
        ValueError: an argument out of range.

    Example:
        >>> import torch
        >>> from tubekit.networks import DSCNet
        >>> network = DSCNet(2, 1, 2, features=(4, 8))
        >>> network(torch.zeros(1, 1, 16, 16)).shape
        torch.Size([1, 2, 16, 16])

    Reference: Qi et al., Dynamic Snake Convolution based on Topological Geometric Constraints for
        Tubular Structure Segmentation, ICCV 2023, section 3 and figure 2.
    """

    @taking(numbers)
    def __init__(
        self,
        ndim: int,
        in_channels: int,
        out_channels: int,
        *,
        features: Sequence[int] = (16, 32, 64, 128),
        kernel: int = 9,
        extent: float = 1.0,
    ) -> None:
        check_arguments("DSCNet", ndim, in_channels, out_channels, features=features)

        def stage(channels_in: int, channels_out: int) -> nn.Module:
            return DynamicSnakeConv(ndim, channels_in, channels_out, kernel=kernel, extent=extent)

        super().__init__(ndim, in_channels, out_channels, features, encode=stage, decode=stage)
        kaiming(self, leak=0.0)
