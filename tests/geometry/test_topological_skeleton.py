import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from tests.geometry import shapes
from tubekit.geometry import betti_numbers, topological_skeleton
from tubekit.geometry.relaxed_binary import relaxed_binary

CASES = [f"{name}{d}d" for d in (2, 3) for name in ("ring", "two", "single", "empty", "full")]
CASES += ["tree2d_a", "tree3d_a"]
METHODS = [("boolean", "bool"), ("euler", "euler")]
small_masks = arrays(bool, array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=7))


def thinned(mask: np.ndarray, iterations: int, method: str = "boolean") -> np.ndarray:
    return topological_skeleton(torch.tensor(mask)[None, None], iterations, method)[0, 0].numpy()


@pytest.mark.parametrize("iterations", [1, 5, 12])
@pytest.mark.parametrize(("method", "short"), METHODS)
@pytest.mark.parametrize("case", CASES)
def test_masks_agree_with_the_reference(oracle, case, method, short, iterations):
    expected = oracle("topo_skeleton")[f"{case}__topo_{short}__iter{iterations}"]
    ours = thinned(oracle("inputs")[case], iterations, method)
    assert np.array_equal(ours, expected)


@pytest.mark.parametrize(("method", "short"), METHODS)
@pytest.mark.parametrize("case", ["tree2d_a", "ring2d", "two2d"])
def test_probabilities_and_gradients_agree_with_the_reference(oracle, case, method, short):
    recorded = oracle("topo_skeleton")
    probs = torch.tensor(oracle("inputs")[f"{case}__prob"])[None, None].requires_grad_()
    skeleton = topological_skeleton(probs, 5, method)
    (skeleton * torch.tensor(recorded[f"{case}__gradweights"])).sum().backward()
    key = f"{case}__topo_{short}_prob_beta0"
    assert np.array_equal(skeleton[0, 0].detach().numpy(), recorded[f"{key}__iter5"])
    expected = recorded[f"{key}_grad__iter5"]
    np.testing.assert_allclose(probs.grad[0, 0].numpy(), expected, rtol=1e-4, atol=1e-8)


@settings(max_examples=60, deadline=None)
@given(small_masks)
def test_boolean_keeps_the_topology(mask):
    skeleton = thinned(mask, 20)
    assert betti_numbers(skeleton) == betti_numbers(mask)
    assert not (skeleton > mask).any()
    assert np.array_equal(thinned(skeleton > 0, 20), skeleton)


@pytest.mark.parametrize("mask", [shapes.torus(), shapes.double_torus(), shapes.hollow_sphere()])
def test_boolean_keeps_tunnels_and_cavities(mask):
    skeleton = thinned(mask, 12)
    assert betti_numbers(skeleton) == betti_numbers(mask)
    assert skeleton.sum() < mask.sum() / 3


def test_euler_may_change_the_topology():
    rng = np.random.default_rng(0)
    masks = [rng.random((8, 8, 8)) < 0.4 for _ in range(10)]
    assert any(betti_numbers(thinned(m, 10, "euler")) != betti_numbers(m) for m in masks)


def test_every_channel_and_sample_has_its_own_skeleton():
    masks = torch.rand(2, 3, 9, 10, 8) < 0.6
    together = topological_skeleton(masks, 4)
    for b in range(2):
        for c in range(3):
            alone = topological_skeleton(masks[b : b + 1, c : c + 1], 4)
            assert torch.equal(together[b : b + 1, c : c + 1], alone)


def test_an_image_is_a_volume_of_one_slice():
    probs = torch.rand(2, 2, 15, 16)
    flat, volume = topological_skeleton(probs, 4), topological_skeleton(probs[:, :, None], 4)
    assert torch.equal(flat, volume[:, :, 0])


def test_gradient_by_hand():
    """Deleted: none. Kept: half per iteration. Background out of reach: unchanged."""
    probs = torch.full((1, 1, 9, 15), 0.1)
    probs[..., 3:6, 2:13] = 0.8
    probs.requires_grad_()
    skeleton = topological_skeleton(probs, 2)
    skeleton.sum().backward()
    gone, kept = (probs > 0.5) & (skeleton == 0), skeleton == 1
    assert gone.any()
    assert kept.any()
    assert not probs.grad[gone].any()
    torch.testing.assert_close(probs.grad[kept], torch.full_like(probs.grad[kept], 0.25))
    assert probs.grad[0, 0, 0, 0] == pytest.approx(1)


def test_more_iterations_only_change_the_slope_of_a_finished_skeleton():
    probs = torch.full((1, 1, 5, 12), 0.1)
    probs[..., 2, 2:10] = 0.9
    slopes = []
    for iterations in (1, 3):
        leaf = probs.clone().requires_grad_()
        topological_skeleton(leaf, iterations).sum().backward()
        slopes.append(leaf.grad[0, 0, 2, 5].item())
    assert slopes == pytest.approx([0.5, 0.125])


def test_zero_iterations_binarise():
    probs = torch.rand(1, 2, 6, 7, requires_grad=True)
    binary = topological_skeleton(probs, 0)
    assert torch.equal(binary, (probs > 0.5).float())
    binary.sum().backward()
    torch.testing.assert_close(probs.grad, torch.ones_like(probs))


def test_noise_is_drawn_from_the_generator():
    probs = torch.full((1, 1, 20, 20), 0.5)

    def draw(seed: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(seed)
        return topological_skeleton(probs, 0, beta=0.33, generator=generator)

    assert torch.equal(draw(1), draw(1))
    assert not torch.equal(draw(1), draw(2))
    assert 0.4 < draw(1).mean() < 0.6


def test_relaxed_binary_is_a_sigmoid_of_noisy_log_odds():
    probs = torch.rand(1, 1, 30, 30, dtype=torch.float64)
    uniform = torch.rand(probs.shape, generator=torch.Generator().manual_seed(3), dtype=probs.dtype)
    for beta, tau in ((0.0, 1.0), (0.33, 1.0), (0.5, 0.2), (1.0, 3.0)):
        ours = relaxed_binary(probs, beta=beta, tau=tau, generator=torch.Generator().manual_seed(3))
        expected = torch.sigmoid((torch.logit(probs) + beta * torch.logit(uniform)) / tau)
        torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-6)


def test_logistic_noise_at_full_scale_samples_the_probability():
    probs = torch.full((1, 1, 300, 300), 0.3)
    assert (relaxed_binary(probs, beta=1.0, tau=1.0) > 0.5).float().mean() == pytest.approx(
        0.3, abs=0.01
    )


@pytest.mark.parametrize("tau", [0.5, 1.0, 2.0])
def test_gradient_stays_alive_where_probabilities_saturate(tau):
    probs = torch.tensor([0.0, 1.0]).reshape(1, 1, 1, 2).requires_grad_()
    topological_skeleton(probs, 0, tau=tau).sum().backward()
    assert probs.grad.isfinite().all()
    if tau == 1:
        torch.testing.assert_close(probs.grad, torch.ones_like(probs))


def test_gradient_of_the_relaxed_sample():
    probs = (0.05 + 0.9 * torch.rand(1, 1, 4, 5, dtype=torch.float64)).requires_grad_()

    def sample(p: torch.Tensor) -> torch.Tensor:
        return relaxed_binary(p, beta=0.33, tau=0.7, generator=torch.Generator().manual_seed(0))

    assert torch.autograd.gradcheck(sample, (probs,))


@pytest.mark.parametrize("kind", [torch.bool, torch.uint8, torch.int64])
def test_masks_of_any_type(kind):
    mask = torch.rand(1, 1, 8, 9) < 0.7
    expected = topological_skeleton(mask.float(), 3)
    skeleton = topological_skeleton(mask.to(kind), 3)
    assert skeleton.dtype == torch.float32
    assert torch.equal(skeleton, expected)


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16, torch.float64])
def test_the_type_of_the_probabilities_is_kept(kind):
    probs = torch.rand(1, 1, 8, 9).to(kind).requires_grad_()
    skeleton = topological_skeleton(probs, 3, beta=0.33)
    assert skeleton.dtype == kind
    skeleton.sum().backward()
    assert probs.grad.isfinite().all()


def test_the_input_is_not_changed():
    probs = torch.rand(1, 1, 8, 9)
    mask = probs > 0.5
    copies = probs.clone(), mask.clone()
    topological_skeleton(probs, 3)
    topological_skeleton(mask, 3)
    assert torch.equal(probs, copies[0])
    assert torch.equal(mask, copies[1])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 6), st.sampled_from(["boolean", "euler"]))
def test_gradient_path_leaves_the_values_alone(iterations, method):
    probs = torch.rand(1, 1, 12, 13, generator=torch.Generator().manual_seed(iterations))
    hard = topological_skeleton(probs, iterations, method)
    assert torch.equal(hard, topological_skeleton(probs.requires_grad_(), iterations, method))
    assert set(hard.unique().tolist()) <= {0.0, 1.0}


def test_bad_input_is_named():
    probs = torch.rand(1, 1, 5, 5)
    with pytest.raises(ValueError, match="must have 4 or 5 axes, got 2"):
        topological_skeleton(probs[0, 0], 3)
    with pytest.raises(ValueError, match="method must be one of 'boolean', 'euler', got 'bool'"):
        topological_skeleton(probs, 3, "bool")
    for bad in (probs * 3, probs - 1, probs * float("nan"), torch.full((1, 1, 3, 3), 2)):
        with pytest.raises(ValueError, match=r"must lie in \[0, 1\], got"):
            topological_skeleton(bad, 3)
    with pytest.raises(ValueError, match="iterations must be an integer of at least 0, got -1"):
        topological_skeleton(probs, -1)
    with pytest.raises(ValueError, match=r"beta must be in range, got -0\.1"):
        topological_skeleton(probs, 1, beta=-0.1)
    with pytest.raises(ValueError, match="tau must be in range, got 0"):
        topological_skeleton(probs, 1, tau=0.0)
