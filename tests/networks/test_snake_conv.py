"""Snake convolution: recorded maps, plain convolutions as limits, two implementations as one."""

import importlib
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from tubekit.networks import DynamicSnakeConv, SnakeConv
from tubekit.networks.snake_conv import snake_conv, snake_curve
from tubekit.networks.snake_sampling import snake_conv_by_taps

close = torch.testing.assert_close
sampling = importlib.import_module("tubekit.networks.snake_sampling")
MAP = {"rtol": 2e-5, "atol": 2e-5}
PLAIN = {2: F.conv2d, 3: F.conv3d}
every_axis = pytest.mark.parametrize(("ndim", "axis"), [(2, 0), (2, 1), (3, 0), (3, 1), (3, 2)])


def inputs(
    size: tuple[int, ...],
    *,
    channels: int = 3,
    out: int = 2,
    taps: int = 5,
    reach: float = 1.5,
    dtype: torch.dtype = torch.float64,
    seed: int = 0,
) -> tuple[Tensor, Tensor, Tensor]:
    """Features, a curve that leaves the image in places, and a weight.

    No deviation is a whole number, where the interpolation has a kink.
    """
    draw = torch.Generator().manual_seed(seed)
    features = torch.randn((2, channels, *size), generator=draw, dtype=dtype)
    offsets = torch.randn((2, len(size) - 1, taps - 1, *size), generator=draw, dtype=dtype)
    weight = torch.randn((out, channels, taps), generator=draw, dtype=dtype)
    return features, snake_curve(reach * offsets) + 0.137, weight


def straight(weight: Tensor, ndim: int, axis: int) -> Tensor:
    """The weight as that of an ordinary convolution along ``axis``."""
    return weight[(..., *[None] * (ndim - 1))].movedim(2, 2 + axis)


def by_plain(features: Tensor, weight: Tensor, axis: int) -> Tensor:
    ndim = features.ndim - 2
    padding = [weight.shape[2] // 2 if i == axis else 0 for i in range(ndim)]
    return PLAIN[ndim](features, straight(weight, ndim, axis), padding=padding)


# --- recorded maps


class Recorded:
    """One recorded case, with taps as an axis: (b c k *s)."""

    def __init__(self, arrays: Any, code: str, taps: int, morph: int, extent: str = "1") -> None:
        self.arrays, self.code, self.morph = arrays, code, morph
        self.ndim = 3 if code == "orig3d" else 2
        self.axis = self.ndim - 1 - morph  # morph 0 runs along x, the last axis
        self.suffix = f"k{taps}_morph{morph}" + ("" if self.ndim == 3 else f"_es{extent}")
        self.features = tensor(arrays["input3d" if self.ndim == 3 else "input"])
        recorded = tensor(arrays[f"offset3d_k{taps}" if self.ndim == 3 else f"offset_k{taps}"])
        offsets = recorded.unflatten(1, (-1, taps))
        # In 3-D six axes, two per kernel: z y, then x z, then y x.
        own = [[0, 1], [3, 2], [4, 5]][morph] if self.ndim == 3 else [morph]
        self.offsets = offsets[:, own][:, :, [t for t in range(taps) if t != taps // 2]]
        self.taps = taps

    def __getitem__(self, quantity: str) -> Tensor:
        values = tensor(self.arrays[f"{self.code}__{quantity}__{self.suffix}"])
        # Taps follow each other along the kernel's axis in 3-D, across it in 2-D.
        place = values.ndim - self.ndim + (self.axis if self.ndim == 3 else 1 - self.axis)
        return values.unflatten(place, (-1, self.taps)).movedim(place + 1, -self.ndim - 1)

    def deviations(self) -> Tensor:
        """Recorded positions less those of the straight kernel, (b n k *s)."""
        maps = torch.stack([self[f"{name}map"] for name in "zyx"[-self.ndim :]], 1)
        grid = torch.meshgrid(*(torch.arange(n) for n in maps.shape[3:]), indexing="ij")
        deviations = maps - torch.stack(grid)[None, :, None]
        steps = torch.arange(self.taps) - self.taps // 2
        along = deviations[:, self.axis] - steps.view(-1, *[1] * self.ndim)
        assert (along == 0).all(), "along its own axis the kernel takes whole steps"
        return deviations[:, [i for i in range(self.ndim) if i != self.axis]]

    def inside(self) -> Tensor:
        maps = [self[f"{name}map"] for name in "zyx"[-self.ndim :]]
        sizes = self.features.shape[2:]
        return torch.stack([(m >= 0) & (m <= n - 1) for m, n in zip(maps, sizes, strict=True)]).all(
            0
        )


def tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.asarray(array))


def samples(features: Tensor, curve: Tensor, axis: int) -> Tensor:
    """What every tap sees, (b c k *s): a convolution whose outputs are single taps."""
    channels, taps = features.shape[1], curve.shape[2]
    single = torch.eye(channels * taps, dtype=features.dtype).view(-1, channels, taps)
    return snake_conv(features, curve, single, axis=axis).unflatten(1, (channels, taps))


def edges_repeated(features: Tensor, curve: Tensor, run: Callable[[Tensor, Tensor], Tensor]):
    """``run`` on an image continued by its border, cut back to the image."""
    margin, ndim = 2 * curve.shape[2], features.ndim - 2
    wide = F.pad(features, (margin,) * 2 * ndim, mode="replicate")
    out = run(wide, F.pad(curve, (margin,) * 2 * ndim))
    return out[(..., *[slice(margin, -margin)] * ndim)]


@pytest.mark.parametrize(
    ("taps", "morph", "extent"), list(product((3, 5), (0, 1), ("1", "1.7"))), ids=str
)
def test_curve_and_samples_of_the_repaired_code(oracle, taps: int, morph: int, extent: str):
    case = Recorded(oracle("snake_conv"), "pro", taps, morph, extent)
    curve = snake_curve(case.offsets, float(extent))
    close(curve, case.deviations(), **MAP)
    ours, inside = samples(case.features, curve, case.axis), case.inside()
    close(ours.where(inside[:, None], 0), case["deformed"].where(inside[:, None], 0), **MAP)
    # Where a tap leaves the image, that code repeats the border and ours, like a padded
    # convolution, sees 0.
    repeated = edges_repeated(case.features, curve, lambda f, c: samples(f, c, case.axis))
    close(repeated, case["deformed"], **MAP)


@pytest.mark.parametrize("morph", [0, 1])
def test_the_first_code_forgets_the_tips(oracle, morph: int):
    case = Recorded(oracle("snake_conv"), "orig", 5, morph)
    released = snake_curve(case.offsets, as_released=True)
    close(released, case.deviations(), **MAP)
    ours = snake_curve(case.offsets)
    close(ours[:, :, 1:-1], case.deviations()[:, :, 1:-1], **MAP)
    assert ((ours - released).abs()[:, :, [0, -1]] > 0.5).any(), "the tips differ"
    found, inside = samples(case.features, released, case.axis), case.inside()
    close(found.where(inside[:, None], 0), case["deformed"].where(inside[:, None], 0), **MAP)
    # Within a voxel beyond the border it returns 0 on one side and the border's value on the
    # other, so that a flipped image has another result; ours fades to 0 on both.
    place = case["ymap" if morph == 0 else "xmap"]
    before = (place > -1) & (place < 0)
    theirs = case["deformed"][before[:, None].expand_as(found)]
    assert len(theirs) > 0
    assert (theirs == 0).all()
    assert (found[before[:, None].expand_as(found)] != 0).any()


@pytest.mark.parametrize("morph", [0, 1, 2])
def test_three_dimensional_code(oracle, morph: int):
    case = Recorded(oracle("snake_conv"), "orig3d", 3, morph)
    curve, recorded = snake_curve(case.offsets), case.deviations()
    if morph == 2:
        # For the kernel along z that code moves the centre along y, and every tap with it.
        close(curve[:, 1], recorded[:, 1], **MAP)
        assert recorded[:, 0, 1].abs().max() > 0.5
        close(curve[:, 0], recorded[:, 0] - recorded[:, 0, 1:2], **MAP)
        curve = recorded
    close(curve, recorded, **MAP)
    found, inside = samples(case.features, curve, case.axis), case.inside()
    close(found.where(inside[:, None], 0), case["deformed"].where(inside[:, None], 0), **MAP)


@pytest.mark.parametrize(("taps", "morph"), list(product((3, 5), (0, 1))))
def test_output_and_gradients_of_the_repaired_layer(oracle, taps: int, morph: int):
    arrays = oracle("snake_conv")

    def recorded(name: str) -> Tensor:
        return tensor(arrays[f"pro__module_k{taps}_morph{morph}__{name}"])

    features = tensor(arrays["input"]).requires_grad_()
    to_offsets = recorded("w__offset_conv.weight").requires_grad_()
    offsets = F.conv2d(features, to_offsets, recorded("w__offset_conv.bias"), padding=1)
    norm = recorded("w__gn_offset.weight"), recorded("w__gn_offset.bias")
    offsets = F.group_norm(offsets, taps, *norm).tanh().unflatten(1, (2, taps))
    kept = [t for t in range(taps) if t != taps // 2]
    curve = snake_curve(offsets[:, morph : morph + 1][:, :, kept])
    name = "w__dsc_conv_x" if morph == 0 else "w__dsc_conv_y"
    weight, bias = recorded(f"{name}.weight").flatten(2), recorded(f"{name}.bias")
    out = edges_repeated(
        features, curve, lambda f, c: snake_conv(f, c, weight, bias, axis=1 - morph)
    )
    out = F.group_norm(out, 2, recorded("w__gn.weight"), recorded("w__gn.bias")).relu()
    close(out, recorded("out"), rtol=2e-5, atol=1e-5)
    out.square().sum().backward()
    for ours, name in ((features.grad, "gradin"), (to_offsets.grad, "grad_offsetconv")):
        reference = recorded(name)
        close(ours, reference, rtol=1e-4, atol=1e-4 * float(reference.abs().max()))


# --- two implementations


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("size", [(7, 9), (1, 6), (6, 1), (5, 6, 4), (1, 3, 5), (4, 1, 1)], ids=str)
def test_compiled_is_tap_by_tap(monkeypatch, size: tuple[int, ...], dtype: torch.dtype):
    tight = {"rtol": 1e-10, "atol": 1e-10} if dtype == torch.float64 else {"rtol": 0, "atol": 2e-4}
    monkeypatch.setattr(sampling, "CHUNK", 100)  # several chunks, which must fit together
    for axis, taps, channels in ((0, 3, 1), (len(size) - 1, 9, 14), (1, 5, 3)):
        given_ = inputs(size, channels=channels, taps=taps, dtype=dtype)
        upstream = torch.randn((2, 2, *size), dtype=dtype)
        results = []
        for run in (snake_conv, snake_conv_by_taps):
            leaves = [t.clone().requires_grad_() for t in given_]
            # Not contiguous, as after a transpose.
            features = leaves[0].transpose(2, 3).contiguous().transpose(2, 3)
            out = run(features, *leaves[1:], axis=axis)
            results.append([out, *torch.autograd.grad(out, leaves, upstream)])
        close(*results, **tight)


def test_threads_and_chunks_change_nothing(monkeypatch):
    features, curve, weight = inputs((8, 9), dtype=torch.float32)
    threads, results = torch.get_num_threads(), []
    try:
        for count, chunk in ((1, 1 << 20), (3, 1 << 20), (3, 300)):
            torch.set_num_threads(count)
            monkeypatch.setattr(sampling, "CHUNK", chunk)
            leaves = [t.clone().requires_grad_() for t in (features, curve, weight)]
            out = snake_conv(*leaves, axis=1)
            results.append([out, *torch.autograd.grad(out.square().sum(), leaves)])
    finally:
        torch.set_num_threads(threads)
    for other in results[1:]:
        close(other, results[0], rtol=1e-5, atol=1e-4)


@every_axis
def test_gradcheck(ndim: int, axis: int):
    features, curve, weight = inputs((3, 4, 2)[:ndim], taps=3, channels=2)
    leaves = [t.requires_grad_() for t in (features, curve, weight)]
    assert torch.autograd.gradcheck(lambda *t: snake_conv(*t, axis=axis), leaves)


def test_no_copies_of_the_features_are_kept():
    """Nine taps, yet what the graph holds is the three inputs."""
    features, curve, weight = inputs((16, 16), channels=8, taps=9, dtype=torch.float32)
    for run in (snake_conv, snake_conv_by_taps):
        held: dict[int, int] = {}
        leaves = [t.clone().requires_grad_() for t in (features, curve, weight)]

        def keep(t: Tensor, held: dict[int, int] = held) -> Tensor:
            held[t.untyped_storage().data_ptr()] = t.untyped_storage().nbytes()
            return t

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
            run(*leaves, axis=0)
        assert sum(held.values()) <= 1.5 * sum(t.nbytes for t in leaves)


# --- limits


@every_axis
def test_without_deviations_it_is_a_plain_convolution(ndim: int, axis: int):
    features, curve, weight = inputs((7, 6, 5)[:ndim])
    bias = torch.randn(2, dtype=torch.float64)
    ours = snake_conv(features, 0 * curve, weight, bias, axis=axis)
    close(ours, by_plain(features, weight, axis) + bias.view(-1, *[1] * ndim))


@every_axis
def test_whole_deviations_are_shifts(ndim: int, axis: int):
    """Each axis on its own: features moved the other way, zeros entering."""
    features, curve, weight = inputs((7, 6, 5)[:ndim])
    across = [i for i in range(ndim) if i != axis]
    for i, other in enumerate(across):
        for step in (1, -1):
            shifted = features.roll(-step, 2 + other)
            shifted.select(2 + other, -1 if step == 1 else 0).zero_()
            moved = torch.zeros_like(curve)
            moved[:, i] = step
            ours = snake_conv(features, moved, weight, axis=axis)
            close(ours, by_plain(shifted, weight, axis))


def test_a_deviation_of_a_half_is_the_mean_of_two():
    features, curve, weight = inputs((6, 7))
    ours = [snake_conv(features, 0 * curve + d, weight, axis=0) for d in (0.0, 0.5, 1.0)]
    close(ours[1], (ours[0] + ours[2]) / 2)


def test_the_kernel_follows_a_bent_line():
    """On a diagonal, offsets of one voxel per tap keep every tap on the line."""
    features = torch.eye(11, dtype=torch.float64)[None, None]
    weight = torch.ones((1, 1, 5), dtype=torch.float64)
    offsets = torch.ones((1, 1, 4, 11, 11), dtype=torch.float64)
    offsets[:, :, :2] = -1  # before the centre the line lies on the other side
    found = snake_conv(features, snake_curve(offsets), weight, axis=0)[0, 0].diagonal()
    close(found, torch.tensor([3.0, 4, 5, 5, 5, 5, 5, 5, 5, 4, 3], dtype=torch.float64))
    close(snake_conv(features, 0 * snake_curve(offsets), weight, axis=0)[0, 0, 5, 5].item(), 1.0)


def test_far_outside_there_is_nothing_and_nan_is_seen():
    features, curve, weight = inputs((5, 6))
    for far in (50.0, -50.0, 1e30, -1e30):
        leaves = [features.clone().requires_grad_(), (0 * curve + far).requires_grad_()]
        out = snake_conv(*leaves, weight, axis=0)
        assert (out == 0).all()
        assert all((g == 0).all() for g in torch.autograd.grad(out.sum(), leaves))
    curve[0, 0, 2, 3, 4] = float("nan")
    out = snake_conv(features, curve, weight, axis=0)
    assert out[0, :, 3, 4].isnan().all()
    assert int(out.isnan().sum()) == out.shape[1]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 99), axis=st.integers(0, 2), flipped=st.integers(0, 2), ndim=st.just(3))
def test_flips(seed: int, axis: int, flipped: int, ndim: int):
    """Flip along the kernel: taps in reverse. Flip across it: that deviation changes its sign."""
    features, curve, weight = inputs((5, 4, 6), seed=seed)
    expected = snake_conv(features, curve, weight, axis=axis).flip(2 + flipped)
    turned = curve.flip(3 + flipped)
    if flipped == axis:
        turned, weight = turned.flip(2), weight.flip(2)
    else:
        across = [i for i in range(ndim) if i != axis].index(flipped)
        turned[:, across] *= -1
    close(snake_conv(features.flip(2 + flipped), turned, weight, axis=axis), expected)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 99))
def test_transposes_exchange_the_axes(seed: int):
    features, curve, weight = inputs((5, 7), seed=seed)
    turned = snake_conv(features.mT, curve.mT, weight, axis=1).mT
    close(turned, snake_conv(features, curve, weight, axis=0))


def test_curve_by_hand():
    offsets = torch.tensor([0.1, 0.2, 0.3, 0.4]).view(1, 1, 4, 1, 1)
    expected = torch.tensor([0.3, 0.2, 0, 0.3, 0.7])
    close(snake_curve(offsets).flatten(), expected)
    close(snake_curve(offsets, 2.0).flatten(), 2 * expected)
    close(snake_curve(offsets, as_released=True).flatten(), torch.tensor([0.1, 0.2, 0, 0.3, 0.4]))
    offsets.requires_grad_()
    (gradient,) = torch.autograd.grad(snake_curve(offsets).sum(), offsets)
    close(gradient.flatten(), torch.tensor([1.0, 2, 2, 1]))


# --- modules


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("build", [SnakeConv, DynamicSnakeConv])
def test_every_weight_learns(build: type[nn.Module], ndim: int):
    layer = build(ndim, 3, 4, kernel=5).double()
    size = (6, 7, 5)[:ndim]
    out = layer(torch.randn((2, 3, *size), dtype=torch.float64))
    assert out.shape == (2, 4, *size)
    (out * torch.randn_like(out)).sum().backward()
    assert all(p.grad.norm() > 1e-9 for p in layer.parameters())


def test_straight_at_first_it_still_learns_to_bend():
    layer = SnakeConv(2, 3, 4, kernel=5)
    nn.init.zeros_(layer.offsets[1].weight)  # the norm scales all offsets to 0
    features = torch.randn(2, 3, 8, 9)
    assert (layer.curve(features) == 0).all()
    plain = by_plain(features, layer.weight, 0) + layer.bias.view(-1, 1, 1)
    out = layer(features)
    close(out, plain, rtol=1e-5, atol=1e-6)
    out.square().sum().backward()
    assert (layer.offsets[1].weight.grad != 0).all()


def test_a_curve_of_neighbours_stays_in_one_piece():
    for extent in (1.0, 0.5):
        layer = SnakeConv(3, 2, 2, kernel=9, axis=1, extent=extent).double()
        curve = layer.curve(30 * torch.randn((1, 2, 6, 6, 6), dtype=torch.float64))
        assert curve.shape == (1, 2, 9, 6, 6, 6)
        assert (curve[:, :, 4] == 0).all()
        assert curve.diff(dim=2).abs().max() <= extent * (1 + 1e-12)
        assert curve.abs().max() > extent


@pytest.mark.parametrize("ndim", [2, 3])
def test_bfloat16_autocast_is_near_and_positions_stay_exact(ndim: int):
    layer = SnakeConv(ndim, 4, 4, kernel=9)
    features = torch.randn((1, 4, *(8, 9, 6)[:ndim]), requires_grad=True)
    exact = layer(features)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer.curve(features).dtype == torch.float32
        rough = layer(features)
        half = layer(features.bfloat16())
        rough.float().sum().backward()
    assert half.dtype == torch.bfloat16
    assert features.grad.isfinite().all()
    assert (rough.float() - exact).abs().max() < 0.1 * exact.abs().max()


def test_training_and_evaluation_agree_sample_by_sample():
    layer = DynamicSnakeConv(2, 2, 8, kernel=3)
    features = torch.randn(3, 2, 7, 8)
    both = layer.train()(features)
    close(layer.eval()(features), both)
    close(layer(features[1:2]), both[1:2], rtol=1e-4, atol=1e-5)


def test_bad_arguments():
    for message, make in {
        "ndim must be one of 2, 3": lambda: SnakeConv(1, 2, 2),
        "axis must be one of 0, 1, got 2": lambda: SnakeConv(2, 2, 2, axis=2),
        "kernel must be odd and at least 3, got 4": lambda: SnakeConv(2, 2, 2, kernel=4),
        "kernel must be odd and at least 3, got 1": lambda: SnakeConv(2, 2, 2, kernel=1),
        "extent must be positive and finite": lambda: SnakeConv(2, 2, 2, extent=0.0),
        "out_channels must be a multiple of 4, got 6": lambda: DynamicSnakeConv(2, 2, 6),
        "features must have 4 axes": lambda: SnakeConv(2, 2, 2)(torch.zeros(1, 2, 4, 4, 4)),
    }.items():
        with pytest.raises(ValueError, match=message):
            make()
    features, curve, weight = inputs((5, 6))
    with pytest.raises(ValueError, match="expected a curve of shape"):
        snake_conv(features, curve[:, :, :3], weight, axis=0)
    with pytest.raises(ValueError, match="expected a curve of shape"):
        snake_conv(features[:, :2], curve, weight, axis=0)
    with pytest.raises(ValueError, match="axis must be one of 0, 1"):
        snake_conv(features, curve, weight, axis=-1)


# --- planted bugs

gather, scatter = sampling.gather, sampling.scatter


def clamped(count, features, curve, *rest):
    """Taps beyond the border see the border."""
    height = features.shape[1]
    at = np.arange(height).reshape(1, -1, 1, 1)
    bent = curve.copy()
    bent[:, :, :, 0] = np.clip(curve[:, :, :, 0] + at, 0, height - 1) - at
    gather(count, features, bent, *rest)


def mirrored(count, features, curve, *rest):
    gather(count, features, -curve, *rest)


def taps_reversed(count, features, curve, period, first, columns):
    gather(count, features, curve[..., ::-1].copy(), period, first, columns)


def axes_exchanged(count, features, curve, *rest):
    gather(count, features, curve[:, :, :, ::-1].copy(), *rest)


def samples_joined(count, features, curve, period, *rest):
    """Rows of one sample run on into the next."""
    gather(count, features, curve, len(features), *rest)


def rounded(count, features, curve, *rest):
    gather(count, features, np.round(curve), *rest)


def slope_negated(*arguments):
    scatter(*arguments)
    arguments[-1][...] *= -1


def curve_without_gradient(*arguments):
    scatter(*arguments)
    arguments[-1][...] = 0


def overwritten(*arguments):
    """Of a chunk's contributions to a row only the last chunk's stays."""
    arguments[-2][...] = 0
    scatter(*arguments)


def compiled_is_plain(size: tuple[int, ...]) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda patch: test_compiled_is_tap_by_tap(patch, size, torch.float64)


@pytest.mark.parametrize(
    ("kernel", "bug", "check"),
    [
        ("gather", clamped, lambda _: test_whole_deviations_are_shifts(2, 0)),
        ("gather", mirrored, lambda _: test_whole_deviations_are_shifts(2, 1)),
        ("gather", taps_reversed, lambda _: test_the_kernel_follows_a_bent_line()),
        ("gather", axes_exchanged, lambda _: test_whole_deviations_are_shifts(3, 0)),
        ("gather", samples_joined, compiled_is_plain((6, 1))),
        ("gather", rounded, lambda _: test_a_deviation_of_a_half_is_the_mean_of_two()),
        ("scatter", slope_negated, lambda _: test_gradcheck(2, 0)),
        ("scatter", curve_without_gradient, lambda _: test_every_weight_learns(SnakeConv, 2)),
        ("scatter", overwritten, compiled_is_plain((7, 9))),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)  # fmt: skip
def test_planted_bug_is_caught(monkeypatch, kernel: str, bug: Any, check: Any):
    monkeypatch.setattr(sampling, kernel, bug)
    with pytest.raises((AssertionError, RuntimeError)):
        check(monkeypatch)


def from_the_tip(offsets: Tensor, extent: float = 1.0) -> Tensor:
    """Sums that start at one end: the centre moves."""
    half = offsets.shape[2] // 2
    zero = torch.zeros_like(offsets[:, :, :1])
    return extent * torch.cat([offsets[:, :, :half], zero, offsets[:, :, half:]], 2).cumsum(2)


def not_summed(offsets: Tensor, extent: float = 1.0) -> Tensor:
    half = offsets.shape[2] // 2
    zero = torch.zeros_like(offsets[:, :, :1])
    return extent * torch.cat([offsets[:, :, :half], zero, offsets[:, :, half:]], 2)


def tips_left_out(offsets: Tensor, extent: float = 1.0) -> Tensor:
    return snake_curve(offsets, extent, as_released=True)


@pytest.mark.parametrize("bug", [from_the_tip, not_summed, tips_left_out])
def test_planted_curve_is_caught(oracle, monkeypatch, bug: Callable[..., Tensor]):
    monkeypatch.setitem(globals(), "snake_curve", bug)
    with pytest.raises((AssertionError, TypeError)):
        test_curve_and_samples_of_the_repaired_code(oracle, 5, 0, "1.7")
    with pytest.raises((AssertionError, TypeError)):
        test_curve_by_hand()
