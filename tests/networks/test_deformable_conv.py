"""Deformable convolution: a plain loop, ordinary convolutions and snakes as limits."""

from itertools import product
from math import floor

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from tubekit.networks.deformable_conv import DeformableConv, deformable_conv
from tubekit.networks.snake_conv import snake_conv, snake_curve

close = torch.testing.assert_close
PLAIN = {2: F.conv2d, 3: F.conv3d}
SIZES = [(7, 9), (1, 6), (6, 1), (5, 6, 4), (1, 3, 5), (4, 1, 1)]


def inputs(
    size: tuple[int, ...], kernel: tuple[int, ...] = (), *, reach: float = 1.5, seed: int = 0
) -> tuple[Tensor, Tensor, Tensor]:
    """Features, offsets of which some leave the image, and a weight, in float64."""
    kernel = kernel or (3,) * len(size)
    draw = torch.Generator().manual_seed(seed)
    features = torch.randn((2, 3, *size), generator=draw, dtype=torch.float64)
    taps = torch.Size(kernel).numel()
    offsets = torch.randn((2, len(size), taps, *size), generator=draw, dtype=torch.float64)
    weight = torch.randn((2, 3, *kernel), generator=draw, dtype=torch.float64)
    return features, reach * offsets, weight


def by_loop(features: Tensor, offsets: Tensor, weight: Tensor) -> Tensor:
    """Equations 2 to 4 of the paper, one number at a time."""
    size, kernel = features.shape[2:], weight.shape[2:]
    taps = list(product(*map(range, kernel)))
    out = torch.zeros((len(features), len(weight), *size), dtype=features.dtype)
    for b, at in product(range(len(features)), product(*map(range, size))):
        for tap, place in enumerate(taps):
            position = [
                p + t - k // 2 + float(offsets[(b, i, tap, *at)])
                for i, (p, t, k) in enumerate(zip(at, place, kernel, strict=True))
            ]
            for corner in product((0, 1), repeat=len(size)):
                voxel = [floor(p) + c for p, c in zip(position, corner, strict=True)]
                if all(0 <= v < n for v, n in zip(voxel, size, strict=True)):
                    share = 1.0
                    for p, v in zip(position, voxel, strict=True):
                        share *= max(0.0, 1 - abs(p - v))
                    seen = features[(b, slice(None), *voxel)]
                    out[(b, slice(None), *at)] += share * weight[(..., *place)] @ seen
    return out


@pytest.mark.parametrize("size", [(4, 5), (1, 6), (3, 1), (3, 2, 4)], ids=str)
def test_equals_a_plain_loop(size: tuple[int, ...]) -> None:
    features, offsets, weight = inputs(size)
    close(deformable_conv(features, offsets, weight), by_loop(features, offsets, weight))
    single = [t.float() for t in (features, offsets, weight)]
    close(deformable_conv(*single), by_loop(features, offsets, weight).float(), rtol=0, atol=2e-5)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_without_offsets_it_is_exactly_a_convolution(
    size: tuple[int, ...], dtype: torch.dtype
) -> None:
    """Whole numbers, whose sums have no rounding, show that every tap reads one voxel alone."""
    ndim = len(size)
    for kernel in ((1,) * ndim, (3,) * ndim, (5, *(3,) * (ndim - 1)), (*(1,) * (ndim - 1), 7)):
        drawn = inputs(size, kernel)
        features, offsets, weight = ((8 * t).round().to(dtype) for t in drawn)
        bias = torch.tensor([2.0, -3.0], dtype=dtype)
        padding = [k // 2 for k in kernel]
        expected = PLAIN[ndim](features, weight, bias, padding=padding)
        assert torch.equal(deformable_conv(features, 0 * offsets, weight, bias), expected)
        real = [t.to(dtype) for t in drawn]
        ordinary = PLAIN[ndim](real[0], real[2], padding=padding)
        close(deformable_conv(real[0], 0 * real[1], real[2]), ordinary)


@pytest.mark.parametrize("size", [(6, 7), (4, 5, 3)], ids=str)
def test_whole_offsets_are_shifts(size: tuple[int, ...]) -> None:
    """Each axis and tap on its own: the tap reads the next voxel, zeros entering."""
    features, offsets, weight = inputs(size)
    for axis, step, tap in product(range(len(size)), (1, -1), (0, 5)):
        moved = torch.zeros_like(offsets)
        moved[:, axis, tap] = step
        alone = weight.clone()
        alone.flatten(2)[:, :, torch.arange(offsets.shape[2]) != tap] = 0
        # The voxel that enters at the border is one the unshifted tap sees as well.
        wide = F.pad(features, (4,) * 2 * len(size)).roll(-step, 2 + axis)
        inner = (..., *[slice(4, -4)] * len(size))
        expected = PLAIN[len(size)](wide, alone, padding=1)[inner]
        close(deformable_conv(features, moved, alone), expected)
        rest = deformable_conv(features, moved, weight - alone)
        close(rest, PLAIN[len(size)](features, weight - alone, padding=1))


@pytest.mark.parametrize(("ndim", "axis"), [(2, 0), (2, 1), (3, 0), (3, 1), (3, 2)])
def test_a_line_of_taps_is_a_snake(ndim: int, axis: int) -> None:
    """Offsets across the line alone: the snake convolution, which recorded arrays confirm."""
    size, taps = (6, 5, 4)[:ndim], 5
    kernel = tuple(taps if i == axis else 1 for i in range(ndim))
    features, offsets, weight = inputs(size, kernel)
    across = [i for i in range(ndim) if i != axis]
    curve = snake_curve(offsets[:, across][:, :, [0, 1, 3, 4]]) + 0.137
    moved = torch.zeros_like(offsets)
    moved[:, across] = curve
    snake = snake_conv(features, curve, weight.flatten(2), axis=axis)
    close(deformable_conv(features, moved, weight), snake)


@pytest.mark.parametrize(("size", "kernel"), [((2, 3), (3, 3)), ((2, 3, 2), (1, 3, 1))], ids=str)
def test_gradcheck(size: tuple[int, ...], kernel: tuple[int, ...]) -> None:
    features, offsets, weight = inputs(size, kernel)
    parts = features[:1, :2], offsets[:1], weight[:, :2], torch.randn(2, dtype=torch.float64)
    leaves = [t.clone().requires_grad_() for t in parts]
    assert torch.autograd.gradcheck(deformable_conv, leaves)


def test_gradient_of_an_offset_by_hand() -> None:
    """On a ramp along an axis the derivative is the slope times the weight, also at 0."""
    ramp = (3.0 * torch.arange(6).view(1, 1, 6, 1) + 5 * torch.arange(7)).double()
    for start in (0.0, 0.3, -0.2):
        offsets = torch.full((1, 2, 9, 6, 7), start, dtype=torch.float64, requires_grad=True)
        weight = torch.arange(9.0, dtype=torch.float64).view(1, 1, 3, 3)
        deformable_conv(ramp, offsets, weight)[0, 0, 2, 3].backward()
        assert int((offsets.grad != 0).sum()) == 16, "one voxel, two axes, eight weights"
        close(offsets.grad[0, 0, :, 2, 3], 3 * weight.flatten())
        close(offsets.grad[0, 1, :, 2, 3], 5 * weight.flatten())


@pytest.mark.parametrize("size", [(5, 6), (5, 6, 4)], ids=str)
def test_far_outside_there_is_nothing_and_nan_is_seen(size: tuple[int, ...]) -> None:
    features, offsets, weight = inputs(size)
    for far in (50.0, -50.0, 1e30, -1e30):
        leaves = [features.clone().requires_grad_(), (0 * offsets + far).requires_grad_()]
        out = deformable_conv(*leaves, weight)
        assert (out == 0).all()
        assert all((g == 0).all() for g in torch.autograd.grad(out.sum(), leaves))
    at = (3,) * len(size)
    offsets[(0, 1, 2, *at)] = float("nan")
    out = deformable_conv(features, offsets, weight)
    assert out[(0, slice(None), *at)].isnan().all()
    assert int(out.isnan().sum()) == out.shape[1]


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 99), axis=st.integers(0, 2))
def test_flips_and_transposes(seed: int, axis: int) -> None:
    features, offsets, weight = inputs((4, 5, 3), seed=seed)
    expected = deformable_conv(features, offsets, weight)
    by_tap = offsets.unflatten(2, weight.shape[2:])  # (b n *t *s)
    flipped = by_tap.flip(2 + axis, 5 + axis).flatten(2, 4)
    flipped[:, axis] *= -1
    turned = deformable_conv(features.flip(2 + axis), flipped, weight.flip(2 + axis))
    close(turned.flip(2 + axis), expected)
    other = (axis + 1) % 3
    order = [{axis: other, other: axis}.get(i, i) for i in range(3)]
    pair = 2 + axis, 2 + other
    swapped = by_tap[:, order].transpose(*pair).transpose(5 + axis, 5 + other).flatten(2, 4)
    turned = deformable_conv(features.transpose(*pair), swapped, weight.transpose(*pair))
    close(turned.transpose(*pair), expected)


def test_no_copies_of_the_features_are_kept() -> None:
    """Nine taps of eight channels, yet the graph holds the inputs and the positions."""
    features = torch.randn(2, 8, 16, 16, requires_grad=True)
    offsets = torch.randn(2, 2, 9, 16, 16, requires_grad=True)
    weight = torch.randn(8, 8, 3, 3, requires_grad=True)
    held: dict[int, int] = {}

    def keep(t: Tensor) -> Tensor:
        held[t.untyped_storage().data_ptr()] = t.untyped_storage().nbytes()
        return t

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
        deformable_conv(features, offsets, weight)
    assert sum(held.values()) <= 2 * sum(t.nbytes for t in (features, offsets, weight))


def test_half_precision_is_computed_in_single() -> None:
    """Position 299 has no bfloat16; only the result may be rounded."""
    torch.manual_seed(0)
    shapes = (1, 2, 2, 300), (1, 2, 9, 2, 300), (3, 2, 3, 3)
    half = [torch.randn(shape).bfloat16() for shape in shapes]
    exact = deformable_conv(*(t.float() for t in half))
    assert torch.equal(deformable_conv(*half), exact.bfloat16())


# --- modules


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("bias", [True, False])
def test_layer_starts_straight_and_learns_to_bend(ndim: int, bias: bool) -> None:
    layer = DeformableConv(ndim, 3, 4, bias=bias).double()
    features = torch.randn((2, 3, *(6, 5, 4)[:ndim]), dtype=torch.float64)
    close(layer(features), layer.conv(features))
    assert (layer.conv.bias is not None) == bias
    optimiser = torch.optim.SGD(layer.parameters(), lr=0.01)
    layer(features).square().sum().backward()
    assert all((p.grad != 0).all() for p in layer.offsets.parameters())
    optimiser.step()
    assert not torch.allclose(layer(features), layer.conv(features), atol=1e-3)
    layer.straighten()
    close(layer(features), layer.conv(features))


def test_layer_hands_its_offsets_in_array_order() -> None:
    layer = DeformableConv(2, 1, 1, bias=False)
    nn.init.zeros_(layer.conv.weight)
    layer.conv.weight.data[0, 0, 1, 1] = 1
    layer.offsets.bias.data[4] = 2  # along the first axis, centre of the nine taps
    image = torch.randn(1, 1, 6, 7)
    out = layer(image)
    assert torch.equal(out[:, :, :-2], image[:, :, 2:])
    assert not out[:, :, -2:].any()


def test_bfloat16_autocast_is_near() -> None:
    layer = DeformableConv(2, 4, 4)
    layer.offsets.bias.data.normal_()
    features = torch.randn((1, 4, 8, 9), requires_grad=True)
    exact = layer(features)
    with torch.autocast("cpu", torch.bfloat16):
        rough = layer(features)
        half = layer(features.bfloat16())
        rough.sum().backward()
    assert (rough.dtype, half.dtype) == (torch.float32, torch.bfloat16)
    assert features.grad.isfinite().all()
    assert (rough - exact).abs().max() < 0.1 * exact.abs().max()


def test_bad_arguments() -> None:
    for message, make in {
        "ndim must be one of 2, 3": lambda: DeformableConv(1, 2, 2),
        "kernel must be odd and positive, got 4": lambda: DeformableConv(2, 2, 2, kernel=4),
        "kernel must be odd and positive, got -1": lambda: DeformableConv(2, 2, 2, kernel=-1),
        "features must have 4 axes": lambda: DeformableConv(2, 2, 2)(torch.zeros(1, 2, 4, 4, 4)),
    }.items():
        with pytest.raises(ValueError, match=message):
            make()
    features, offsets, weight = inputs((5, 6))
    for bad in (
        (features[:, :2], offsets, weight),
        (features, offsets[:, :, :8], weight),
        (features, offsets[:, :1], weight),
        (features, offsets, weight[..., 0]),
        (features, offsets[:, :, :6], weight[:, :, :2]),
    ):
        with pytest.raises(ValueError, match="expected offsets of shape"):
            deformable_conv(*bad)
