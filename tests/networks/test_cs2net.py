"""CS2-Net and its attention: recorded arrays, plain loops, symmetries, parameter counts."""

from math import prod

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tubekit.networks.channel_spatial_attention import (
    ChannelAttention,
    ChannelSpatialAttention,
    SpatialAttention,
)
from tubekit.networks.cs2net import CS2Net

SIZES = {2: (3, 5), 3: (2, 3, 4)}


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def on(module: nn.Module, gamma: float = 0.7) -> nn.Module:
    """The module in evaluation, attention switched on and norms away from the identity."""
    for name, parameter in module.named_parameters():
        if name.endswith("gamma"):
            nn.init.constant_(parameter, gamma)
        elif parameter.ndim == 1:
            nn.init.normal_(parameter, 0.5, 0.5)
    return module.eval()


def test_equals_the_recorded_reference(oracle) -> None:
    data = oracle("csnet_attention")
    names = {"sab": "spatial", "cab": "channel"}
    weights = {}
    for key in data:
        if key.startswith("aff2d__w__"):
            block, _, name = key.removeprefix("aff2d__w__").partition(".")
            weights[f"{names[block]}.{name}"] = torch.from_numpy(data[key])
    attention = ChannelSpatialAttention(2, 16, as_released=True).eval()
    attention.load_state_dict(weights)
    x = torch.from_numpy(data["in2d"])
    with torch.no_grad():
        for ours, key in (
            (attention.spatial(x), "aff2d__sab"),
            (attention.channel(x), "aff2d__cab"),
            (attention(x), "aff2d__out"),
        ):
            np.testing.assert_allclose(ours.numpy(), data[key], rtol=2e-5, atol=2e-5)
            # The comparison would see the attention missing.
            plain = (2 if key == "aff2d__out" else 1) * data["in2d"]
            assert np.abs(data[key] - plain).max() > 0.01


def test_parameter_counts_of_the_reference(oracle) -> None:
    """The reference holds a 1x1 convolution that it never calls; see the class."""
    data = oracle("parameter_counts")
    with torch.device("meta"):
        flat = CS2Net(2, 3, 1)
        volume = CS2Net(3, 1, 2, features=(16, 32, 64, 128, 256))
    uncalled = {c: 2 * c * c + c for c in (256, 512)}
    assert count(flat) == 8_400_803 == data["CSNet_2d_classes1_ch3"] - uncalled[512]
    norms = 3 * 2 * 32  # after the three lines
    assert count(volume) == 5_831_716 == data["CSNet3D_classes2_ch1"] - uncalled[256] + norms


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("scaled", [False, True])
def test_spatial_attention_position_by_position(ndim: int, scaled: bool) -> None:
    """The formula in plain loops: softmax over senders j of score (i, j), then a mean of V."""
    layer = on(SpatialAttention(ndim, 32, scaled=scaled)).double()
    x = torch.randn(2, 32, *SIZES[ndim], dtype=torch.double)
    n = prod(SIZES[ndim])
    q, k, v = (f(x).flatten(2).detach() for f in (layer.query, layer.key, layer.value))
    judge = layer.judge(x).flatten(2).detach() if ndim == 3 else None

    def products(a: Tensor, b: Tensor) -> Tensor:
        return torch.stack([torch.stack([a[:, i] @ b[:, j] for j in range(n)]) for i in range(n)])

    expected = x.flatten(2).clone()
    for sample in range(2):
        scores = products(q[sample], k[sample])
        if judge is not None:
            scores = scores @ products(judge[sample], k[sample])
        if scaled:  # 4 channels of queries and keys
            scores /= 2.0 if ndim == 2 else 2.0 * 2.0 * n
        for i in range(n):
            weights = (scores[i] - scores[i].max()).exp()
            weights = weights / weights.sum()
            torch.testing.assert_close(layer.affinity(x)[sample, i], weights)
            expected[sample, :, i] += 0.7 * (v[sample] * weights).sum(1)
    torch.testing.assert_close(layer(x).flatten(2), expected)


@pytest.mark.parametrize(("scaled", "as_released"), [(False, False), (False, True), (True, False)])
def test_channel_attention_channel_by_channel(scaled: bool, as_released: bool) -> None:
    layer = on(ChannelAttention(scaled=scaled, as_released=as_released))
    x = torch.randn(2, 5, 2, 3, 2, dtype=torch.double)
    flat = x.flatten(2)
    expected = x.clone().flatten(2)
    for b in range(2):
        for i in range(5):
            scores = torch.stack([(flat[b, i] * flat[b, j]).sum() for j in range(5)])
            scores = scores / 12 if scaled else scores
            weights = torch.softmax(scores.max() - scores if as_released else scores, dim=0)
            expected[b, i] += 0.7 * sum(w * f for w, f in zip(weights, flat[b], strict=True))
    torch.testing.assert_close(layer.double()(x).flatten(2), expected)


@pytest.mark.parametrize("ndim", [2, 3])
def test_received_weights_sum_to_one(ndim: int) -> None:
    """So a constant value field is received as it is, at every position and for every channel."""
    x = torch.randn(2, 16, *SIZES[ndim])
    for layer in (on(SpatialAttention(ndim, 16)), on(ChannelAttention())):
        weights = layer.affinity(x)
        assert weights.min() >= 0
        torch.testing.assert_close(weights.sum(2), torch.ones(weights.shape[:2]))
        assert (weights.sum(1) - 1).abs().max() > 0.01  # the other axis would be noticed
    spatial = on(SpatialAttention(ndim, 16), gamma=1.0)
    nn.init.zeros_(spatial.value.weight)
    nn.init.ones_(spatial.value.bias)
    torch.testing.assert_close(spatial(x), x + 1)


@pytest.mark.parametrize("ndim", [2, 3])
def test_each_line_looks_along_its_own_axis(ndim: int) -> None:
    layer = SpatialAttention(ndim, 8)
    lines = [layer.query, layer.key] + ([layer.judge] if ndim == 3 else [])
    for axis, line in zip((-1, -2, -3), lines, strict=False):
        x = torch.zeros(1, 8, *(5,) * ndim)
        x[(slice(None), slice(None), *(2,) * ndim)] = 1
        conv = line[0]
        seen = (conv(x) - conv.bias.view(1, -1, *(1,) * ndim)).abs().sum((0, 1)).nonzero()
        expected = torch.full((3, ndim), 2)
        expected[:, axis] = torch.arange(1, 4)
        assert torch.equal(seen, expected)


def test_scaled_channel_weights_do_not_depend_on_the_image_size() -> None:
    x = torch.rand(1, 6, 4, 4)
    wide = x.repeat(1, 1, 1, 32)
    scaled, plain = ChannelAttention(scaled=True), ChannelAttention()
    torch.testing.assert_close(scaled.affinity(x), scaled.affinity(wide))
    # The paper's sums sharpen: on the wide image nearly all weight lies on one channel.
    assert plain.affinity(wide).amax(2).min() > 0.99
    assert plain.affinity(x).amax(2).min() < 0.5


def test_scores_keep_float32_under_autocast() -> None:
    x = 4 * torch.randn(1, 8, 8, 8)
    layer = ChannelAttention()
    with torch.autocast("cpu", torch.bfloat16):
        rough = layer.affinity(x)
    assert rough.dtype == torch.float32
    torch.testing.assert_close(rough, layer.affinity(x))


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_new_network_has_its_attention_switched_off(ndim: int) -> None:
    """gamma = 0 as in the paper: at first only gamma learns, after one step everything does."""
    network = CS2Net(ndim, 1, 1, features=(4, 8, 16)).double()
    image = torch.randn(2, 1, *(8,) * ndim, dtype=torch.double)
    attention = network.attention
    x = torch.randn(2, 16, *(2,) * ndim, dtype=torch.double)
    assert torch.equal(attention(x), 2 * x)

    def silent() -> set[str]:
        network.zero_grad()
        network(image).square().sum().backward()
        return {n for n, p in attention.named_parameters() if float(p.grad.norm()) < 1e-12}

    everything = {n for n, _ in attention.named_parameters()}
    assert silent() == everything - {"spatial.gamma", "channel.gamma"}
    torch.optim.SGD(network.parameters(), 0.1).step()
    cancelled = {n for n in everything if n.endswith(".0.bias")}  # by the norm behind them
    assert silent() <= cancelled


@pytest.mark.parametrize("ndim", [2, 3])
def test_two_levels_by_hand(ndim: int) -> None:
    """Pooling, bottleneck with its input and both attentions, upsampling, skip, head."""
    network = on(CS2Net(ndim, 1, 1, features=(4, 8)))
    pool = F.max_pool2d if ndim == 2 else F.max_pool3d
    with torch.no_grad():
        image = torch.randn(1, 1, *(8,) * ndim)
        fine = network.encoder[0](image)
        x = network.encoder[1](pool(fine, 2))
        x = x + network.attention.spatial(x) + network.attention.channel(x)
        expected = network.head(network.decoder[0](torch.cat((fine, network.ups[0](x)), dim=1)))
        torch.testing.assert_close(network(image), expected)


def test_residual_block_by_hand() -> None:
    block = on(CS2Net(2, 3, 1, features=(4, 8))).encoder[0]
    x = torch.randn(1, 3, 4, 4)
    (conv1, norm1), _, (conv2, norm2), _ = block.body
    inner = torch.relu(norm2(conv2(torch.relu(norm1(conv1(x))))))
    torch.testing.assert_close(block(x), torch.relu(inner + block.shortcut(x)))


def test_norm_reaches_every_layer_and_one_patch_can_be_trained() -> None:
    network = CS2Net(3, 1, 1, features=(4, 8), norm="instance")
    assert not any(isinstance(m, nn.BatchNorm3d) for m in network.modules())
    network.train()(torch.randn(1, 1, 4, 4, 4)).sum().backward()
    image = torch.randn(1, 1, 4, 4, 4)
    assert torch.equal(network.train()(image), network.eval()(image))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ndim": 4}, "ndim must be one of 2, 3"),
        ({"features": (8,)}, "CS2Net needs 2 or more entries in features"),
        ({"features": (8, 0, 8)}, "features of CS2Net must be an integer of at least 1"),
        ({"features": (8, 7)}, "8 channels or more, got 7"),
        ({"norm": "group"}, "norm must be one of"),
    ],
)
def test_bad_arguments(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CS2Net(**({"ndim": 2, "in_channels": 1, "out_channels": 1, "features": (4, 8)} | arguments))


def test_bad_arguments_of_the_attention() -> None:
    with pytest.raises(ValueError, match="8 channels or more, got 7"):
        SpatialAttention(2, 7)
    with pytest.raises(ValueError, match="ndim must be one of"):
        SpatialAttention(1, 8)
    with pytest.raises(ValueError, match="norm must be one of"):
        SpatialAttention(2, 8, norm="layer")


def test_options_reach_the_attention() -> None:
    network = CS2Net(2, 1, 2, features=(4, 8, 8), scaled=True)
    assert network.attention.channel.scaled
    assert network.attention.spatial.scale == 1.0  # one channel of queries and keys
    assert not network.attention.channel.as_released
    assert CS2Net(2, 1, 1, features=(4, 8), as_released=True).attention.channel.as_released
