"""The layers that all parts of HarmonySeg share."""

from torch import nn

from tubekit.networks.blocks import CONVS, LEAK, conv_norm


def conv(
    ndim: int, channels_in: int, channels_out: int, *, kernel: int = 3, stride: int = 1
) -> nn.Sequential:
    """Convolution without bias, instance norm. No activation."""
    return conv_norm(
        ndim,
        channels_in,
        channels_out,
        kernel=(kernel,) * ndim,
        stride=(stride,) * ndim,
        norm="instance",
        bias=False,
    )


def conv_relu(
    ndim: int, channels_in: int, channels_out: int, *, kernel: int = 3, stride: int = 1
) -> nn.Sequential:
    """Convolution without bias, instance norm, LeakyReLU."""
    layer = conv(ndim, channels_in, channels_out, kernel=kernel, stride=stride)
    return layer.append(nn.LeakyReLU(LEAK, inplace=True))


def pointwise(
    ndim: int, channels_in: int, channels_out: int, *, stride: int = 1, bias: bool = False
) -> nn.Module:
    """1x1 convolution. Without a bias unless asked: an instance norm would cancel it."""
    return CONVS[ndim](channels_in, channels_out, 1, stride, bias=bias)
