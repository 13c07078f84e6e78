"""Compiled peeling against tensors, and against autograd through every step."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tubekit.benchmarks.topological_skeleton import authors_skeleton, forward_and_backward
from tubekit.geometry import topological_skeleton
from tubekit.geometry.kernels.peeling import peel
from tubekit.geometry.simple_points import SUBFIELDS, boolean_simple, euler_simple
from tubekit.geometry.topological_skeleton import _peel_tensors


@pytest.mark.parametrize(("method", "short"), [("boolean", "bool"), ("euler", "euler")])
def test_the_peer_of_the_benchmark_agrees_with_the_reference(oracle, method, short):
    recorded = oracle("topo_skeleton")
    mask = torch.tensor(oracle("inputs")["tree3d_a"])[None, None].float()
    expected = recorded[f"tree3d_a__topo_{short}__iter1"]
    assert np.array_equal(authors_skeleton(mask, 1, method)[0, 0].numpy(), expected)
    probs = torch.tensor(oracle("inputs")["tree2d_a__prob"])[None, None, None].requires_grad_()
    skeleton = authors_skeleton(probs, 5, method)
    (skeleton * torch.tensor(recorded["tree2d_a__gradweights"])).sum().backward()
    expected = recorded[f"tree2d_a__topo_{short}_prob_beta0_grad__iter5"]
    np.testing.assert_allclose(probs.grad[0, 0, 0].numpy(), expected, rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("shape", [(1, 2, 9, 8, 7), (2, 1, 1, 12, 9), (1, 1, 6, 1, 1)])
@pytest.mark.parametrize("method", ["boolean", "euler"])
def test_values_and_gradients_are_those_of_autograd_through_all_steps(method, shape):
    probs = torch.rand(shape)
    ours = forward_and_backward(topological_skeleton, probs, 3, method)
    theirs = forward_and_backward(authors_skeleton, probs, 3, method)
    for a, b in zip(ours, theirs, strict=True):
        assert torch.equal(a, b)


def peeled(
    volume: np.ndarray, iterations: int, exact: bool, kind: type | None = np.float32
) -> tuple[np.ndarray, np.ndarray | None]:
    objects, slopes = volume.copy(), None if kind is None else np.ones(volume.shape, kind)
    peel(objects, slopes, iterations, SUBFIELDS, exact=exact)
    return objects, slopes


def peeled_by_tensors(
    volume: np.ndarray, iterations: int, exact: bool
) -> tuple[np.ndarray, np.ndarray]:
    slopes = torch.ones(1, *volume.shape)
    test = boolean_simple if exact else euler_simple
    result = _peel_tensors(torch.tensor(volume)[None], iterations, test, slopes)
    return result[0].numpy(), slopes[0].numpy()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.02, 0.98), st.sampled_from([1, 2, 5, 30]), st.booleans())
def test_compiled_peeling_agrees_with_tensors(seed, density, iterations, exact):
    rng = np.random.default_rng(seed)
    volume = rng.random(rng.integers((1, 1, 1, 1), (3, 9, 12, 12))) < density
    if seed % 3 == 0:  # an object far from the borders, in a box of its own
        volume = np.pad(volume, ((0, 0), *[tuple(rng.integers(0, 5, 2)) for _ in range(3)]))
    expected, slopes = peeled_by_tensors(volume, iterations, exact)
    ours, ours_slopes = peeled(volume, iterations, exact)
    assert np.array_equal(ours, expected)
    assert np.array_equal(ours_slopes, slopes)
    assert np.array_equal(peeled(volume, iterations, exact, None)[0], expected)


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_share_channels(exact, threads):
    volume = np.random.default_rng(3).random((14, 9, 10, 11)) < 0.4
    volume[2], volume[5] = False, True
    expected, slopes = peeled_by_tensors(volume, 4, exact)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        ours, ours_slopes = peeled(volume, 4, exact, np.float64)
    finally:
        torch.set_num_threads(before)
    assert np.array_equal(ours, expected)
    assert np.array_equal(ours_slopes, slopes)


def test_many_iterations_after_the_last_change_only_halve():
    volume = np.random.default_rng(4).random((1, 5, 6, 7)) < 0.3
    for iterations in (7, 160):  # 2 ** -160 is below what single precision holds
        slopes = peeled_by_tensors(volume, iterations, True)[1]
        assert np.array_equal(peeled(volume, iterations, True)[1], slopes)


@pytest.mark.parametrize("shape", [(1, 0, 5, 5), (0, 2, 5, 5), (1, 1, 4, 0, 3)])
def test_nothing_gives_nothing(shape):
    probs = torch.rand(shape, requires_grad=True)
    skeleton = topological_skeleton(probs, 3)
    skeleton.sum().backward()
    assert skeleton.shape == probs.grad.shape == shape


def test_layout_of_the_input_does_not_matter():
    probs = torch.rand(2, 3, 9, 10, 8)
    turned = [
        probs.transpose(2, 4).contiguous().transpose(2, 4),
        probs.to(memory_format=torch.channels_last_3d),
        torch.stack([probs, probs], dim=-1)[..., 1],
        probs.flip(3).flip(3),
    ]
    expected = value_and_slope(probs)
    for view in turned:
        for ours, theirs in zip(value_and_slope(view), expected, strict=True):
            assert torch.equal(ours, theirs)
    one = probs[:1, :1].expand(2, 3, -1, -1, -1)
    assert torch.equal(topological_skeleton(one, 4)[1, 2], topological_skeleton(one, 4)[0, 0])


def value_and_slope(probs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    leaf = probs.detach().requires_grad_()
    skeleton = topological_skeleton(leaf, 4)
    (slope,) = torch.autograd.grad(skeleton.sum(), leaf)
    return skeleton.detach(), slope


def test_gradient_reaches_every_summand_and_can_be_asked_for_twice():
    a, b = (0.5 * torch.rand(1, 2, 8, 9)).requires_grad_(), 0.5 * torch.rand(1, 2, 8, 9)
    b.requires_grad_()
    weights = torch.rand(1, 2, 8, 9, requires_grad=True)
    skeleton = topological_skeleton(a + b, 3)
    first = torch.autograd.grad((weights * skeleton).sum(), (a, b), create_graph=True)
    assert torch.equal(*first)
    (again,) = torch.autograd.grad(first[0].sum(), weights)
    torch.testing.assert_close(again, value_of_slopes((a + b).detach(), 3))


def value_of_slopes(probs: torch.Tensor, iterations: int) -> torch.Tensor:
    images = (probs > 0.5).numpy().reshape(-1, 1, *probs.shape[2:])
    return torch.tensor(peeled_by_tensors(images, iterations, True)[1]).reshape(probs.shape)


def test_what_waits_for_the_gradient_does_not_grow_with_iterations():
    def kept(iterations: int) -> int:
        sizes = []
        probs = torch.rand(1, 2, 16, 17, requires_grad=True)

        def note(tensor: torch.Tensor) -> torch.Tensor:
            sizes.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            topological_skeleton(probs, iterations)
        return sum(sizes)

    assert 0 < kept(1) == kept(20)
