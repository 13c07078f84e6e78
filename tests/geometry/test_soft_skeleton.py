import importlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from tubekit.geometry import (
    soft_dilate,
    soft_erode,
    soft_open,
    soft_skeleton,
    topological_skeleton,
)
from tubekit.geometry.kernels import soft_skeleton as compiled
from tubekit.plain.soft_skeleton import soft_skeleton as plain

MASKS = [f"{name}{d}d" for d in (2, 3) for name in ("ring", "two", "single", "full")]
MASKS += ["tree2d_a", "tree3d_a", "empty2d"]
GRIDS = [(9, 11), (1, 9), (7, 1), (1, 1), (6, 7, 8), (1, 7, 8), (6, 1, 8), (6, 7, 1), (1, 1, 5)]
module = importlib.import_module("tubekit.geometry.soft_skeleton")


def batch(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array.astype(np.float32))[None, None]


@pytest.mark.parametrize("iterations", [3, 10])
@pytest.mark.parametrize("case", MASKS)
def test_masks_agree_with_the_reference(oracle, case, iterations):
    expected = oracle("soft_cldice")[f"{case}__softskel_mask__iter{iterations}"]
    ours = soft_skeleton(batch(oracle("inputs")[case]), iterations)
    assert np.array_equal(ours[0, 0].numpy(), expected)


@pytest.mark.parametrize("iterations", [3, 10])
@pytest.mark.parametrize("case", ["tree2d_a", "ring2d", "tree3d_a"])
def test_probabilities_agree_with_the_reference(oracle, case, iterations):
    expected = oracle("soft_cldice")[f"{case}__softskel_prob__iter{iterations}"]
    ours = soft_skeleton(batch(oracle("inputs")[f"{case}__prob"]), iterations)
    np.testing.assert_allclose(ours[0, 0].numpy(), expected, rtol=2e-5, atol=1e-7)


@pytest.mark.parametrize("shape", [(9, 11), (6, 7, 8), (1, 9), (1, 1, 5)])
def test_windows_agree_with_scipy(rng, shape):
    image = rng.random((2, 3, *shape)).astype(np.float32)
    ones = (1, 1)
    cross = ndimage.generate_binary_structure(len(shape), 1)[(None, None)]
    eroded = ndimage.grey_erosion(image, footprint=cross, mode="reflect")
    dilated = ndimage.grey_dilation(image, size=ones + (3,) * len(shape), mode="reflect")
    assert np.array_equal(soft_erode(torch.from_numpy(image)).numpy(), eroded)
    assert np.array_equal(soft_dilate(torch.from_numpy(image)).numpy(), dilated)


@pytest.mark.parametrize("ndim", [2, 3])
def test_borders_take_no_part(ndim):
    constant = torch.full((1, 1, *(5,) * ndim), 0.7)
    for morph in (soft_erode, soft_dilate, soft_open):
        assert torch.equal(morph(constant), constant)
    assert not soft_skeleton(constant, 5).any()


def test_opening_removes_a_line_and_keeps_a_square():
    image = torch.zeros(1, 1, 12, 12)
    image[..., 2:7, 2:7] = 1
    image[..., 9, 2:10] = 1
    opened = soft_open(image)
    assert opened[..., 2:7, 2:7].all()
    assert not opened[..., 9, :].any()


def test_a_bar_by_hand():
    """Five rows thick: the middle row remains after two erosions, and not before."""
    image = torch.zeros(1, 1, 11, 21)
    image[..., 3:8, :] = 1
    middle = torch.zeros_like(image)
    middle[..., 5, :] = 1
    assert not soft_skeleton(image, 1).any()
    assert torch.equal(soft_skeleton(image, 2), middle)
    assert torch.equal(soft_skeleton(image, 9), middle)


def test_residues_are_not_counted_twice():
    """1 - (1 - a)(1 - b) for the residues a, b of two levels, not a + b."""
    image = torch.zeros(1, 1, 9, 9)
    image[..., 3:6, 3:6] = 0.5
    image[..., 4, 4] = 0.9
    # Level 0: 0.9 above the opened 0.5. Level 1: 0.5 above the opened 0.
    assert soft_skeleton(image, 0)[0, 0, 4, 4].item() == pytest.approx(0.4)
    assert soft_skeleton(image, 1)[0, 0, 4, 4].item() == pytest.approx(1 - 0.6 * 0.5)


@pytest.mark.parametrize("shape", [(8, 9), (5, 6, 7)])
def test_symmetries_and_channels(shape):
    probs = torch.rand(2, 3, *shape)
    ours = soft_skeleton(probs, 3)
    axes = tuple(range(2, probs.ndim))
    assert torch.equal(soft_skeleton(probs.flip(axes), 3), ours.flip(axes))
    assert torch.equal(soft_skeleton(probs.transpose(-1, -2), 3), ours.transpose(-1, -2))
    assert torch.equal(soft_skeleton(probs[1:, 2:], 3), ours[1:, 2:])
    assert ours.min() >= 0
    assert ours.max() <= 1


def test_a_slice_behaves_as_an_image():
    probs = torch.rand(1, 1, 9, 10)
    # In a volume of one slice the minimum along the missing axis changes nothing.
    assert torch.equal(soft_skeleton(probs[:, :, None], 3)[:, :, 0], soft_skeleton(probs, 3))


@pytest.mark.parametrize("shape", [(8, 8), (4, 5, 4)])
def test_gradient(shape):
    probs = torch.rand(1, 1, *shape, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda p: soft_skeleton(p, 2), (probs,))


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="iterations must be an integer of at least 0, got -1"):
        soft_skeleton(torch.zeros(1, 1, 4, 4), -1)
    with pytest.raises(ValueError, match="must have 4 or 5 axes, got 3"):
        soft_skeleton(torch.zeros(1, 4, 4), 1)


# --- the compiled loops against tensors and automatic differentiation


def with_gradient(function, probs: torch.Tensor, iterations: int, weights: torch.Tensor):
    leaf = probs.detach().requires_grad_()
    skeleton = function(leaf, iterations)
    return skeleton.detach(), torch.autograd.grad(skeleton, leaf, weights)[0]


def quarters(shape, *, low: float, high: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Multiples of 1/4, clipped to [0, 1], and integer weights.

    Full of ties, and sums of such numbers are exact in float64 in whatever order.
    """
    values = torch.empty(shape, dtype=torch.float64).uniform_(low, high)
    return (4 * values).round().div(4).clamp(0, 1), torch.randint(-3, 4, shape).double()


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("bounds", [(0, 1), (-1, 1), (-0.3, 4), (-3, 1.5)])
@pytest.mark.parametrize("scale", [1, 4])  # above 1 the sums S + relu(R - S R) overshoot
def test_ties_are_resolved_as_by_automatic_differentiation(grid, bounds, scale):
    probs, weights = quarters((2, 2, *grid), low=bounds[0], high=bounds[1])
    probs *= scale
    ours = with_gradient(soft_skeleton, probs, 4, weights)
    expected = with_gradient(plain, probs, 4, weights)
    assert torch.equal(ours[0], expected[0])
    assert torch.equal(ours[1], expected[1])


@settings(max_examples=25, deadline=None)
@given(
    grid=st.lists(st.integers(1, 9), min_size=2, max_size=3),
    iterations=st.integers(0, 4),
    low=st.sampled_from([-2.0, -0.5, 0.0]),
    high=st.sampled_from([1.0, 2.0, 5.0]),
    scale=st.sampled_from([1, 4, -1]),  # any image has a skeleton, not only probabilities
    seed=st.integers(0, 99),
)
def test_any_image_agrees_with_automatic_differentiation(grid, iterations, low, high, scale, seed):
    torch.manual_seed(seed)
    probs, weights = quarters((1, 1, *grid), low=low, high=high)
    ours = with_gradient(soft_skeleton, scale * probs, iterations, weights)
    expected = with_gradient(plain, scale * probs, iterations, weights)
    assert torch.equal(ours[0], expected[0])
    assert torch.equal(ours[1], expected[1])


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-6), (torch.float64, 4e-15)])
@pytest.mark.parametrize("shape", [(1, 14, 21, 22), (2, 3, 15, 16, 17)])
def test_probabilities_agree_with_automatic_differentiation(shape, dtype, tolerance):
    probs = (6 * torch.randn(shape, dtype=dtype)).sigmoid()  # some are saturated
    weights = torch.randn(shape, dtype=dtype)
    ours = with_gradient(soft_skeleton, probs, 6, weights)
    expected = with_gradient(plain, probs, 6, weights)
    assert torch.equal(ours[0], expected[0])
    size = expected[1].abs().max()
    torch.testing.assert_close(ours[1] / size, expected[1] / size, rtol=0, atol=tolerance)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_float32(dtype):
    probs = torch.rand(1, 2, 9, 10).to(dtype)
    weights = torch.randn(probs.shape).to(dtype)
    skeleton, gradient = with_gradient(soft_skeleton, probs, 3, weights)
    expected = with_gradient(soft_skeleton, probs.float(), 3, weights.float())
    assert skeleton.dtype == gradient.dtype == dtype
    assert torch.equal(skeleton, expected[0].to(dtype))
    assert torch.equal(gradient, expected[1].to(dtype))
    # The sum of a large image overflows float16; its values are finite all the same.
    assert module._compilable(torch.ones(1, 1, 300, 300, dtype=dtype))


def test_memory_layout_does_not_matter():
    probs, weights = torch.rand(2, 3, 7, 8, 9), torch.randn(2, 3, 7, 8, 9)
    expected = with_gradient(soft_skeleton, probs, 3, weights)
    slices = torch.rand(2, 4, 7, 8, 9)
    slices[:, 1:] = probs
    for other in (
        probs.to(memory_format=torch.channels_last_3d),
        probs.transpose(2, 4).contiguous().transpose(2, 4),
        slices[:, 1:],
        probs.flip(3).flip(3),
    ):
        ours = with_gradient(soft_skeleton, other, 3, weights.transpose(0, 1).transpose(0, 1))
        assert torch.equal(ours[0], expected[0])
        assert torch.equal(ours[1], expected[1])
    # An expanded image and an expanded gradient have strides of 0.
    leaf = probs[:1, :1].expand(2, 3, -1, -1, -1).detach().requires_grad_()
    soft_skeleton(leaf, 3).sum().backward()
    one = with_gradient(soft_skeleton, probs[:1, :1], 3, torch.ones(1, 1, 7, 8, 9))[1]
    assert torch.equal(leaf.grad, one.expand(2, 3, -1, -1, -1))


@pytest.mark.parametrize("small", [0, compiled.SMALL])
@pytest.mark.parametrize("shape", [(1, 1, 9, 10), (3, 2, 9, 10), (3, 2, 5, 6, 7), (1, 1, 3, 6, 7)])
def test_threads_change_nothing(monkeypatch, shape, small):
    monkeypatch.setattr(compiled, "SMALL", small)
    probs, weights = torch.rand(shape), torch.randn(shape)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        expected = with_gradient(soft_skeleton, probs, 3, weights)
        for count in (2, 3, 8):
            torch.set_num_threads(count)
            ours = with_gradient(soft_skeleton, probs, 3, weights)
            assert torch.equal(ours[0], expected[0])
            assert torch.equal(ours[1], expected[1])
    finally:
        torch.set_num_threads(threads)


def test_only_the_input_is_kept_for_the_backward_pass():
    kept: list[torch.Tensor] = []
    probs = torch.rand(1, 2, 9, 10, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        soft_skeleton(probs, 5)
    assert [t.data_ptr() for t in kept] == [probs.data_ptr()]


def test_without_gradient():
    probs = torch.rand(1, 2, 9, 10)
    before, expected = probs.clone(), plain(probs, 3)
    assert not soft_skeleton(probs, 3).requires_grad
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            assert torch.equal(soft_skeleton(probs, 3), expected)
            leaf = torch.rand(1, 2, 9, 10, requires_grad=True)
            assert not soft_skeleton(leaf, 3).requires_grad
    assert torch.equal(probs, before)


def test_layers_that_are_constant_end_the_work(monkeypatch):
    calls: list[int] = []
    erode = compiled.erode
    monkeypatch.setattr(compiled, "erode", lambda *given: calls.append(1) or erode(*given))
    probs = torch.zeros(1, 1, 12, 12, dtype=torch.float64)
    probs[..., 2:7, 2:7] = 1  # gone after three erosions
    weights = torch.randint(-3, 4, probs.shape).double()
    skeleton, gradient = with_gradient(soft_skeleton, probs, 50, weights)
    assert len(calls) == 6  # three forward, three again backward
    expected = with_gradient(plain, probs, 50, weights)
    assert torch.equal(skeleton, expected[0])
    assert torch.equal(gradient, expected[1])


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_finite_is_not_hidden(bad):
    probs = torch.rand(1, 1, 9, 10)
    probs[0, 0, 4, 4] = bad
    found, expected = soft_skeleton(probs, 2), plain(probs, 2)
    torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
    assert not found.isfinite().all()


def test_functional_derivatives_agree():
    probs, weights = quarters((1, 1, 4, 5), low=-0.5, high=1.5)
    ours = torch.autograd.functional.jacobian(lambda p: soft_skeleton(p, 2), probs)
    assert torch.equal(ours, torch.autograd.functional.jacobian(lambda p: plain(p, 2), probs))
    ours = torch.autograd.functional.vjp(lambda p: soft_skeleton(p, 2), probs, weights)[1]
    assert torch.equal(ours, with_gradient(plain, probs, 2, weights)[1])


def test_a_second_derivative_is_refused():
    probs = torch.rand(1, 1, 9, 10, requires_grad=True)
    (gradient,) = torch.autograd.grad(soft_skeleton(probs, 2).sum(), probs, create_graph=True)
    with pytest.raises(RuntimeError, match="expected one derivative"):
        gradient.sum().backward()


@pytest.mark.parametrize("grid", [(9, 10), (6, 7, 8)])
def test_the_way_of_other_devices(monkeypatch, grid):
    monkeypatch.setattr(module, "_compilable", lambda probs: False)
    probs, weights = quarters((2, 2, *grid), low=-0.5, high=1.5)
    ours, expected = (with_gradient(f, probs, 3, weights) for f in (soft_skeleton, plain))
    assert torch.equal(ours[0], expected[0])
    assert torch.equal(ours[1], expected[1])
    kept: dict[int, torch.Tensor] = {}
    with torch.autograd.graph.saved_tensors_hooks(
        lambda t: kept.setdefault(t.data_ptr(), t), lambda t: t
    ):
        soft_skeleton(probs.requires_grad_(), 3)
    assert len(kept) <= 2 * 4, "an image and a skeleton per layer"


def test_a_traced_program_takes_the_tensors_way(monkeypatch):
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    monkeypatch.setattr(module, "_Compiled", None)  # would fail when called
    probs, weights = quarters((1, 1, 6, 7), low=-0.5, high=1.5)
    ours, expected = (with_gradient(f, probs, 2, weights) for f in (soft_skeleton, plain))
    assert torch.equal(ours[0], expected[0])
    assert torch.equal(ours[1], expected[1])


@pytest.mark.parametrize(
    "kind", [np.float32, np.float64, np.float16, bool, np.uint8, np.uint16, np.uint32, ">f4"]
)
def test_arrays_and_masks_are_taken_as_tensors_are(kind):
    mask = np.zeros((1, 1, 9, 9))
    mask[..., 3:6, :] = 1
    expected = soft_skeleton(torch.from_numpy(mask), 2)
    given = mask.astype(kind)
    for view in (given, np.ascontiguousarray(given[..., ::-1])[..., ::-1]):
        view.flags.writeable = False
        found = soft_skeleton(view, np.int64(2))
        assert isinstance(found, np.ndarray)
        np.testing.assert_array_equal(found, expected.numpy())
        np.testing.assert_array_equal(
            topological_skeleton(view, np.int64(2)),
            topological_skeleton(torch.from_numpy(mask), 2).numpy(),
        )
