"""DCU-Net: it starts as an ordinary network; every stage deforms; parameters by hand."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from tubekit.networks.dcunet import DCUNet
from tubekit.networks.deformable_conv import DeformableConv

close = torch.testing.assert_close


def ordinary(network: nn.Module) -> nn.Module:
    """The same network after every deformable convolution became an ordinary one."""
    for module in network.modules():
        for name, child in list(module.named_children()):
            if isinstance(child, DeformableConv):
                setattr(module, name, child.conv)
    return network


@pytest.mark.parametrize("ndim", [2, 3])
def test_network_starts_as_an_ordinary_one(ndim: int) -> None:
    network = DCUNet(ndim, 1, 2, features=(4, 6)).double()
    deformable = [m for m in network.modules() if isinstance(m, DeformableConv)]
    assert len(deformable) == 6, "two per stage, also at the bottom and in the decoder"
    image = torch.randn((2, 1, *(8, 6, 4)[:ndim]), dtype=torch.float64)
    out = network(image)
    assert all(m.conv.bias is None for m in deformable)
    close(out, ordinary(network)(image))


@pytest.mark.parametrize("ndim", [2, 3])
def test_nan_in_the_image_is_seen_in_the_output(ndim: int) -> None:
    image = torch.zeros((1, 1, *(8, 6, 4)[:ndim]))
    image.flatten()[10] = torch.nan
    assert DCUNet(ndim, 1, 2, features=(4, 6)).eval()(image).isnan().any()


@pytest.mark.parametrize("ndim", [2, 3])
def test_parameter_count_by_hand(ndim: int) -> None:
    inputs_, features, outputs = 2, (4, 6, 8), 3

    def deforming(a: int, b: int) -> int:
        moves = ndim * 3**ndim
        return 3**ndim * a * moves + moves + 3**ndim * a * b + 2 * b

    expected = features[0] * outputs + outputs
    for a, b in zip((inputs_, *features), features, strict=False):
        expected += deforming(a, b) + deforming(b, b)
    for a, b in pairwise(features):
        expected += 3**ndim * (a + b) * a + 2 * a + 2 * deforming(a, a)
    network = DCUNet(ndim, inputs_, outputs, features=features)
    assert sum(p.numel() for p in network.parameters()) == expected


def test_weights_are_drawn_for_their_activation() -> None:
    network = DCUNet(2, 16, 1, features=(64, 64))
    for module in network.modules():
        if isinstance(module, DeformableConv):
            fan_in = module.conv.weight[0].numel()
            assert module.conv.weight.std().item() == pytest.approx((2 / fan_in) ** 0.5, rel=0.05)
            assert not any(p.any() for p in module.offsets.parameters())


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="DCUNet needs 2 or more entries"):
        DCUNet(2, 1, 1, features=(4,))
