"""WingsNet: the published widths, both wings step by step, where each wing's gradient goes."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tubekit.losses import DeepSupervision, SoftDiceLoss
from tubekit.networks.wingsnet import WingsNet
from tubekit.types import SegOutput

close = torch.testing.assert_close


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def widths(groups: nn.ModuleList) -> list[list[tuple[int, int, int]]]:
    """Channels in, channels out and dilation of every layer."""
    return [
        [(c.in_channels, c.out_channels, c.dilation[0]) for c in (x.body[0] for x in group)]
        for group in groups
    ]


DOWN = [
    [(1, 8, 1), (8, 16, 1), (16, 32, 2)],
    [(32, 32, 1), (32, 32, 2), (32, 64, 2)],
    [(64, 64, 1), (64, 64, 2), (64, 64, 2)],
    [(64, 64, 1), (64, 64, 1), (64, 64, 1)],
]
UP = [[(64, 32, 1), (32, 16, 1)], [(128, 64, 1), (64, 32, 1)], [(128, 64, 1), (64, 64, 1)]]


def test_defaults_are_the_published_layers() -> None:
    with torch.device("meta"):
        network = WingsNet(3, 1, 1)
    assert widths(network.encoder) == DOWN
    assert widths(network.decoder) == UP
    layers = [layer for group in (*DOWN, *UP) for layer in group]
    # Convolution, affine norm, gate, side output; then what merges 12 and 6 of them.
    expected = sum(27 * a * b + 2 * b + b + 2 * b + 2 for a, b, _ in layers) + (24 + 1) + (12 + 1)
    assert count(network) == expected == 1_473_290


def test_every_class_has_a_side_channel() -> None:
    for classes, sides in ((1, 2), (2, 2), (5, 5)):
        network = WingsNet(2, 1, classes, features=(4, 4))
        for wing in (network.encoder_wing, network.decoder_wing):
            assert {s.out_channels for s in wing.sides} == {sides}
            assert wing.merge.in_channels == sides * len(wing.sides)


def layer(module: nn.Module, x: Tensor) -> Tensor:
    conv, norm = module.body[0], module.body[1]
    run = (F.conv2d, F.conv3d)[x.ndim - 4]
    x = run(x, conv.weight, padding=conv.dilation[0], dilation=conv.dilation[0])
    mean = x.flatten(2).mean(2)[(..., *[None] * (x.ndim - 2))]
    variance = x.flatten(2).var(2, correction=0)[(..., *[None] * (x.ndim - 2))]
    shape = (1, -1, *[1] * (x.ndim - 2))
    x = (x - mean) / (variance + 1e-5).sqrt() * norm.weight.view(shape) + norm.bias.view(shape)
    x = torch.where(x > 0, x, 0.01 * x)
    return x / (1 + (-run(x, module.gate.weight)).exp())


def resized(x: Tensor, factor: int) -> Tensor:
    mode = "bilinear" if x.ndim == 4 else "trilinear"
    return F.interpolate(x, scale_factor=factor, mode=mode) if factor > 1 else x


@pytest.mark.parametrize("ndim", [2, 3])
def test_wings_by_hand(ndim: int) -> None:
    network = WingsNet(ndim, 2, 3, features=(4, 6, 5)).double()
    for name, parameter in network.named_parameters():
        if name.endswith("bias") or parameter.ndim == 1:
            nn.init.normal_(parameter, 0.5, 0.5)
    image = torch.randn(2, 2, *(16, 8, 12)[:ndim], dtype=torch.float64)
    pool = (F.max_pool2d, F.max_pool3d)[ndim - 2]
    sides, skips, x = [], [], image
    for level, group in enumerate(network.encoder):
        x = pool(x, 2) if level else x
        for module in group:
            x = layer(module, x)
            sides.append((x, 2**level))
        skips.append(x)
    results = []
    for wing in (network.encoder_wing, network.decoder_wing):
        maps = [resized(s(y), f) for s, (y, f) in zip(wing.sides, sides, strict=True)]
        results.append(wing.merge(torch.cat(maps, 1)))
        if len(results) == 1:
            groups = []
            for level in (1, 0):
                x = torch.cat((resized(x, 2), skips[level]), 1)
                groups.append([])
                for module in network.decoder[level]:
                    x = layer(module, x)
                    groups[-1].append((x, 2**level))
            sides = [side for group in reversed(groups) for side in group]
    output = network(image)
    assert isinstance(output, SegOutput)
    close(output.logits, results[1])
    close(list(output.deep), [results[0]])


def test_each_wing_teaches_its_own_group() -> None:
    network = WingsNet(2, 1, 1, features=(4, 6, 5))
    output = network(torch.randn(1, 1, 16, 16))
    output.deep[0].square().sum().backward(retain_graph=True)
    grads = {n: p.grad is not None and bool(p.grad.any()) for n, p in network.named_parameters()}
    assert all(moved == n.startswith("encoder") for n, moved in grads.items())
    network.zero_grad(set_to_none=True)
    output.logits.square().sum().backward()
    grads = {n: p.grad is not None and bool(p.grad.any()) for n, p in network.named_parameters()}
    assert all(moved != n.startswith("encoder_wing") for n, moved in grads.items())


def test_group_supervision_is_the_mean_of_both_losses() -> None:
    output = WingsNet(2, 1, 1, features=(4, 6))(torch.randn(2, 1, 8, 8))
    target = (torch.rand(2, 1, 8, 8) > 0.7).long()
    loss = SoftDiceLoss()
    both = [loss(logits, target) for logits in (output.logits, *output.deep)]
    close(DeepSupervision(loss, (1, 1))(output, target), sum(both) / 2)


def test_without_deep_supervision_there_is_one_wing() -> None:
    both = WingsNet(2, 1, 2, features=(4, 6, 5))
    alone = WingsNet(2, 1, 2, features=(4, 6, 5), deep_supervision=False)
    state = both.state_dict()
    kept = {k: v for k, v in state.items() if not k.startswith("encoder_wing")}
    assert set(kept) == set(alone.state_dict())
    alone.load_state_dict(kept)
    image = torch.randn(1, 1, 8, 8)
    assert torch.equal(alone(image), both(image).logits)


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="WingsNet needs 2 or more entries"):
        WingsNet(3, 1, 1, features=(4,))
    assert WingsNet(2, 1, 1, features=(1, 1))(torch.randn(1, 1, 4, 4)).logits.shape[2:] == (4, 4)
