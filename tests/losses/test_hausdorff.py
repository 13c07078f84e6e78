"""Hausdorff loss by distance transforms: recorded values, MONAI, brute force, planted bugs."""

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.losses import HausdorffDTLoss as MonaiHausdorff
from torch import Tensor

from tubekit.losses import HausdorffDTLoss, hausdorff_dt
from tubekit.losses.base import foreground_masks
from tubekit.losses.hausdorff import lower_envelopes, squared_distances, squared_distances_to

from .scenes import scene

close = torch.testing.assert_close
module: Any = importlib.import_module("tubekit.losses.hausdorff")
SPACING = {2: (0.7, 1.3), 3: (2.0, 0.8, 0.5)}


def tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.asarray(array))


def brute_force(
    masks: Tensor, valid: Tensor | None = None, spacing: tuple[float, ...] | None = None
) -> Tensor:
    """Squared distance to the nearest valid voxel of the other kind, pair by pair."""
    ndim = masks.ndim - 2
    grid = torch.meshgrid(*(torch.arange(n) for n in masks.shape[2:]), indexing="ij")
    places = torch.stack(grid, -1).view(-1, ndim) * torch.tensor(spacing or (1.0,) * ndim)
    pairs = (places[:, None] - places[None]).square().sum(-1)
    valid = torch.ones_like(masks) if valid is None else valid.expand_as(masks)
    fields = []
    for mask, known in zip(masks.reshape(-1, len(places)), valid.reshape(-1, len(places))):  # noqa: B905
        other = (mask[:, None] != mask[None]) & known[None]
        nearest = pairs.where(other, torch.inf).amin(1)
        fields.append(nearest.where(nearest.isfinite(), 0.0))
    return torch.stack(fields).view(masks.shape)


# --- recorded values and MONAI


@pytest.mark.parametrize("name", ["tree2d_a", "ring2d", "two2d", "tree3d_a", "ring3d", "two3d"])
def test_recorded_values(oracle, name: str):
    inputs, reference = oracle("inputs"), oracle("boundary_hausdorff")
    mask, probs = (tensor(inputs[n])[None, None].float() for n in (name, f"{name}__prob"))
    probs.requires_grad_()
    both, masks = torch.cat([1 - probs, probs], 1), torch.cat([1 - mask, mask], 1)
    tolerance = {"rtol": 2e-5, "atol": 1e-7}
    for alpha in (1.0, 2.0):
        value = hausdorff_dt(probs, mask, alpha=alpha)
        recorded = float(reference[f"{name}__monai_hddt_fg__alpha{alpha:g}"])
        close(value.item(), recorded, **tolerance)
        recorded = float(reference[f"{name}__monai_hddt_all__alpha{alpha:g}"])
        close(hausdorff_dt(both, masks, alpha=alpha).item(), recorded, **tolerance)
    recorded = float(reference[f"{name}__monai_loghddt_fg__alpha2"])
    close(value.log1p().item(), recorded, **tolerance)
    if (key := f"{name}__monai_hddt_fg_grad__alpha2") in reference:
        (gradient,) = torch.autograd.grad(value, probs)
        close(gradient[0, 0], tensor(reference[key]), rtol=1e-4, atol=1e-8)
    if (key := f"{name}__hausdorffloss_idc1") in reference:
        # One-sided, and that code cuts the prediction's distances to whole numbers.
        ours, theirs = (squared_distances(m > 0.5, sides="inside") for m in (probs, mask))
        cut = ours.sqrt().floor().square()
        recorded = float(reference[key])
        close(((probs - mask).square() * (cut + theirs)).mean().item(), recorded, **tolerance)
        inside = hausdorff_dt(probs, mask, sides="inside").item()
        close(inside, ((probs - mask).square() * (ours + theirs)).mean().item(), **tolerance)
        assert inside > 1.005 * recorded


@pytest.mark.parametrize("name", ["tree2d_a", "ring2d", "two2d"])
def test_recorded_inside_distance(oracle, name: str):
    mask = tensor(oracle("inputs")[name])[None, None] > 0
    field = squared_distances(mask, sides="inside").sqrt()
    close(field[0, 0], tensor(oracle("boundary_hausdorff")[f"{name}__hd_dtm"]), rtol=2e-5, atol=0)


def test_monai_cuts_the_distances_of_a_target_of_whole_numbers():
    at = scene(1)
    at.target[0, 0, 9, 0] = 1  # so that some distances are roots
    peer = MonaiHausdorff(1.0, include_background=True, sigmoid=True)
    ours = HausdorffDTLoss(1.0)(at.logits, at.target)
    close(peer(at.logits, at.target.float()), ours, rtol=2e-5, atol=1e-7)
    assert peer(at.logits, at.target) < 0.999 * ours


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("alpha", [1.0, 2.0, 2.5])
def test_monai_with_its_gradient(channels: int, ndim: int, alpha: float):
    at = scene(channels, ndim)
    many = channels > 1
    one_hot = torch.cat([(at.target == k).float() for k in range(channels)], 1)
    peer = MonaiHausdorff(alpha, include_background=not many, softmax=many, sigmoid=not many)
    results = []
    for run in (
        lambda x: HausdorffDTLoss(alpha)(x, at.target),
        lambda x: peer(x, one_hot if many else at.target.float()),
    ):
        logits = at.logits.clone().requires_grad_()
        value = run(logits)
        results.append([value, *torch.autograd.grad(value, logits)])
    close(*results, rtol=2e-5, atol=1e-7)


# --- the distances


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 999),
    size=st.sampled_from([(5, 6), (1, 7), (7, 1), (3, 4, 5), (1, 1, 6), (4, 1, 3)]),
    density=st.sampled_from([0.1, 0.5, 0.9]),
    spaced=st.booleans(),
    partly=st.booleans(),
)
def test_distances_are_those_of_all_pairs(
    seed: int, size: tuple[int, ...], density: float, spaced: bool, partly: bool
):
    draw = torch.Generator().manual_seed(seed)
    masks = torch.rand((2, 3, *size), generator=draw) < density
    valid = torch.rand((2, 1, *size), generator=draw) < 0.7 if partly else None
    spacing = SPACING[len(size)] if spaced else None
    seen = torch.ones_like(masks) if valid is None else valid.expand_as(masks)
    expected = brute_force(masks, valid, spacing)
    for sides, part in (("both", seen), ("inside", seen & masks)):
        field = squared_distances(masks, sides=sides, spacing=spacing, valid=valid)
        close(field[part], expected[part], rtol=1e-5, atol=1e-5)
        assert field.isfinite().all()
    assert (squared_distances(masks, sides="inside")[~masks] == 0).all()
    turned = squared_distances(masks.transpose(0, 1).flip(-1))  # not contiguous
    close(turned, brute_force(masks).transpose(0, 1).flip(-1), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", [(9, 12), (1, 8), (6, 7, 5), (1, 1, 4)], ids=str)
def test_the_tensor_form_is_the_compiled_one(size: tuple[int, ...]):
    """What tensors of other devices get."""
    steps = SPACING[len(size)]
    for density in (0.0, 0.03, 0.5, 1.0):
        sites = torch.rand((2, 2, *size)) < density
        close(
            lower_envelopes(sites, steps), squared_distances_to(sites, steps), rtol=1e-5, atol=1e-5
        )
        whole = lower_envelopes(sites, (1.0,) * len(size))
        assert torch.equal(whole, squared_distances_to(sites, (1.0,) * len(size)))


def test_a_mask_without_boundary_has_no_distance():
    for fill in (0, 1):
        masks = torch.full((1, 1, 4, 5), fill, dtype=torch.bool)
        for valid in (None, torch.ones_like(masks), torch.zeros_like(masks)):
            assert (squared_distances(masks, valid=valid) == 0).all()


# --- by hand


def bar() -> Tensor:
    mask = torch.zeros((1, 1, 12, 10))
    mask[:, :, 4:7] = 1
    return mask


@pytest.mark.parametrize("alpha", [1.0, 2.0, 3.0])
def test_one_false_voxel_by_hand(alpha: float):
    """Five rows off the bar and one voxel deep: 5^alpha of the label, 1 of the prediction."""
    mask, found = bar(), bar()
    found[0, 0, 11, 3] = 1
    close(hausdorff_dt(found, mask, alpha=alpha), torch.tensor((5**alpha + 1) / 120))
    spaced = hausdorff_dt(found, mask, alpha=alpha, spacing=(2.0, 3.0))
    close(spaced, torch.tensor((10**alpha + 2**alpha if alpha else 2) / 120), check_dtype=False)
    # Seen from the inside alone, the voxel has its own depth, and the label none there.
    close(hausdorff_dt(found, mask, alpha=alpha, sides="inside"), torch.tensor(1 / 120))
    # Half certain is a quarter of the price; not above 0.5, so the prediction is the label.
    doubtful = torch.maximum(mask, 0.5 * found)
    close(hausdorff_dt(doubtful, mask, alpha=alpha), torch.tensor(2 * 5**alpha / 4 / 120))


def test_gradient_is_that_of_the_square_alone():
    at = scene(3, dtype=torch.float64)
    probs = at.logits.softmax(1)[:, 1:].requires_grad_()
    masks = foreground_masks(at.target, probs).requires_grad_()
    weights = brute_force(probs > 0.5) + brute_force(masks > 0.5)
    (gradient,) = torch.autograd.grad(hausdorff_dt(probs, masks), probs)
    close(gradient, (2 * (probs - masks) * weights / probs.numel()).detach(), check_dtype=False)
    close(hausdorff_dt(masks.detach(), masks.detach()).item(), 0.0)


def test_empty_labels_and_predictions():
    mask, nothing = bar(), 0 * bar()
    assert hausdorff_dt(nothing, nothing) == 0
    # Nothing found: the label's own distances, 1 in the outer rows and 4 in the middle one.
    close(hausdorff_dt(nothing, mask), torch.tensor((1 + 4 + 1) * 10 / 120))
    close(hausdorff_dt(mask, nothing), torch.tensor((1 + 4 + 1) * 10 / 120))
    assert hausdorff_dt(1 - nothing, nothing) == 0, "neither has a boundary"


def test_voxels_that_are_not_valid_are_neither_object_nor_background():
    """A cut through the bar is no side of the bar, as the border of the image is none."""
    mask = bar()
    found = mask.clone()
    found[:, :, 5:7] = 0  # two rows are missed, one of them behind the cut
    valid = torch.ones_like(mask, dtype=torch.bool)
    valid[:, :, 6:] = False
    # The row that is missed in sight lies 2 from the background and 1 from the prediction.
    expected = torch.tensor((4 + 1) * 10 / 60)
    close(hausdorff_dt(found, mask, valid=valid), expected)
    close(hausdorff_dt(found[:, :, :6], mask[:, :, :6]), expected)
    close(HausdorffDTLoss()(60 * found - 30, mask.long(), valid=valid), expected)


def test_doubled_spacing_is_a_factor():
    at = scene(3)
    for alpha in (1.0, 2.0, 3.0):
        one, two = (
            HausdorffDTLoss(alpha, spacing=s)(at.logits, at.target)
            for s in ((0.7, 1.3), (1.4, 2.6))
        )
        close(two, one * 2**alpha, rtol=1e-5, atol=0)


def test_threads_change_nothing():
    at, threads = scene(3, 3), torch.get_num_threads()
    expected = HausdorffDTLoss()(at.logits, at.target)
    try:
        torch.set_num_threads(3)
        assert HausdorffDTLoss()(at.logits, at.target) == expected
    finally:
        torch.set_num_threads(threads)


def test_bad_arguments():
    with pytest.raises(ValueError, match="sides must be one of 'both', 'inside', got 'outside'"):
        HausdorffDTLoss(sides="outside")
    with pytest.raises(ValueError, match="alpha must be finite and above 0"):
        HausdorffDTLoss(0.0)
    with pytest.raises(ValueError, match="spacing needs one positive value"):
        HausdorffDTLoss(spacing=(1.0, -1.0))
    at = scene(1, 3)
    with pytest.raises(ValueError, match=r"spacing needs one positive value per axis \(3\), got"):
        HausdorffDTLoss(spacing=(1.0, 1.0))(at.logits, at.target)


# --- planted bugs


def not_squared(masks: Tensor, **more: Any) -> Tensor:
    return squared_distances(masks, **more).sqrt()


def always_inside(masks: Tensor, *, sides: str, **more: Any) -> Tensor:
    return squared_distances(masks, sides="inside", **more)


def always_both(masks: Tensor, *, sides: str, **more: Any) -> Tensor:
    return squared_distances(masks, sides="both", **more)


def spacing_ignored(masks: Tensor, *, spacing: Any, **more: Any) -> Tensor:
    return squared_distances(masks, **more)


def spacing_reversed(masks: Tensor, *, spacing: Any, **more: Any) -> Tensor:
    return squared_distances(masks, spacing=spacing and spacing[::-1], **more)


def cut_to_integers(masks: Tensor, **more: Any) -> Tensor:
    return squared_distances(masks, **more).sqrt().floor().square()


def invalid_is_background(masks: Tensor, *, valid: Any, **more: Any) -> Tensor:
    return squared_distances(masks if valid is None else masks & valid, **more)


def border_is_background(masks: Tensor, **more: Any) -> Tensor:
    padded = torch.nn.functional.pad(masks, (1, 1) * (masks.ndim - 2))
    inner = (..., *[slice(1, -1)] * (masks.ndim - 2))
    return squared_distances(padded, **more)[inner].contiguous()


@pytest.mark.parametrize(
    ("bug", "check"),
    [
        (not_squared, lambda: test_one_false_voxel_by_hand(2.0)),
        (always_inside, lambda: test_one_false_voxel_by_hand(1.0)),
        (always_both, lambda: test_one_false_voxel_by_hand(1.0)),
        (spacing_ignored, lambda: test_one_false_voxel_by_hand(2.0)),
        (spacing_reversed, lambda: test_one_false_voxel_by_hand(2.0)),
        (cut_to_integers, test_doubled_spacing_is_a_factor),
        (invalid_is_background, test_voxels_that_are_not_valid_are_neither_object_nor_background),
        (border_is_background, test_empty_labels_and_predictions),
    ],
)
def test_planted_distance_is_caught(monkeypatch, bug: Any, check: Callable[[], None]):
    monkeypatch.setattr(module, "squared_distances", bug)
    with pytest.raises((AssertionError, ValueError)):
        check()


def alpha_ignored(probs: Tensor, masks: Tensor, *, alpha: float, **more: Any) -> Tensor:
    return hausdorff_dt(probs, masks, alpha=2.0, **more)


def one_field(probs: Tensor, masks: Tensor, **more: Any) -> Tensor:
    """The label's distances alone."""
    return ((probs - masks).square() * squared_distances(masks > 0.5)).mean()


def through_the_field(probs: Tensor, masks: Tensor, **more: Any) -> Tensor:
    """The prediction enters its own distances."""
    weights = squared_distances(probs > 0.5) * (probs / probs.detach())
    return ((probs - masks).square() * (weights + squared_distances(masks > 0.5))).mean()


def error_not_squared(probs: Tensor, masks: Tensor, **more: Any) -> Tensor:
    weights = squared_distances(probs > 0.5) + squared_distances(masks > 0.5)
    return ((probs - masks).abs() * weights).mean()


@pytest.mark.parametrize(
    ("bug", "check"),
    [
        (alpha_ignored, lambda: test_monai_with_its_gradient(3, 2, 1.0)),
        (one_field, lambda: test_monai_with_its_gradient(1, 2, 2.0)),
        (through_the_field, lambda: test_monai_with_its_gradient(1, 2, 2.0)),
        (error_not_squared, lambda: test_monai_with_its_gradient(1, 2, 2.0)),
    ],
)
def test_planted_equation_is_caught(monkeypatch, bug: Any, check: Callable[[], None]):
    monkeypatch.setattr(module, "hausdorff_dt", bug)
    with pytest.raises(AssertionError):
        check()
