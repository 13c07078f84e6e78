"""Boundary loss: recorded values, MONAI, values by hand, and planted bugs."""

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from monai.losses import BoundaryLoss as MonaiBoundary
from torch import Tensor

from tubekit.data import PatchSampler
from tubekit.geometry import signed_distance
from tubekit.losses import BoundaryLoss, SoftDiceLoss, WeightedSum, boundary_loss
from tubekit.losses.base import foreground_masks
from tubekit.types import Case

from .scenes import scene

close = torch.testing.assert_close
module: Any = importlib.import_module("tubekit.losses.boundary")


def tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.asarray(array))


def distances(masks: Tensor, spacing: tuple[float, ...] | None = None) -> Tensor:
    """Signed distance per sample and class."""
    fields = [signed_distance(m.numpy(), spacing) for m in masks.flatten(0, 1)]
    return tensor(np.stack(fields)).view(masks.shape)


def bar() -> tuple[Tensor, Tensor]:
    """Three rows of a 12 x 10 image, and its signed distance: rows 0 to 3 are 4, 3, 2, 1 away."""
    mask = torch.zeros((1, 1, 12, 10))
    mask[:, :, 4:7] = 1
    return mask, distances(mask)


@pytest.mark.parametrize("name", ["tree2d_a", "ring2d", "two2d", "tree3d_a", "ring3d", "two3d"])
def test_recorded_values(oracle, name: str):
    inputs, reference = oracle("inputs"), oracle("boundary_hausdorff")
    mask, probs = (tensor(inputs[n])[None, None].float() for n in (name, f"{name}__prob"))
    both, masks = torch.cat([1 - probs, probs], 1), torch.cat([1 - mask, mask], 1)
    maps = distances(masks)
    tolerance = {"rtol": 2e-5, "atol": 1e-7}
    for suffix, value in (
        ("idc1", boundary_loss(probs, maps[:, 1:])),
        ("idc01", boundary_loss(both, maps)),
    ):
        key = f"{name}__boundaryloss_{suffix}"
        monai = f"{name}__monai_boundaryloss_{'fg' if suffix == 'idc1' else 'all'}"
        for recorded in (key, monai):
            if recorded in reference:
                close(value.item(), float(reference[recorded]), **tolerance)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("ndim", [2, 3])
def test_monai_with_its_gradient(channels: int, ndim: int):
    at = scene(channels, ndim)
    logits = at.logits.clone().requires_grad_()
    masks = foreground_masks(at.target, at.logits[:, -max(1, channels - 1) :])
    ours = BoundaryLoss()(logits, at.target, signed_distance=distances(masks))
    theirs_at = at.logits.clone().requires_grad_()
    many = channels > 1
    one_hot = torch.cat([(at.target == k).float() for k in range(channels)], 1)
    theirs = MonaiBoundary(include_background=not many, softmax=many, sigmoid=not many)(
        theirs_at, one_hot if many else masks
    )
    close(ours, theirs)
    ours.backward()
    theirs.backward()
    close(logits.grad, theirs_at.grad, rtol=1e-4, atol=1e-8)


def test_by_hand():
    mask, phi = bar()
    # Inside -1 in the middle row, 0 in the outer two; the perfect mask gets -10 / 120.
    close(boundary_loss(mask, phi), torch.tensor(-10 / 120))
    moved = mask.roll(2, 2)  # rows 6 to 8: distances 0, 1, 2
    close(boundary_loss(moved, phi), torch.tensor(30 / 120))
    close(boundary_loss(0 * mask, phi), torch.tensor(0.0))


def test_no_mask_is_better_than_the_label():
    mask, phi = bar()
    best = boundary_loss(mask, phi)
    draw = torch.Generator().manual_seed(0)
    for share in (0.02, 0.2, 0.5):
        flipped = torch.rand(mask.shape, generator=draw) < share
        assert boundary_loss((mask.bool() ^ flipped).float(), phi) >= best


def test_the_gradient_is_the_map_and_never_reaches_it():
    mask, phi = bar()
    phi = phi.requires_grad_()
    for probs in (0.2 + 0 * mask, mask):
        probs = probs.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(boundary_loss(probs, phi), probs)
        close(gradient, phi.detach() / 120)
    assert not boundary_loss(mask, phi).requires_grad


def test_millimetres():
    mask, _ = bar()
    value = boundary_loss(mask.roll(2, 2), distances(mask, (0.5, 0.25)))
    # With rows of 0.5 the step is 0.25: the rows lie -0.25, 0.5, 1 away.
    close(value, torch.tensor((-0.25 + 0.5 + 1.0) * 10 / 120))
    close(boundary_loss(mask.roll(2, 2), distances(mask, (1.0, 0.5))), 2 * value)


def test_a_map_per_class_or_of_their_union():
    at = scene(3)
    probs = at.logits.softmax(1)[:, 1:]
    per_class = distances(foreground_masks(at.target, probs))
    union = distances((at.target > 0).float())
    close(
        BoundaryLoss()(at.logits, at.target, signed_distance=per_class),
        (probs * per_class).mean(),
    )
    close(
        BoundaryLoss()(at.logits, at.target, signed_distance=union),
        (probs.sum(1, keepdim=True) * union).mean(),
    )


def test_mean_over_valid_voxels():
    at = scene(3)
    masks = foreground_masks(at.target, at.logits[:, 1:])
    phi, valid = distances(masks), torch.rand(at.target.shape) > 0.5
    expected = (at.logits.softmax(1)[:, 1:] * phi).movedim(1, -1)[valid[:, 0]].mean()
    close(BoundaryLoss()(at.logits, at.target, signed_distance=phi, valid=valid), expected)


def test_the_loader_makes_the_map():
    label = np.zeros((20, 24), np.int64)
    label[8:12] = 1
    rng = np.random.default_rng(0)
    case = Case("a", rng.random((1, 20, 24)).astype(np.float32), label, (0.5, 0.5))
    loss = WeightedSum([SoftDiceLoss(), BoundaryLoss()], [1.0, 0.1])
    for when in ("patch", "case"):
        sampler = PatchSampler([case], (12, 12), 2, maps=loss.needs, when=when)
        batch = sampler.batch(0)
        logits = torch.randn((2, 1, 12, 12)).requires_grad_()
        value = loss(logits, batch["target"], **{n: batch[n] for n in loss.needs})
        value.backward()
        assert value.isfinite()
        assert logits.grad.abs().sum() > 0


def test_bad_maps():
    at = scene(3)
    with pytest.raises(ValueError, match=r"signed_distance must be floating point, got .*int64"):
        BoundaryLoss()(at.logits, at.target, signed_distance=at.tube)
    with pytest.raises(ValueError, match="one channel or 2, one per foreground class, got 3"):
        BoundaryLoss()(at.logits, at.target, signed_distance=at.logits)
    with pytest.raises(ValueError, match="signed_distance must be finite"):
        BoundaryLoss()(at.logits, at.target, signed_distance=at.logits[:, 1:] / 0)


# --- planted bugs

true_map = signed_distance


def inside_out(mask: np.ndarray, spacing: Any = None) -> np.ndarray:
    return -true_map(mask, spacing)


def cut_to_integers(mask: np.ndarray, spacing: Any = None) -> np.ndarray:
    """Released once: the map takes the integer type of the label."""
    return true_map(mask, spacing).astype(np.int32).astype(np.float32)


def without_spacing(mask: np.ndarray, spacing: Any = None) -> np.ndarray:
    return true_map(mask)


def without_the_inner_layer(mask: np.ndarray, spacing: Any = None) -> np.ndarray:
    """The distance inside is not reduced by one voxel."""
    phi = true_map(mask, spacing)
    return np.where(mask > 0, phi - (1 if spacing is None else min(spacing)), phi)


def absolute(mask: np.ndarray, spacing: Any = None) -> np.ndarray:
    return np.abs(true_map(mask, spacing))


@pytest.mark.parametrize(
    ("bug", "check"),
    [
        (inside_out, test_by_hand),
        (inside_out, test_no_mask_is_better_than_the_label),
        (cut_to_integers, test_millimetres),
        (without_spacing, test_millimetres),
        (without_the_inner_layer, test_by_hand),
        (absolute, test_by_hand),
    ],
)
def test_planted_map_is_caught(monkeypatch, bug: Any, check: Callable[[], None]):
    monkeypatch.setitem(globals(), "signed_distance", bug)
    with pytest.raises(AssertionError):
        check()


def sum_in_place_of_mean(probs: Tensor, phi: Tensor, *, valid: Tensor | None = None) -> Tensor:
    return (probs * phi).sum()


def valid_ignored(probs: Tensor, phi: Tensor, *, valid: Tensor | None = None) -> Tensor:
    return (probs * phi).mean()


def invalid_in_the_mean(probs: Tensor, phi: Tensor, *, valid: Tensor | None = None) -> Tensor:
    return (probs * phi * (1 if valid is None else valid)).mean()


def squared(probs: Tensor, phi: Tensor, *, valid: Tensor | None = None) -> Tensor:
    return (probs.square() * phi).mean()


@pytest.mark.parametrize(
    ("bug", "check"),
    [
        (sum_in_place_of_mean, test_a_map_per_class_or_of_their_union),
        (valid_ignored, test_mean_over_valid_voxels),
        (invalid_in_the_mean, test_mean_over_valid_voxels),
        (squared, test_a_map_per_class_or_of_their_union),
    ],
)
def test_planted_equation_is_caught(monkeypatch, bug: Any, check: Callable[[], None]):
    monkeypatch.setattr(module, "boundary_loss", bug)
    with pytest.raises(AssertionError):
        check()
