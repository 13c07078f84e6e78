"""TransUNet: published parameter count, parts by hand, position embedding, levels, errors."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tubekit.networks.residual import StandardConv, standard_bottleneck
from tubekit.networks.transunet import TransUNet

TINY = {
    "width": 8,
    "blocks": (1, 1, 1),
    "hidden": 16,
    "layers": 2,
    "heads": 2,
    "mlp": 16,
    "decoder": (8, 8, 6, 4, 4),
    "grid": 2,
}


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_parameter_count_of_the_reference(oracle) -> None:
    with torch.device("meta"):
        network = TransUNet(2, 3, 9)
    expected = int(oracle("parameter_counts")["TransUNet_R50_ViT_B16_224_9cls"])
    assert count(network) == 105_277_081 == expected


def by_hand(ndim: int, inputs: int, outputs: int) -> int:
    """Parameters of the tiny network: weights, and two of each normalised channel."""

    def conv(a: int, b: int, k: int = 3) -> int:
        return k**ndim * a * b + 2 * b

    total = conv(inputs, 8, 7)
    for a, b in ((8, 32), (32, 64), (64, 128)):
        m = b // 4
        total += conv(a, m, 1) + conv(m, m) + conv(m, b, 1) + conv(a, b, 1)
    total += 128 * 16 + 16 + 16 * 2**ndim  # tokens and positions
    total += 2 * (4 * (16 * 16 + 16) + 2 * 16 * 16 + 16 + 16 + 4 * 16) + 2 * 16
    total += conv(16, 8)
    for a, b, skip in ((8, 8, 64), (8, 6, 32), (6, 4, 8), (4, 4, 0)):
        total += conv(a + skip, b) + conv(b, b)
    return total + 3**ndim * 4 * outputs + outputs


@pytest.mark.parametrize("ndim", [2, 3])
def test_parameter_count_by_hand(ndim: int) -> None:
    assert count(TransUNet(ndim, 3, 2, **TINY)) == by_hand(ndim, 3, 2)


@pytest.mark.parametrize("ndim", [2, 3])
def test_standard_convolution(ndim: int) -> None:
    layer = StandardConv(ndim, 3, 4, 3, 2).double()
    x = torch.randn(1, 3, *(6,) * ndim, dtype=torch.double)
    weight = layer.weight.flatten(1)
    mean, variance = weight.mean(1, keepdim=True), weight.var(1, keepdim=True, unbiased=False)
    weight = ((weight - mean) / (variance + 1e-5).sqrt()).reshape(layer.weight.shape)
    plain = (F.conv2d if ndim == 2 else F.conv3d)(x, weight, stride=2, padding=1)
    torch.testing.assert_close(layer(x), plain)
    with torch.no_grad():
        layer.weight.mul_(100).add_(5)  # neither scale nor mean of a kernel matters
    torch.testing.assert_close(layer(x), plain, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize(("inputs", "stride"), [(32, 1), (16, 1), (16, 2)])
def test_bottleneck_by_hand(inputs: int, stride: int) -> None:
    block = standard_bottleneck(2, inputs, 32, stride)
    for parameter in block.parameters():
        if parameter.ndim == 1:
            nn.init.normal_(parameter, 1.0, 0.5)
    x = torch.randn(2, inputs, 8, 8)
    y = x
    for i, layer in enumerate(block.body):
        y = F.group_norm(layer[0](y), 8 if i < 2 else 32, layer[1].weight, layer[1].bias, 1e-6)
        y = torch.relu(y) if i < 2 else y
    other = x
    if inputs != 32:
        norm = block.shortcut[1]
        other = F.instance_norm(block.shortcut[0](x), weight=norm.weight, bias=norm.bias)
    torch.testing.assert_close(block(x), torch.relu(y + other))
    assert block(x).shape == (2, 32, 8 // stride, 8 // stride)


def test_group_norm_has_32_groups_at_full_width_and_fits_narrow_ones() -> None:
    with torch.device("meta"):
        full = TransUNet(2, 1, 1, layers=1)
    groups = {m.num_groups for n, m in full.stages.named_modules() if n.endswith("body.1.1")}
    assert groups == {32} == {full.stem[1].num_groups}
    narrow = TransUNet(2, 1, 1, **(TINY | {"width": 12}))
    assert narrow.stem[1].num_groups == 4


@pytest.mark.parametrize("size", [(32, 64), (16, 32, 16)])
def test_levels_pooling_upsampling_and_skips_by_hand(size: tuple[int, ...]) -> None:
    """Down to 1/16, up again by linear interpolation; every skip is the stage of its size."""
    ndim = len(size)
    network = TransUNet(ndim, 1, 2, **TINY).eval()
    calls: list[tuple[Tensor, Tensor]] = []
    order = [network.stem, *network.stages, network.neck, *network.decoder, network.head]
    for module in order:
        module.register_forward_hook(lambda _m, args, out: calls.append((args[0], out)))
    assert network(torch.randn(1, 1, *size)).shape == (1, 2, *size)
    stem, quarter, eighth, last, neck, *decoder, head = calls
    for factor, (_, out) in zip((2, 4, 8, 16, 16), calls, strict=False):
        assert tuple(out.shape[2:]) == tuple(s // factor for s in size)
    pool, mode = (F.max_pool2d, "bilinear") if ndim == 2 else (F.max_pool3d, "trilinear")
    assert torch.equal(quarter[0], pool(stem[1], 3, stride=2, padding=1))
    skips = (eighth[1], quarter[1], stem[1], None)
    for before, after, skip in zip((neck, *decoder[:-1]), decoder, skips, strict=True):
        channels, up = before[1].shape[1], after[0]
        finer = tuple(2 * v for v in before[1].shape[2:])
        expected = F.interpolate(before[1], finer, mode=mode, align_corners=False)
        torch.testing.assert_close(up[:, :channels], expected)
        assert up.shape[1] == channels if skip is None else torch.equal(up[:, channels:], skip)
    assert torch.equal(head[0], decoder[-1][1])
    ends = (stem, quarter, eighth, last, neck, *decoder)
    assert all(out.min() == 0 for _, out in ends)  # all end in a ReLU


@pytest.mark.parametrize("ndim", [2, 3])
def test_position_embedding_adapts_to_the_size(ndim: int) -> None:
    network = TransUNet(ndim, 1, 1, **(TINY | {"grid": (4, 8, 6)[:ndim]}))
    assert network.positions((4, 8, 6)[:ndim]) is network.position
    nn.init.normal_(network.position)
    assert network.positions((3,) * ndim).shape == (1, 16, *(3,) * ndim)
    # A gradient along each axis stays one, of the same total, on a grid twice as fine.
    for axis in range(ndim):
        n = network.position.shape[2 + axis]
        ramp = (torch.arange(n) + 0.5) / n
        shape = [1] * (ndim + 2)
        shape[2 + axis] = n
        network.position.data = ramp.view(shape).expand_as(network.position).clone()
        fine = network.positions(tuple(2 * s for s in network.position.shape[2:]))
        inner = fine.movedim(2 + axis, 0)[1:-1]
        expected = (torch.arange(1, 2 * n - 1) + 0.5) / (2 * n)
        torch.testing.assert_close(inner, expected.view(-1, *[1] * (ndim + 1)).expand_as(inner))


def test_position_embedding_tells_positions_apart() -> None:
    """Without it, swapping tokens swaps the transformer's outputs; with it, more changes."""
    network = TransUNet(2, 1, 1, **TINY).eval()
    seen: list[Tensor] = []
    network.transformer.register_forward_hook(lambda _m, args, out: seen.extend((args[0], out)))
    image = torch.randn(1, 1, 32, 32)
    network(image)
    tokens, result = seen
    flipped = network.transformer(tokens.flip(1))
    torch.testing.assert_close(flipped, result.flip(1))
    nn.init.normal_(network.position)
    network(image)
    added = seen[-2] - tokens
    torch.testing.assert_close(added, network.position.flatten(2).mT)


def test_token_order_is_array_order() -> None:
    """The transformer as identity: the neck receives the embedded features in their places."""
    network = TransUNet(3, 1, 1, **TINY).eval()
    network.transformer = nn.Identity()
    seen: list[Tensor] = []
    network.embed.register_forward_hook(lambda _m, _a, out: seen.append(out))
    network.neck.register_forward_hook(lambda _m, args, _o: seen.append(args[0]))
    network(torch.randn(2, 1, 16, 32, 48))
    assert torch.equal(*seen)


def test_transformer_layers_are_those_of_vit_and_start_apart() -> None:
    network = TransUNet(2, 1, 1, **TINY).double().eval()
    first, second, last = network.transformer
    assert not torch.equal(first.linear1.weight, second.linear1.weight)
    assert isinstance(last, nn.LayerNorm)
    x = torch.randn(2, 5, 16, dtype=torch.double)
    h = F.layer_norm(x, (16,), first.norm1.weight, first.norm1.bias, 1e-6)
    projected = F.linear(h, first.self_attn.in_proj_weight, first.self_attn.in_proj_bias)
    q, k, v = (p.unflatten(2, (2, 8)).transpose(1, 2) for p in projected.chunk(3, dim=2))
    heads = torch.softmax(q @ k.mT / 8**0.5, dim=-1) @ v
    y = x + first.self_attn.out_proj(heads.transpose(1, 2).flatten(2))
    h = F.layer_norm(y, (16,), first.norm2.weight, first.norm2.bias, 1e-6)
    torch.testing.assert_close(first(x), y + first.linear2(F.gelu(first.linear1(h))))


def test_dropout_acts_in_training_only() -> None:
    network = TransUNet(2, 1, 1, **TINY, dropout=0.5, norm="instance")
    image = torch.randn(1, 1, 32, 32)
    assert not torch.equal(network.train()(image), network(image))
    seen: list[Tensor] = []
    handle = network.transformer.register_forward_hook(lambda _m, args, _o: seen.append(args[0]))
    network.train()(image)
    handle.remove()
    tokens = seen[0].detach()
    assert 0.2 < tokens.eq(0).float().mean() < 0.8
    assert not any(torch.equal(layer(tokens), layer(tokens)) for layer in network.transformer[:2])
    assert torch.equal(network.eval()(image), network(image))
    without = TransUNet(2, 1, 1, **TINY, dropout=0.0, norm="instance")
    assert torch.equal(without.train()(image), without(image))


def test_inference_without_gradients_gives_the_same() -> None:
    """PyTorch has a second code path for transformer layers in inference."""
    network = TransUNet(2, 1, 1, **TINY).eval()
    image = torch.randn(2, 1, 32, 48)
    with torch.no_grad():
        fast = network(image)
    torch.testing.assert_close(fast, network(image), rtol=1e-4, atol=1e-5)


def test_norm_of_the_decoder() -> None:
    kinds = {"batch": nn.BatchNorm2d, "instance": nn.InstanceNorm2d}
    for norm, kind in kinds.items():
        network = TransUNet(2, 1, 1, **TINY, norm=norm)
        assert sum(isinstance(m, kind) for m in network.modules()) == 9
        assert not any(
            isinstance(m, k) for m in network.modules() for k in set(kinds.values()) - {kind}
        )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ndim": 1}, "ndim must be one of 2, 3"),
        ({"norm": "group"}, "norm must be one of"),
        ({"blocks": (1, 1)}, "needs 3 entries in blocks, got .1, 1."),
        ({"blocks": (1, 0, 1)}, "blocks of TransUNet must be an integer of at least 1, got 0"),
        ({"decoder": (8, 8, 8, 8)}, "needs 5 entries in decoder"),
        ({"grid": (2, 2, 2)}, "grid needs one integer, or one per axis"),
        ({"grid": 0}, "grid must be an integer of at least 1"),
        ({"width": 0}, "width of TransUNet must"),
        ({"layers": 0}, "layers of TransUNet must"),
        ({"heads": 3}, "multiple of heads"),
        ({"dropout": 1.0}, r"dropout lie in \[0, 1\)"),
    ],
)
def test_bad_arguments(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TransUNet(**({"ndim": 2, "in_channels": 1, "out_channels": 1} | TINY | arguments))
