"""DSCNet: the authors' parameter count, both axes alike, the two implementations of its snakes."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from tubekit.networks.dscnet import DSCNet
from tubekit.networks.snake_conv import DynamicSnakeConv, SnakeConv

close = torch.testing.assert_close


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def layers_of(inputs: int, features: tuple[int, ...]) -> list[tuple[int, int]]:
    """Channels into and out of every stage of the U."""
    down = zip((inputs, *features[:-1]), features, strict=True)
    up = ((a + b, a) for a, b in pairwise(features))
    return [*down, *up]


def never_read(channels_in: int, channels_out: int, kernel: int) -> int:
    """Parameters of one released 2-D snake that no output depends on.

    Offsets (3x3 convolution, bias, norm) along the snake's own axis and of the centre, and the
    kernel of the other axis.
    """
    offsets = 2 * kernel - (kernel - 1)
    return offsets * (9 * channels_in + 1 + 2) + kernel * channels_in * channels_out + channels_out


def by_hand(ndim: int, inputs: int, outputs: int, features: tuple[int, ...], kernel: int) -> int:
    total = features[0] * outputs + outputs
    for a, b in layers_of(inputs, features):
        taps = (ndim - 1) * (kernel - 1)
        snake = taps * (3**ndim * a + 1 + 2) + kernel * a * b + b + 2 * b
        plain = 3**ndim * a * b + b + 2 * b
        fuse = 3**ndim * (ndim + 1) * b * b + b + 2 * b
        total += plain + ndim * snake + fuse
    return total


def test_parameters_are_the_authors_less_those_never_read(oracle) -> None:
    counts = oracle("parameter_counts")
    unused = sum(2 * never_read(a, b, 9) for a, b in layers_of(3, (16, 32, 64, 128)))
    for key in ("DSCNet_pro_3to1_k9_n16", "DSCNet_2D_3to1_k9_number16"):
        assert count(DSCNet(2, 3, 1)) + unused == int(counts[key])
    assert (count(DSCNet(2, 3, 1)), unused) == (1_529_249, 567_008), "as the docstring says"
    layer = count(SnakeConv(2, 3, 16, kernel=9)) + count(nn.GroupNorm(4, 16))
    assert layer + never_read(3, 16, 9) == int(counts["DSConv_pro_3to16_k9"])


@pytest.mark.parametrize(("ndim", "kernel"), [(2, 5), (3, 3)])
def test_parameter_count_by_hand(ndim: int, kernel: int) -> None:
    with torch.device("meta"):
        network = DSCNet(ndim, 2, 3, features=(4, 8, 12), kernel=kernel)
    assert count(network) == by_hand(ndim, 2, 3, (4, 8, 12), kernel)


def transpose_weights(network: DSCNet) -> None:
    """What the snake along one axis has learnt goes to the other axis."""
    for module in network.modules():
        if isinstance(module, DynamicSnakeConv):
            plain, *snakes = module.branches
            for a, b in zip(*(snake.parameters() for snake in snakes), strict=True):
                a.data, b.data = b.data, a.data
            convs = (plain[0], module.fuse[0], *(snake[0].offsets[0] for snake in snakes))
            for conv in convs:
                conv.weight.data = conv.weight.data.mT.contiguous()
            one, two, three = module.fuse[0].weight.data.chunk(3, dim=1)
            module.fuse[0].weight.data = torch.cat((one, three, two), 1)


def test_both_axes_have_a_snake_and_are_alike() -> None:
    """Transposed image and exchanged weights: transposed logits."""
    network = DSCNet(2, 1, 2, features=(4, 8), kernel=3).double()
    for parameter in network.parameters():
        if parameter.ndim == 1:
            nn.init.normal_(parameter, 0.5, 0.5)
    image = torch.randn(2, 1, 12, 8, dtype=torch.float64)
    before, other = network(image), network(image.mT).mT
    transpose_weights(network)
    close(network(image.mT).mT, before)
    assert not torch.allclose(other, before, atol=1e-3)


@pytest.mark.parametrize("ndim", [2, 3])
def test_every_snake_bends_and_the_options_reach_it(ndim: int) -> None:
    network = DSCNet(ndim, 1, 1, features=(4, 8), kernel=5, extent=0.5)
    snakes = [m for m in network.modules() if isinstance(m, SnakeConv)]
    assert len(snakes) == 3 * ndim
    assert {(s.axis, s.extent, s.weight.shape[2]) for s in snakes} == {
        (axis, 0.5, 5) for axis in range(ndim)
    }
    bends: list[float] = []
    for snake in snakes:
        snake.register_forward_pre_hook(
            lambda module, inputs: bends.append(module.curve(inputs[0]).abs().max().item())
        )
    network(torch.randn(1, 1, *[8] * ndim))
    assert min(bends) > 0.1


def test_a_tube_can_be_learnt_in_a_few_steps() -> None:
    image = torch.zeros(1, 1, 16, 16)
    image[..., torch.arange(16), torch.arange(16)] = 1
    noisy = image + 0.2 * torch.randn_like(image)
    network = DSCNet(2, 1, 1, features=(4, 8), kernel=3)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    losses: list[Tensor] = []
    for _ in range(30):
        weight = torch.tensor(15.0)
        loss = nn.functional.binary_cross_entropy_with_logits(
            network(noisy), image, pos_weight=weight
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.detach())
    assert losses[-1] < 0.2 * losses[0]


def test_bad_arguments() -> None:
    for message, arguments in {
        "DSCNet needs 2 or more entries": {"features": (4,)},
        "out_channels must be a multiple of 4, got 6": {"features": (4, 6)},
        "kernel must be odd": {"kernel": 4},
        "extent must be positive": {"extent": 0.0},
    }.items():
        with pytest.raises(ValueError, match=message):
            DSCNet(2, 1, 1, **arguments)
