"""What the networks share: one layer, its initialisation, and the checks of arguments and input."""

from collections.abc import Callable, Mapping, Sequence
from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tubekit import _accept, _check

CONVS: dict[int, type[nn.Module]] = {2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED_CONVS: dict[int, type[nn.Module]] = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
NORMS: dict[str, dict[int, type[nn.Module]]] = {
    "instance": {2: nn.InstanceNorm2d, 3: nn.InstanceNorm3d},
    "batch": {2: nn.BatchNorm2d, 3: nn.BatchNorm3d},
}
MAX_POOLS: dict[int, Callable[..., Tensor]] = {2: F.max_pool2d, 3: F.max_pool3d}
LEAK = 0.01  # slope of LeakyReLU below zero


def conv_norm(
    ndim: int,
    in_channels: int,
    out_channels: int,
    *,
    kernel: int | Sequence[int] = 3,
    stride: int | Sequence[int] = 1,
    norm: str = "instance",
    bias: bool = False,
    leak: float | None = None,
) -> nn.Sequential:
    """Convolution with "same" zero padding, then an affine normalisation with eps 1e-5.

    Args:
        ndim: 2 or 3 spatial axes.
        in_channels: of the features.
        out_channels: of the result.
        kernel: voxels, odd, for all axes or one per axis.
        stride: for all axes or one per axis.
        norm: one of ``NORMS``.
        bias: the convolution has a bias, which the normalisation cancels.
        leak: append the ``activation`` of this slope; ``None`` appends none.
    """
    kernel = (kernel,) * ndim if isinstance(kernel, int) else tuple(kernel)
    stride = (stride,) * ndim if isinstance(stride, int) else tuple(stride)
    padding = tuple(k // 2 for k in kernel)
    conv = CONVS[ndim](in_channels, out_channels, kernel, stride, padding, bias=bias)
    layer = nn.Sequential(conv, NORMS[norm][ndim](out_channels, eps=1e-5, affine=True))
    return layer if leak is None else layer.append(activation(leak))


def activation(leak: float) -> nn.Module:
    """ReLU, or LeakyReLU with a slope below zero."""
    return nn.LeakyReLU(leak, inplace=True) if leak else nn.ReLU(inplace=True)


def kaiming(network: nn.Module, *, leak: float) -> None:
    """Draw convolution weights as He et al. (2015) for a LeakyReLU of slope ``leak``; biases 0."""
    for module in network.modules():
        if isinstance(module, (*CONVS.values(), *TRANSPOSED_CONVS.values())):
            for name, parameter in module.named_parameters(recurse=False):
                if name == "weight":
                    nn.init.kaiming_normal_(parameter, a=leak)
                else:
                    nn.init.zeros_(parameter)


def per_axis(
    name: str, values: Sequence[int | Sequence[int]], stages: int, ndim: int
) -> tuple[tuple[int, ...], ...]:
    """One tuple of ``ndim`` positive integers per stage; an integer counts for every axis.

    Raises:
        ValueError: not one value per stage, or a tuple that has not one entry per axis.
    """
    if len(values) != stages:
        raise ValueError(
            f"{name} needs one entry for each of the {stages} stages, got {tuple(values)}; give "
            f"{name} as many entries as features has"
        )
    return tuple(_accept.per_axis(name, value, ndim) for value in values)


def check_arguments(
    network: str,
    ndim: int,
    in_channels: int,
    out_channels: int,
    *,
    norm: str = "instance",
    lengths: Mapping[str, int] | None = None,
    **counts: int | Sequence[int],
) -> None:
    """Raise ValueError unless a network can be made of these arguments.

    Args:
        network: its name, for the message.
        ndim: 2 or 3 spatial axes.
        in_channels: at least 1.
        out_channels: at least 1.
        norm: one of ``NORMS``.
        lengths: how many entries a sequence must have, by name.
        **counts: integers of at least 1, or sequences of them; ``features`` has two or more.
    """
    _check.option("ndim", ndim, tuple(CONVS))
    _check.option("norm", norm, tuple(NORMS))
    counts |= {"in_channels": in_channels, "out_channels": out_channels}
    for name, value in counts.items():
        entries = tuple(value) if isinstance(value, Sequence) else (value,)
        wanted = (lengths or {}).get(name, len(entries))
        if len(entries) != wanted or (name == "features" and wanted < 2):
            many = "2 or more" if name == "features" else wanted
            raise ValueError(
                f"{network} needs {many} entries in {name}, got {value}; add or remove some"
            )
        for entry in entries:
            _accept.whole(f"{name} of {network}", entry)


def check_image(
    image: Tensor, *, channels: int, divisor: tuple[int, ...], weights: nn.Module
) -> None:
    """Raise ValueError unless a network with these properties and ``weights`` can take ``image``.

    Every ``forward`` asks it first; the message says how to pad.

    The coarsest level must keep two voxels or more: over a single one an instance norm is 0
    whatever the image shows.
    """
    ndim = len(divisor)
    _check.tensor("image", image)
    _check.dimensions("image", image, [ndim + 2])
    if 0 in image.shape:
        raise ValueError(
            f"image must have no empty axis, got shape {tuple(image.shape)}; "
            "pass at least one sample, and leave empty batches out"
        )
    size = tuple(image.shape[2:])
    if image.shape[1] != channels:
        raise ValueError(
            f"image must have {channels} channel(s) in axis 1, got {image.shape[1]} in shape "
            f"{tuple(image.shape)}; build the network with in_channels={image.shape[1]}"
        )
    dtype = next(weights.parameters()).dtype
    if image.dtype != dtype and not torch.is_autocast_enabled(image.device.type):
        raise ValueError(
            f"image must have the weights' type {dtype}, got {image.dtype}; "
            f"cast it with image.to({dtype})"
        )
    target = tuple(max(-(-s // d), 1) * d for s, d in zip(size, divisor, strict=True))
    if target == divisor and prod(divisor) > 1:
        target = (2 * divisor[0], *divisor[1:])
    if target != size:
        raise ValueError(
            f"image size must be a multiple of {divisor} per axis with two voxels or more at the "
            f"coarsest level, got {size}; pad it to {target} and crop the output"
        )
