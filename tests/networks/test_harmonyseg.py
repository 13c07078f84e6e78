"""HarmonySeg: blocks, decoder, switches, counts, errors."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tubekit.networks.harmonyseg import (
    HarmonySeg,
    deep_to_shallow,
    harmonyseg,
    shallow_query,
)
from tubekit.networks.harmonyseg.deep_to_shallow import DeepToShallow
from tubekit.networks.harmonyseg.flexible_conv import FlexibleConv
from tubekit.types import SegOutput

SMALL = (4, 4, 8)
BOTH = pytest.mark.parametrize("ndim", [2, 3])


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def small(ndim: int = 2, channels: int = 2, **options: object) -> HarmonySeg:
    """A double-precision network whose affine parameters are not 1 and 0 any more."""
    network = HarmonySeg(ndim, channels, 1, features=SMALL, **options).double()
    for parameter in network.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return network


# --- flexible convolution and the decoder ------------------------------------------------------


@BOTH
@pytest.mark.parametrize("stride", [1, 2])
def test_flexible_block_sees_three_five_and_seven(ndim: int, stride: int) -> None:
    block = FlexibleConv(ndim, 2, 6, stride=stride).double()
    for name, module in list(block.named_modules()):
        if isinstance(module, nn.modules.instancenorm._InstanceNorm):  # they see everything
            parent, _, child = name.rpartition(".")
            setattr(block.get_submodule(parent), child, nn.Identity())
    taps: list[Tensor] = []
    for layer in block.chain:
        layer.register_forward_hook(lambda *args: taps.append(args[-1]))
    image = torch.zeros(1, 2, *[32] * ndim).double()
    image[:, :, *[16] * ndim] = 1.0
    out = block(image)
    assert out.shape == (1, 6, *[32 // stride] * ndim)
    widths = {1: [3, 5, 7, 7], 2: [1, 3, 5, 5]}[stride]  # an even place meets one strided centre
    for found, width in zip((*taps, out), widths, strict=True):
        for axis in range(ndim):
            touched = found.abs().amax([a for a in range(ndim + 2) if a != axis + 2]) > 0
            assert int(touched.sum()) == width
    mixed = block.mix(torch.cat(taps, 1)) + block.shortcut(image)
    torch.testing.assert_close(out, F.leaky_relu(mixed, 0.01))


def test_flexible_block_keeps_its_input_where_it_can() -> None:
    block = FlexibleConv(2, 4, 4)
    nn.init.zeros_(block.mix[1].weight)
    x = torch.rand(2, 4, 5, 6)
    torch.testing.assert_close(block(x), x)


def test_weights_of_a_single_input_channel_count() -> None:
    """A norm behind the shortcut would leave only their sign."""
    block = FlexibleConv(2, 1, 4)
    image = torch.randn(1, 1, 8, 8)
    before = block(image)
    block.shortcut.weight.data *= 2
    assert (block(image) - before).abs().max() > 0.1


@pytest.mark.parametrize("fused", ["logits", "features"])
def test_each_level_is_decoded_alone_and_all_reach_the_answer(fused: str) -> None:
    decoder = DeepToShallow(2, (4, 4, 8), (4, 4, 8), 2, fused=fused, deep_supervision=True)
    inputs = [torch.randn(1, c, n, n) for c, n in ((4, 16), (4, 8), (8, 4))]
    logits, segs = decoder(inputs)
    assert [tuple(s.shape) for s in segs] == [(1, 2, 16, 16), (1, 2, 8, 8), (1, 2, 4, 4)]
    for changed in range(3):
        others = list(inputs)
        others[changed] = torch.randn_like(inputs[changed])
        again, new = decoder(others)
        assert not torch.allclose(again, logits)
        for level in range(3):
            assert torch.equal(new[level], segs[level]) == (level != changed)


def test_fused_logits_are_a_function_of_the_predictions_only() -> None:
    decoder = DeepToShallow(2, SMALL, SMALL, 2)
    logits, segs = decoder([torch.randn(1, c, n, n) for c, n in ((4, 16), (4, 8), (8, 4))])
    ups = [F.interpolate(s, size=(16, 16), mode="bilinear") for s in segs]
    torch.testing.assert_close(decoder.fuse(torch.cat(ups, 1)), logits)


# --- the network -------------------------------------------------------------------------------


def flexible_count(ndim: int, i: int, o: int, *, shortcut: bool) -> int:
    w, k = o // 2, 3**ndim
    chain = k * i * w + 2 * k * w * w + 3 * 2 * w
    return chain + 3 * w * o + 2 * o + (i * o if shortcut else 0)


def by_hand(ndim: int, features: tuple[int, ...], fusion: str, fused: str, deep: bool) -> int:
    """Of a network with one image channel, one vesselness channel and two logits."""
    n, k, last = len(features), 3**ndim, features[-1]
    encoder = sum(flexible_count(ndim, i, o, shortcut=True) for i, o in pairwise((1, *features)))
    context = 2 * last if fusion == "attention" else last
    total = encoder
    for c in features[:-1]:
        total += context * c + flexible_count(ndim, c, c, shortcut=False)
        if fusion == "attention":  # fuse and its norm; the norm and attention of half; own; norm
            total += 2 * c * c + 2 * c + c + 4 * (c // 2) ** 2 + c * c + 2 * c
    if fusion == "attention":
        total += encoder + 4 * 4 * last**2 + 2 * 2 * last
    total += flexible_count(ndim, context, last, shortcut=fusion == "attention")
    if fused == "logits" or deep:
        total += sum(2 * c + 2 * deep for c in features)
    total += 0 if fused == "logits" else sum(8 * c for c in features)
    parts = n * (2 if fused == "logits" else 8)
    return total + k * parts * features[0] + 2 * features[0] + 2 * features[0] + 2


@BOTH
@pytest.mark.parametrize("fusion", ["attention", "none"])
@pytest.mark.parametrize("fused", ["logits", "features"])
@pytest.mark.parametrize("deep", [False, True])
def test_parameter_count_by_hand(ndim: int, fusion: str, fused: str, deep: bool) -> None:
    for features in ((16, 32, 64, 128), (32, 64, 128, 256)):
        with torch.device("meta"):
            network = HarmonySeg(
                ndim,
                1 + (fusion == "attention"),
                2,
                features=features,
                fusion=fusion,
                fused=fused,
                deep_supervision=deep,
            )
        assert count(network) == by_hand(ndim, features, fusion, fused, deep)


def test_default_network() -> None:
    with torch.device("meta"):
        network = HarmonySeg(3, 2, 1)
    assert (count(network), network.divisor) == (8_618_465, (8, 8, 8))
    assert network.deep_query.cross_v2c.heads == 4
    assert [q.attention.heads for q in network.shallow_queries] == [2, 2, 2]
    assert {q.budget for q in network.shallow_queries} == {8}


def test_layers_start_as_those_of_the_unet() -> None:
    network = HarmonySeg(2, 2, 1)
    convs = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    for conv in convs:
        expected = (2 / (1 + 0.01**2) / conv.weight[0].numel()) ** 0.5
        assert conv.weight.std().item() == pytest.approx(
            expected, rel=4 / conv.weight.numel() ** 0.5
        )
    assert [c for c in convs if c.bias is not None] == [network.decoder.fuse[1]]
    assert {m.negative_slope for m in network.modules() if isinstance(m, nn.LeakyReLU)} == {0.01}
    norms = [m for m in network.modules() if isinstance(m, nn.InstanceNorm2d)]
    assert {(m.eps, m.affine, m.track_running_stats) for m in norms} == {(1e-5, True, False)}


def test_inputs_of_the_decoder_follow_the_formula() -> None:
    """H_i = ConvBlock([F_C + F_V, up(phi DQ_V2C), up(phi' DQ_C2V)]) + SQ_i, concatenated here."""
    network = small()
    seen: list[Tensor] = []
    network.decoder.register_forward_pre_hook(lambda _, args: seen.extend(args[0]))
    image = torch.randn(2, 2, 16, 24).double()
    network(image)
    c, v = [image[:, :1]], [image[:, 1:]]
    for level in range(3):
        c.append(network.image_encoder[level](c[-1]))
        v.append(network.vesselness_encoder[level](v[-1]))
    queries = network.deep_query(c[3], v[3])
    torch.testing.assert_close(seen[2], torch.cat(queries, 1))
    for level in (0, 1):
        f_c, f_v = c[level + 1], v[level + 1]
        ups = [F.interpolate(q, size=f_c.shape[2:], mode="bilinear") for q in queries]
        block = network.enrich[level]
        weight = torch.cat((block.own.weight, block.deep.weight), 1)
        mixed = block.norm(F.conv2d(torch.cat((f_c + f_v, *ups), 1), weight))
        expected = F.leaky_relu(mixed, 0.01) + network.shallow_queries[level](f_c, f_v)
        torch.testing.assert_close(seen[level], expected)


def test_inputs_of_the_decoder_without_fusion() -> None:
    network = small(channels=1, fusion="none")
    seen: list[Tensor] = []
    network.decoder.register_forward_pre_hook(lambda _, args: seen.extend(args[0]))
    c = [torch.randn(2, 1, 16, 24).double()]
    network(c[0])
    for level in range(3):
        c.append(network.image_encoder[level](c[-1]))
    torch.testing.assert_close(seen[2], c[3])
    for level in (0, 1):
        up = F.interpolate(c[3], size=c[level + 1].shape[2:], mode="bilinear")
        expected = c[level + 1] + F.conv2d(up, network.enrich[level].weight)
        torch.testing.assert_close(seen[level], expected)


def test_the_last_channels_are_the_vesselness() -> None:
    network = small(channels=5, vesselness_channels=2)
    first = {"image": network.image_encoder[0], "vesselness": network.vesselness_encoder[0]}
    seen: dict[str, Tensor] = {}
    for name, block in first.items():
        block.register_forward_pre_hook(lambda _, args, name=name: seen.update({name: args[0]}))
    image = torch.randn(1, 5, 8, 8).double()
    network(image)
    assert torch.equal(seen["image"], image[:, :3])
    assert torch.equal(seen["vesselness"], image[:, 3:])


@BOTH
@pytest.mark.parametrize("deep", [False, True])
def test_maps_come_with_the_same_numbers(ndim: int, deep: bool) -> None:
    image = torch.randn(2, 2, *[16] * ndim)
    results = []
    for maps in (False, True):
        torch.manual_seed(3)
        options = {"features": SMALL, "deep_supervision": deep, "attention_maps": maps}
        results.append(HarmonySeg(ndim, 2, 1, token_budget=4, **options)(image))
    plain_result, full = results
    logits = plain_result.logits if deep else plain_result
    assert isinstance(full, SegOutput)
    assert torch.equal(full.logits, logits)
    assert len(full.deep) == (3 if deep else 0)
    sizes = {"v2c": 4, "c2v": 4, "sq1": 4, "sq2": 4}
    assert {n: tuple(m.shape) for n, m in full.maps.items()} == {
        n: (2, 1, *[s] * ndim) for n, s in sizes.items()
    }
    for shares in full.maps.values():
        assert shares.min() >= 0
        torch.testing.assert_close(shares.flatten(1).sum(1), torch.ones(2))


def test_deep_predictions_run_fine_to_coarse_and_start_at_full_resolution() -> None:
    network = HarmonySeg(2, 2, 3, features=(4, 4, 4, 4), deep_supervision=True)
    result = network(torch.randn(2, 2, 32, 16))
    assert result.maps is None
    assert [tuple(d.shape[2:]) for d in result.deep] == [(32, 16), (16, 8), (8, 4), (4, 2)]
    assert not torch.allclose(result.logits, result.deep[0])


@pytest.mark.parametrize("fusion", ["attention", "none"])
def test_on_a_torus_a_shift_shifts(fusion: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With borders out of the way, by the divisor: nothing knows where it is."""
    network = small(fusion=fusion, token_budget=8)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.padding_mode = "circular"
    for file in (harmonyseg, deep_to_shallow, shallow_query):
        monkeypatch.setattr(file, "resize", lambda x, grid: F.interpolate(x, size=tuple(grid)))
    image = torch.randn(1, 2, 32, 32).double()
    for shift in ((4, 0), (8, -12)):
        moved = network(image.roll(shift, (2, 3)))
        torch.testing.assert_close(moved, network(image).roll(shift, (2, 3)))
    odd = network(image.roll(2, 2)) - network(image).roll(2, 2)
    assert odd.abs().max() > 1e-3  # strides see finer shifts: the comparison can fail


@pytest.mark.parametrize("options", [{}, {"pooling": "literal"}, {"fused": "features"}])
def test_every_weight_of_three_levels_is_used(options: dict) -> None:
    network = HarmonySeg(2, 2, 1, features=(8, 8, 8), **options).double()
    (network(torch.randn(2, 2, 16, 16).double()) * torch.randn(2, 1, 16, 16)).sum().backward()
    assert all(p.grad.norm() > 1e-3 for p in network.parameters())


def test_bfloat16_is_near_on_grids_that_a_norm_can_measure() -> None:
    """Over 2 x 2 voxels the variance may be tiny, and the norm magnifies every rounding."""
    for seed in range(5):
        torch.manual_seed(seed)
        network, image = HarmonySeg(2, 2, 1, features=SMALL), torch.randn(1, 2, 64, 64)
        exact = network(image)
        with torch.autocast("cpu", torch.bfloat16):
            rough = network(image)
        assert (rough - exact).abs().max() < 0.1 * exact.abs().max()


@BOTH
@pytest.mark.parametrize("pooling", ["budget", "literal"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_weights_are_near(ndim: int, pooling: str, dtype: torch.dtype) -> None:
    network = HarmonySeg(ndim, 2, 1, features=(4, 8), pooling=pooling).eval()
    image = torch.randn(1, 2, *(32, 16, 16)[:ndim])
    exact = network(image)
    rough = network.to(dtype)(image.to(dtype))
    assert rough.dtype == dtype
    assert (rough - exact).abs().max() < 0.1 * exact.abs().max()


def test_vesselness_that_says_nothing_is_no_harm() -> None:
    network = small().train()
    image = torch.randn(2, 2, 16, 16).double()
    image[:, 1] = 0
    logits = network(image)
    logits.square().sum().backward()
    assert logits.isfinite().all()
    assert all(p.grad.isfinite().all() for p in network.parameters())


def test_every_option_counts() -> None:
    """Same weights, other result: no switch is without effect."""
    image = torch.randn(1, 2, 32, 32)

    def logits(**options: object) -> Tensor:
        torch.manual_seed(4)
        return HarmonySeg(2, 2, 1, features=SMALL, **options)(image)

    usual = logits()
    others = (
        {"token_budget": 4},
        {"pooling": "literal"},
        {"heads": 2},
        {"shallow_heads": 1},
        {"fusion": "none"},
        {"fused": "features"},
    )
    for options in others:
        assert not torch.allclose(logits(**options), usual, atol=1e-5), options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ndim": 4}, "ndim must be one of 2, 3"),
        ({"fusion": "concat"}, "fusion must be one of 'attention', 'none'"),
        ({"pooling": "max"}, "pooling must be one of 'budget', 'literal'"),
        ({"fused": "all"}, "fused must be one of 'logits', 'features'"),
        ({"features": (8,)}, "HarmonySeg needs 2 or more entries in features"),
        ({"features": (8, 0)}, "features of HarmonySeg must be an integer of at least 1"),
        ({"out_channels": 0}, "out_channels of HarmonySeg must be an integer of at least 1"),
        (
            {"vesselness_channels": 0},
            "vesselness_channels of HarmonySeg must be an integer of at least 1",
        ),
        ({"features": (4, 6)}, "4 heads for 6 channels"),
        ({"features": (6, 8)}, "2 heads for 3 channels"),
        ({"features": (2, 8), "shallow_heads": 1}, "two channels or more"),
        ({"features": (5, 8)}, "got 5 channels; choose even features"),
        ({"heads": 0}, "got 0 heads"),
        ({"token_budget": 1}, "token_budget must be 2 or more"),
        ({"token_budget": 4, "pooling": "literal"}, "belongs to pooling='budget'"),
        ({"in_channels": 1}, r"got 1; append the map with tubekit\.data\.with_vesselness"),
        ({"attention_maps": True, "fusion": "none"}, "has no attention"),
    ],
)
def test_bad_arguments(options: dict, message: str) -> None:
    usual = {"ndim": 2, "in_channels": 2, "out_channels": 1, "features": SMALL}
    with pytest.raises(ValueError, match=message):
        HarmonySeg(**(usual | options))


def test_missing_vesselness_names_the_remedy() -> None:
    with pytest.raises(ValueError, match=r"vesselness map is missing.*data\.with_vesselness"):
        small()(torch.zeros(1, 1, 8, 8).double())
    with pytest.raises(ValueError, match="in_channels=3"):
        small()(torch.zeros(1, 3, 8, 8).double())
