"""Residual blocks, and the convolution with standardised weights of ResNet-v2 for transfer."""

from math import gcd

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CONVOLVE = {2: F.conv2d, 3: F.conv3d}
GROUPS = 32  # of group norm, fewer where the channels are not a multiple


class Residual(nn.Module):
    """ReLU(body(x) + shortcut(x)) of He et al., CVPR 2016; without a shortcut x itself is added."""

    def __init__(self, body: nn.Module, shortcut: nn.Module | None = None) -> None:
        super().__init__()
        self.body, self.shortcut = body, nn.Identity() if shortcut is None else shortcut

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.body(x) + self.shortcut(x))


class StandardConv(nn.Module):
    """Convolution whose kernels are brought to mean 0 and variance 1 at each call (Qiao 2019).

    Args:
        ndim: 2 or 3 spatial axes.
        inputs: channels of the features (b inputs *s).
        outputs: channels of the result.
        kernel: voxels per axis, odd.
        stride: per axis.
    """

    def __init__(self, ndim: int, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs, *(kernel,) * ndim))
        nn.init.kaiming_normal_(self.weight)
        self.stride, self.padding = stride, kernel // 2

    def forward(self, x: Tensor) -> Tensor:
        weight = F.layer_norm(self.weight, self.weight.shape[1:], eps=1e-5)
        return CONVOLVE[x.ndim - 2](x, weight, None, self.stride, self.padding)


def standard_conv_norm(
    ndim: int, inputs: int, outputs: int, kernel: int, stride: int = 1, *, relu: bool = True
) -> nn.Sequential:
    """``StandardConv``, group norm and, unless ``relu`` is False, ReLU."""
    layer = nn.Sequential(
        StandardConv(ndim, inputs, outputs, kernel, stride),
        nn.GroupNorm(gcd(GROUPS, outputs), outputs, eps=1e-6),
    )
    return layer.append(nn.ReLU(inplace=True)) if relu else layer


def standard_bottleneck(ndim: int, inputs: int, outputs: int, stride: int = 1) -> Residual:
    """Residual block of three ``StandardConv``: of 1, of 3 with the stride, and of 1 voxel.

    Args:
        ndim: 2 or 3 spatial axes.
        inputs: channels of the features (b inputs *s).
        outputs: channels of the result, 4 or more; the body narrows to a quarter of them.
        stride: per axis.
    """
    middle = outputs // 4
    body = nn.Sequential(
        standard_conv_norm(ndim, inputs, middle, 1),
        standard_conv_norm(ndim, middle, middle, 3, stride),
        standard_conv_norm(ndim, middle, outputs, 1, relu=False),
    )
    if inputs == outputs and stride == 1:
        return Residual(body)
    # Here every channel is a group of its own.
    norm = nn.GroupNorm(outputs, outputs)
    return Residual(body, nn.Sequential(StandardConv(ndim, inputs, outputs, 1, stride), norm))
