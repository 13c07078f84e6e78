"""Shared stages: known answers for resampling, the U shape step by step, errors."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tubekit.networks.blocks import CONVS, check_arguments
from tubekit.networks.dscnet import DSCNet
from tubekit.networks.stages import UShape, conv_stage, halve, resize
from tubekit.networks.unetpp import UNetPlusPlus
from tubekit.networks.wingsnet import WingsNet

close = torch.testing.assert_close


def u_shape(ndim: int, features: tuple[int, ...]) -> UShape:
    def encode(a: int, b: int) -> nn.Module:
        return CONVS[ndim](a, b, 3, padding=1)

    def decode(a: int, b: int) -> nn.Module:
        return CONVS[ndim](a, b, 1)

    return UShape(ndim, 2, 3, features, encode=encode, decode=decode)


@pytest.mark.parametrize("ndim", [2, 3])
def test_halve_takes_the_largest(ndim: int) -> None:
    x = torch.arange(4.0**ndim).view(1, 1, *[4] * ndim)
    assert torch.equal(halve(x), x[(..., *[slice(1, None, 2)] * ndim)])
    assert torch.equal(halve(-x), -x[(..., *[slice(0, None, 2)] * ndim)])


@pytest.mark.parametrize("ndim", [2, 3])
def test_resize_keeps_borders_in_place(ndim: int) -> None:
    """A ramp in millimetres stays that ramp, wherever both neighbours exist."""
    for axis in range(ndim):
        centres = [1] * ndim
        centres[axis] = 6
        ramp = (torch.arange(6.0) + 0.5).view(1, 1, *centres).expand(1, 1, *[6] * ndim)
        size = [6] * ndim
        size[axis] = 12
        fine = resize(ramp, size).movedim(2 + axis, -1)
        assert fine.shape[-1] == 12
        close(fine[..., 1:-1], ((torch.arange(12.0) + 0.5) / 2)[1:-1].expand_as(fine[..., 1:-1]))


def test_conv_stage_by_hand() -> None:
    stage = conv_stage(2, 2, 3, blocks=2, kernel=(3, 1), stride=(2, 1), norm="batch", bias=True)
    for norm in (stage[0][1], stage[2][1]):
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    x = image = torch.randn(2, 2, 6, 4)
    for (conv, norm), stride in ((stage[0], (2, 1)), (stage[2], 1)):
        x = F.conv2d(x, conv.weight, conv.bias, stride, (1, 0))
        x = F.batch_norm(x, None, None, norm.weight, norm.bias, training=True)
        x = F.leaky_relu(x, 0.01)
    close(stage(image), x)
    assert [type(m) for m in conv_stage(3, 1, 1, blocks=1)[0]] == [nn.Conv3d, nn.InstanceNorm3d]
    assert stage[2][0].bias is not None
    assert conv_stage(3, 1, 1)[0][0].bias is None


@pytest.mark.parametrize("ndim", [2, 3])
def test_u_shape_by_hand(ndim: int) -> None:
    network = u_shape(ndim, (4, 5, 6))
    assert network.divisor == (4,) * ndim
    image = torch.randn(1, 2, *(8, 12, 4)[:ndim])
    fine = network.encoder[0](image)
    middle = network.encoder[1](halve(fine))
    coarse = network.encoder[2](halve(middle))
    up = resize(coarse, middle.shape[2:])
    up = network.decoder[1](torch.cat((up, middle), 1))
    up = resize(up, fine.shape[2:])
    up = network.decoder[0](torch.cat((up, fine), 1))
    close(network(image), network.head(up))


@pytest.mark.parametrize("build", [DSCNet, UNetPlusPlus, WingsNet])
def test_weights_are_drawn_for_their_activation(build: type[nn.Module]) -> None:
    """He et al. (2015): variance 2 / fan-in, in every convolution large enough to tell."""
    network = build(2, 32, 1, features=(32, 64))
    convs = [m for m in network.modules() if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d))]
    large = [c for c in convs if c.weight.numel() > 4000]
    assert len(large) >= 4
    for conv in large:
        expected = (2 / conv.weight[0].numel()) ** 0.5
        assert conv.weight.std().item() == pytest.approx(expected, rel=0.06)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1, 1, 1), "ndim must be one of 2, 3"),
        ((2, 0, 1), "in_channels of Net must be an integer of at least 1, got 0; pass"),
        ((2, 1, True), "out_channels of Net must be an integer of at least 1, got True"),
    ],
)
def test_bad_arguments(arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_arguments("Net", *arguments)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({"features": ()}, r"Net needs 2 or more entries in features, got \(\); add"),
        ({"features": (4,)}, "Net needs 2 or more entries in features"),
        ({"features": (4, 0)}, "features of Net must be an integer of at least 1"),
        ({"steps": (1, 1, 1), "lengths": {"steps": 2}}, "Net needs 2 entries in steps"),
        ({"norm": "layer"}, "norm must be one of"),
    ],
)
def test_bad_counts(counts: dict, message: str) -> None:
    check_arguments("Net", 2, 1, 1, features=(4, 4), steps=1)
    with pytest.raises(ValueError, match=message):
        check_arguments("Net", 2, 1, 1, **counts)
