"""HRNet: published parameter counts, a count by hand, and the exchange between branches."""

import pytest
import torch
from torch import nn

from tubekit.networks import HRNet
from tubekit.networks.hrnet import _Exchange


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def by_hand(inputs: int, outputs: int, w: int, modules: tuple[int, ...], blocks: int) -> int:
    """Weights of the convolutions plus two parameters per normalised channel."""

    def conv(a: int, b: int, k: int = 3) -> int:
        return k * k * a * b + 2 * b

    total = conv(inputs, 64) + conv(64, 64)
    for i in range(modules[0] * blocks):
        a = 64 if i == 0 else 256
        total += conv(a, 64, 1) + conv(64, 64) + conv(64, 256, 1)
        total += conv(64, 256, 1) if i == 0 else 0
    total += conv(256, w) + conv(256, 2 * w) + conv(2 * w, 4 * w) + conv(4 * w, 8 * w)
    for branches, n in zip((2, 3, 4), modules[1:], strict=True):
        widths = [w * 2**i for i in range(branches)]
        module = sum(2 * blocks * conv(c, c) for c in widths)
        for i, target in enumerate(widths):
            for j, source in enumerate(widths):
                if j > i:
                    module += conv(source, target, 1)
                elif j < i:
                    module += (i - j - 1) * conv(source, source) + conv(source, target)
        total += n * module
    return total + conv(15 * w, 15 * w, 1) + 15 * w * outputs + outputs


@pytest.mark.parametrize(
    ("arguments", "expected", "published_millions"),
    [
        # 65.8 M and 3.9 M are the sizes that the authors list for Cityscapes (19 classes). Their
        # last layer has 15 w biases more, which the batch norm behind it cancels.
        ({"width": 48}, 65_858_659, 65.8),
        ({"width": 18, "modules": (1, 1, 3, 2), "blocks": 2}, 3_939_309, 3.9),
    ],
)
def test_published_parameter_counts(
    arguments: dict, expected: int, published_millions: float
) -> None:
    with torch.device("meta"):
        network = HRNet(3, 19, **arguments)
    modules, blocks = arguments.get("modules", (1, 1, 4, 3)), arguments.get("blocks", 4)
    assert count(network) == expected == by_hand(3, 19, arguments["width"], modules, blocks)
    assert int(expected / 1e5) / 10 == published_millions


def test_every_branch_receives_every_branch() -> None:
    exchange = _Exchange(2, [4, 8, 16], blocks=1).eval()
    sizes = [16, 8, 4]
    for source in range(3):
        xs = [torch.randn(1, 4 << i, s, s, requires_grad=True) for i, s in enumerate(sizes)]
        for y in exchange(xs):
            (grad,) = torch.autograd.grad(y.square().sum(), xs[source], retain_graph=True)
            assert grad.abs().sum() > 0


def test_shapes_of_the_exchange() -> None:
    xs = [torch.randn(2, 4 << i, 16 >> i, 24 >> i) for i in range(3)]
    assert [y.shape for y in _Exchange(2, [4, 8, 16], blocks=1)(xs)] == [x.shape for x in xs]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"width": 0}, "width of HRNet must be an integer of at least 1, got 0"),
        ({"modules": (1, 1, 4)}, "HRNet needs 4 entries in modules"),
        ({"modules": (1, 1, 0, 1)}, "modules of HRNet must"),
        ({"blocks": 0}, "blocks of HRNet must"),
    ],
)
def test_bad_arguments(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        HRNet(1, 1, **arguments)
