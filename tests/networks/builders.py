"""Builders of every exported network, for the contract suites."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from tubekit.networks import HRNet, UNet
from tubekit.networks.cs2net import CS2Net
from tubekit.networks.dcunet import DCUNet
from tubekit.networks.dscnet import DSCNet
from tubekit.networks.harmonyseg import HarmonySeg
from tubekit.networks.transunet import TransUNet
from tubekit.networks.unetpp import UNetPlusPlus
from tubekit.networks.wingsnet import WingsNet
from tubekit.types import SegOutput

Build = Callable[[int, int], nn.Module]


def attending(network: CS2Net) -> CS2Net:
    """With its attention switched on: as published it starts at 0 and its weights rest a step."""
    nn.init.constant_(network.attention.spatial.gamma, 0.5)
    nn.init.constant_(network.attention.channel.gamma, 0.5)
    return network


def small_transunet(ndim: int, in_channels: int, out_channels: int) -> TransUNet:
    return TransUNet(
        ndim,
        in_channels,
        out_channels,
        width=8,
        blocks=(1, 1, 1),
        hidden=16,
        layers=2,
        heads=2,
        mlp=16,
        decoder=(8, 8, 6, 4, 4),
        grid=2,
        dropout=0.0,  # the slope below needs the same function at every call
    )


# At least one builder per exported network: (in_channels, out_channels) -> network.
BUILDERS: dict[str, tuple[int, Build]] = {
    "UNet-2d": (2, lambda i, o: UNet(2, i, o, features=(4, 6, 8))),
    "UNet-3d": (3, lambda i, o: UNet(3, i, o, features=(4, 6), blocks_per_stage=1)),
    "UNet-deep": (2, lambda i, o: UNet(2, i, o, features=(4, 4, 4, 4), deep_supervision=True)),
    "UNet-anisotropic": (
        3,
        lambda i, o: UNet(
            3,
            i,
            o,
            features=(4, 4, 4),
            strides=(1, (1, 2, 2), 2),
            kernel_sizes=((1, 3, 3), 3, 3),
            deep_supervision=True,
        ),
    ),
    "UNet-batch": (2, lambda i, o: UNet(2, i, o, features=(4, 6), norm="batch", conv_bias=False)),
    "HRNet-3d": (3, lambda i, o: HRNet(i, o, ndim=3, width=4, modules=(1, 1, 1, 1), blocks=1)),
    "HRNet-2d": (2, lambda i, o: HRNet(i, o, width=4, modules=(1, 1, 1, 1), blocks=1)),
    "CS2Net-2d": (2, lambda i, o: attending(CS2Net(2, i, o, features=(4, 8, 16)))),
    "CS2Net-3d": (3, lambda i, o: attending(CS2Net(3, i, o, features=(4, 8), norm="instance"))),
    "CS2Net-released": (
        2,
        lambda i, o: attending(CS2Net(2, i, o, features=(4, 16), as_released=True)),
    ),
    "TransUNet-2d": (2, lambda i, o: small_transunet(2, i, o)),
    "TransUNet-3d": (3, lambda i, o: small_transunet(3, i, o)),
    "HarmonySeg-2d": (2, lambda i, o: HarmonySeg(2, i + 1, o, features=(4, 8))),
    "HarmonySeg-3d": (3, lambda i, o: HarmonySeg(3, i + 1, o, features=(4, 8))),
    "HarmonySeg-deep": (
        2,
        lambda i, o: HarmonySeg(2, i + 1, o, features=(4, 8), deep_supervision=True),
    ),
    "HarmonySeg-literal": (
        2,
        lambda i, o: HarmonySeg(2, i + 1, o, features=(4, 8), pooling="literal", fused="features"),
    ),
    "HarmonySeg-alone": (
        2,
        lambda i, o: HarmonySeg(
            2, i, o, features=(4, 8), fusion="none", fused="features", deep_supervision=True
        ),
    ),
    "DSCNet-2d": (2, lambda i, o: DSCNet(2, i, o, features=(4, 8, 8), kernel=5)),
    "DSCNet-3d": (3, lambda i, o: DSCNet(3, i, o, features=(4, 8), kernel=3)),
    "DCUNet-2d": (2, lambda i, o: DCUNet(2, i, o, features=(4, 6, 8))),
    "DCUNet-3d": (3, lambda i, o: DCUNet(3, i, o, features=(3, 4))),
    "UNetPlusPlus-2d": (2, lambda i, o: UNetPlusPlus(2, i, o, features=(4, 5, 6, 7))),
    "UNetPlusPlus-3d": (
        3,
        lambda i, o: UNetPlusPlus(3, i, o, features=(4, 5, 6), deep_supervision=True),
    ),
    "WingsNet-2d": (2, lambda i, o: WingsNet(2, i, o, features=(4, 4, 6))),
    "WingsNet-3d": (3, lambda i, o: WingsNet(3, i, o, features=(4, 4, 6))),
    "WingsNet-alone": (
        2,
        lambda i, o: WingsNet(2, i, o, features=(4, 6), deep_supervision=False),
    ),
}
# Layers take any size and have tests of their own.
LAYERS = {
    "DeepMutualQuery",
    "DeformableConv",
    "DynamicSnakeConv",
    "FlexibleConv",
    "ShallowQuery",
    "SnakeConv",
    "attend",
}
EVERY = pytest.mark.parametrize("name", BUILDERS)


def image_for(network: nn.Module, channels: int, batch: int = 2) -> Tensor:
    torch.manual_seed(1)
    return torch.randn(batch, channels + added(network), *(2 * d for d in network.divisor))


def added(network: nn.Module) -> int:
    """Channels of vesselness behind those of the image."""
    return getattr(network, "vesselness_channels", 0)


def outputs(result: Tensor | SegOutput) -> list[Tensor]:
    return [result.logits, *result.deep] if isinstance(result, SegOutput) else [result]
