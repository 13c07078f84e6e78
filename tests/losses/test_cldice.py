"""Soft clDice with compiled skeletons: values and gradients of the plain formulation."""

import pytest
import torch
from monai.losses import SoftclDiceLoss as MonaiLoss

from tubekit.benchmarks.soft_cldice import authors_skeleton, authors_soft_cldice
from tubekit.losses import SoftClDiceLoss

from .scenes import GRIDS, scene


def saturated(channels: int, ndim: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits whose probabilities are 0 or 1 in float32 over whole regions, and labels."""
    grid = GRIDS[ndim]
    logits = torch.randn(2, channels, *grid)
    target = torch.randint(0, max(2, channels), (2, 1, *(n // 2 for n in grid)))
    for axis in range(2, 2 + ndim):
        target = target.repeat_interleave(2, axis)  # blocks of one class
    return logits.where(torch.rand(logits.shape) < 0.3, 200 * logits.sign()), target


def plain_loss(logits: torch.Tensor, target: torch.Tensor, iterations: int) -> torch.Tensor:
    channels = logits.shape[1]
    probs = logits.sigmoid() if channels == 1 else logits.softmax(1)[:, 1:]
    masks = torch.stack([target[:, 0] == k for k in range(1, max(2, channels))], 1)
    return authors_soft_cldice(probs, masks.to(probs.dtype), iterations=iterations)


def with_gradient(loss, logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    leaf = logits.detach().requires_grad_()
    value = loss(leaf)
    return value.detach(), torch.autograd.grad(value, leaf)[0]


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 2e-6), (torch.float64, 1e-14), (torch.bfloat16, 2e-6)]
)
@pytest.mark.parametrize(("channels", "ndim"), [(1, 2), (14, 2), (1, 3), (2, 3), (14, 3)])
def test_gradients_are_those_of_the_plain_formulation(channels, ndim, dtype, tolerance):
    logits, target = saturated(channels, ndim)
    logits = logits.to(dtype)
    ours = with_gradient(lambda x: SoftClDiceLoss(3)(x, target), logits)
    wide = logits if dtype == torch.float64 else logits.float()
    expected = with_gradient(lambda x: plain_loss(x, target, 3), wide)
    torch.testing.assert_close(ours[0], expected[0], rtol=0, atol=tolerance)
    assert ours[1].dtype == dtype
    if dtype == torch.bfloat16:
        torch.testing.assert_close(ours[1].float(), expected[1], rtol=1 / 128, atol=1e-6)
    else:
        size = expected[1].abs().max()
        torch.testing.assert_close(ours[1] / size, expected[1] / size, rtol=0, atol=tolerance)


@pytest.mark.parametrize("channels", [1, 3])
def test_monai_agrees_on_one_sample(channels):
    logits, target = saturated(channels, 3)
    logits, target = logits[:1], target[:1]
    several = channels > 1
    monai = MonaiLoss(
        iter_=3,
        smooth=1e-12,
        sigmoid=not several,
        softmax=several,
        to_onehot_y=several,
        include_background=not several,
    )
    ours = with_gradient(lambda x: SoftClDiceLoss(3)(x, target), logits)
    expected = with_gradient(lambda x: monai(x, target if several else target.float()), logits)
    torch.testing.assert_close(ours[0], expected[0], rtol=0, atol=1e-6)
    size = expected[1].abs().max()
    torch.testing.assert_close(ours[1] / size, expected[1] / size, rtol=0, atol=2e-6)


def test_gradient_by_finite_differences():
    at = scene(1, 2, dtype=torch.float64)
    logits, target = at.logits[:, :, 2:7, 2:6].clone().requires_grad_(), at.target[:, :, 2:7, 2:6]
    assert torch.autograd.gradcheck(lambda x: SoftClDiceLoss(3)(x, target), (logits,))


@pytest.mark.parametrize("iterations", [3, 10])
@pytest.mark.parametrize("name", ["tree2d_a", "ring2d", "tree3d_a"])
def test_the_peer_is_what_the_authors_released(oracle, name, iterations):
    """Otherwise the benchmark would race against an algorithm of our own."""
    reference, inputs = oracle("soft_cldice"), oracle("inputs")
    probs = torch.from_numpy(inputs[f"{name}__prob"])[None, None]
    masks = torch.from_numpy(inputs[name])[None, None].float()
    recorded = torch.from_numpy(reference[f"{name}__softskel_prob__iter{iterations}"])
    torch.testing.assert_close(
        authors_skeleton(probs, iterations)[0, 0], recorded, rtol=2e-5, atol=1e-7
    )
    leaf = probs.requires_grad_()
    value = authors_soft_cldice(leaf, masks, iterations=iterations)
    assert value.item() == pytest.approx(
        float(reference[f"{name}__official_softcldice__iter{iterations}"]), rel=1e-5, abs=1e-7
    )
    if (key := f"{name}__official_softcldice_grad__iter{iterations}") in reference:
        (gradient,) = torch.autograd.grad(value, leaf)
        expected = torch.from_numpy(reference[key])
        torch.testing.assert_close(gradient[0, 0], expected, rtol=2e-5, atol=1e-8)
