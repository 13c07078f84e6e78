"""The naive losses and the library's agree in value and gradient."""

import pytest
import torch

from tubekit import geometry, losses
from tubekit.plain import losses as plain
from tubekit.plain import soft_skeleton

close = torch.testing.assert_close
SHAPES = [(2, 3, 8, 9), (1, 1, 7, 6), (2, 2, 5, 6, 7)]
each_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


def pair(shape: tuple[int, ...], *, empty: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    """Probabilities and masks; ``empty`` leaves the last class of the last sample without any."""
    generator = torch.Generator().manual_seed(len(shape))
    probs = torch.rand(shape, generator=generator, dtype=torch.float64)
    masks = (torch.rand(shape, generator=generator) > 0.6).double()
    if empty:
        masks[-1, -1] = 0
    return probs.requires_grad_(), masks


def alike(ours, naive, leaf: torch.Tensor) -> None:
    close(ours, naive)
    (slope,) = torch.autograd.grad(ours.sum(), leaf)
    (expected,) = torch.autograd.grad(naive.sum(), leaf)
    close(slope, expected)


@each_shape
@pytest.mark.parametrize("empty", [False, True])
@pytest.mark.parametrize("name", ["soft_dice", "soft_recall"])
def test_ratios(name: str, shape: tuple[int, ...], empty: bool):
    probs, masks = pair(shape, empty=empty)
    alike(getattr(losses, name)(probs, masks), getattr(plain, name)(probs, masks), probs)


@each_shape
def test_tversky(shape: tuple[int, ...]):
    probs, masks = pair(shape)
    ours = losses.tversky_index(probs, masks, alpha=0.3, beta=0.7)
    alike(ours, plain.tversky_index(probs, masks, 0.3, 0.7), probs)


@pytest.mark.parametrize("grid", [(6, 7), (4, 5, 6)])
def test_cross_entropy(grid: tuple[int, ...]):
    logits = torch.randn(2, 3, *grid, dtype=torch.float64, requires_grad=True)
    target = torch.randint(0, 3, (2, 1, *grid))
    alike(losses.cross_entropy(logits, target).mean(), plain.cross_entropy(logits, target), logits)
    one, mask = logits[:, :1], (target > 0)
    ours = losses.CrossEntropyLoss()(one, mask.long())
    alike(ours, plain.binary_cross_entropy(one, mask.double()), logits)


@pytest.mark.parametrize("absent", [(), ((1, 2),), ((0, 1), (0, 2), (1, 1), (1, 2))])
def test_skeleton_recall(absent: tuple[tuple[int, int], ...]):
    """The module takes logits and class indices, the equation probabilities and masks."""
    logits = torch.randn(2, 3, 7, 8, dtype=torch.float64, requires_grad=True)
    tube = torch.randint(0, 3, (2, 1, 7, 8))
    for sample, label in absent:
        tube[sample][tube[sample] == label] = 0
    tubes = torch.cat([tube == 1, tube == 2], 1).double()
    naive = plain.skeleton_recall_loss(logits.softmax(1)[:, 1:], tubes)
    alike(losses.SkeletonRecallLoss()(logits, tube, tube=tube), naive, logits)


@each_shape
def test_soft_skeleton(shape: tuple[int, ...]):
    probs, _ = pair(shape)
    for iterations in (0, 1, 4):
        naive = soft_skeleton.soft_skeleton(probs, iterations)
        alike(geometry.soft_skeleton(probs, iterations), naive, probs)


@each_shape
def test_soft_cldice(shape: tuple[int, ...]):
    probs, masks = pair(shape)
    ours = 1 - losses.soft_cldice(probs, masks, iterations=3)[0]
    alike(ours, soft_skeleton.soft_cldice_loss(probs, masks, 3), probs)
