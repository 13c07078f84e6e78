"""Bugs of this field, planted on purpose: every one must be caught by a test of this folder."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from tests.planting import Planted
from tubekit.geometry import tubed_skeleton

from . import test_contract as contract
from . import test_deep_supervision as deep
from . import test_equations as equations
from . import test_options as options
from .scenes import EXAMPLES

planted = Planted("tubekit.losses")
module = planted.module


def contract_of(test: Callable[..., None], name: str, *size: int) -> Callable[[], None]:
    example = next(e for e in EXAMPLES if e.name == name)
    return lambda: test(example, *size)


tversky = module("tversky").tversky_index
dice = module("dice").soft_dice
recall = module("recall").soft_recall
cldice = module("cldice").soft_cldice
centerline = module("cldice").centerline_dice
topological = module("topological_cldice").topological_cldice
total = module("classes").total
generic = module("base").SegmentationLoss.from_logits


@planted("tversky", "tversky_index", equations.test_tversky_prices_each_error_on_its_own)
def tversky_swapped(probs, masks, *, alpha, beta, **more):
    return tversky(probs, masks, alpha=beta, beta=alpha, **more)


@planted("tversky", "tversky_index", equations.test_tversky_prices_each_error_on_its_own)
def tversky_merged(probs, masks, *, alpha, beta, **more):
    """Released once: both prices enter only as their sum."""
    return tversky(probs, masks, alpha=(alpha + beta) / 2, beta=(alpha + beta) / 2, **more)


@planted("dice", "soft_dice", equations.test_an_absent_organ_predicted_everywhere_costs_all)
def dice_zero_for_absent(probs, masks, **more):
    """Released: the score of a class that is not in the patch is made perfect."""
    return dice(probs, masks, **more).where(masks.flatten(2).sum(2) > 0, 1.0)


@planted("dice", "soft_dice", equations.test_dice_by_hand)
def dice_smooth_above_only(probs, masks, *, smooth, batch):
    return dice(probs, masks, smooth=0.0, batch=batch) + smooth / (
        total(probs, batch) + total(masks, batch)
    ).clamp(min=1)


@planted(
    "skeleton_recall", "soft_recall", equations.test_skeleton_recall_reads_the_tube_and_nothing_else
)
@planted("recall", "soft_recall", equations.test_recall_by_hand)
def recall_swapped(probs, masks, **more):
    """Precision: the sizes of the prediction below the line."""
    return recall(masks, probs, **more)


@planted("recall", "soft_recall", equations.test_recall_by_hand)
def recall_with_smoothing_below_only(probs, masks, *, smooth, reduction):
    return recall(probs, masks, smooth=0.0, reduction=reduction) / (1 + smooth / 30)


@planted(
    "cldice",
    "soft_cldice",
    equations.test_cldice_needs_iterations_to_reach_the_middle_of_a_thick_bar,
)
def cldice_fixed_iterations(probs, masks, *, iterations, **more):
    """Released: the iteration count is stored and never used."""
    return cldice(probs, masks, iterations=10, **more)


@planted(
    "cldice",
    "centerline_dice",
    equations.test_cldice_sees_a_gap_by_its_length_and_a_blob_by_its_skeleton,
)
def cldice_one_skeleton(probs, masks, probs_skeleton, masks_skeleton, **more):
    return centerline(probs, masks, masks_skeleton, masks_skeleton, **more)


@planted(
    "cldice",
    "centerline_dice",
    equations.test_cldice_sees_a_gap_by_its_length_and_a_blob_by_its_skeleton,
)
def cldice_arithmetic_mean(probs, masks, probs_skeleton, masks_skeleton, *, smooth, reduction):
    shares = [
        ((skeleton * volume).sum() + smooth) / (skeleton.sum() + smooth)
        for skeleton, volume in ((probs_skeleton, masks), (masks_skeleton, probs))
    ]
    return (sum(shares) / 2).view(1)


@planted(
    "topological_cldice",
    "topological_cldice",
    equations.test_topological_cldice_is_quiet_in_evaluation_and_repeatable_in_training,
)
def topological_always_noisy(probs, masks, *, beta, generator, **more):
    return topological(
        probs, masks, beta=1.0, generator=generator or torch.Generator().manual_seed(0), **more
    )


@planted(
    "topological_cldice",
    "topological_cldice",
    equations.test_topological_cldice_is_quiet_in_evaluation_and_repeatable_in_training,
)
def topological_global_noise(probs, masks, *, generator, **more):
    return topological(probs, masks, generator=None, **more)


@planted(
    "base",
    "foreground_probs",
    contract_of(contract.test_gradient_is_alive_in_every_channel, "SoftClDiceLoss", 1, 2),
)
@planted("base", "foreground_probs", equations.test_one_and_two_channels_agree)
def probs_without_first_channel(logits):
    """Released: channel 0 is dropped even when it is the only one."""
    if logits.shape[1] == 1:
        return logits.sigmoid() * 0
    return logits.softmax(1)[:, 1:]


@planted("base", "foreground_probs", equations.test_background_is_not_a_class)
def probs_with_background_first(logits):
    probs = logits.sigmoid() if logits.shape[1] == 1 else logits.softmax(1)[:, :-1]
    return probs


@planted(
    "skeleton_recall",
    "present",
    equations.test_absent_classes_leave_the_mean_of_skeleton_recall,
)
def all_present(scores, masks):
    return torch.ones_like(scores, dtype=torch.bool)


@planted(
    "base",
    "foreground_masks",
    equations.test_skeleton_recall_takes_the_mean_over_classes_not_voxels,
)
def masks_of_any_class(labels, probs):
    return (labels > 0).to(probs.dtype).expand_as(probs)


@planted(
    "base:SegmentationLoss",
    "from_logits",
    contract_of(contract.test_voxels_outside_valid_have_no_part, "SoftDiceLoss", 2, 2),
)
def ignoring_valid(self, logits, target, *, valid=None, **maps):
    return generic(self, logits, target, **maps)


@planted(
    "deep_supervision:DeepSupervision",
    "level_weights",
    lambda: deep.test_every_level_gets_gradient(2),
)
def weights_without_last(self, levels):
    weights = [2.0**-i for i in range(levels - 1)] + [0.0]
    return tuple(weights)


@planted(
    "deep_supervision",
    "tubed_skeleton",
    deep.test_reskeletonising_draws_the_tube_on_the_coarse_label,
)
def unclipped(label, **options):
    return tubed_skeleton(label, clip=False, **options)


@planted("compose:WeightedSum", "from_logits", equations.test_weighted_sum_by_hand)
def sum_without_weights(self, logits, target, *, valid=None, **maps):
    return sum(
        part.from_logits(logits, target, valid=valid, **{n: maps[n] for n in part.needs})
        for part in self.losses
    )


@planted("compose:WeightedSum", "from_logits", equations.test_weighted_sum_by_hand)
def sum_without_valid(self, logits, target, *, valid=None, **maps):
    return sum(
        weight * part.from_logits(logits, target, **{n: maps[n] for n in part.needs})
        for weight, part in zip(self.weights, self.losses, strict=True)
    )


@planted(
    "deep_supervision",
    "resize_nearest",
    lambda: deep.test_value_is_the_weighted_mean_of_the_levels(2),
)
def resize_first(values, grid):
    """The first voxel of each block instead of the one at its centre."""
    steps = [-(-old // new) for old, new in zip(values.shape[2:], grid, strict=True)]
    return values[(..., *(slice(None, None, step) for step in steps))]


# --- options

reduced = module("classes").reduced
entropy = module("cross_entropy").cross_entropy
weights_of = module("cross_entropy").weights_of
accepted = module("base").accepted
per_sample = module("hausdorff").per_sample


@planted("base", "reduced", lambda: options.test_dice_of_monai("mean", [1.0, 3.0], False, False))
def divided_by_the_weights(scores, cost, counted=None, *, reduction, weight=None):
    value = reduced(scores, cost, counted, reduction=reduction, weight=weight)
    return value if weight is None else value * len(weight) / sum(weight)


@planted("base", "reduced", lambda: options.test_tversky_of_monai("sum", False))
def cost_of_the_sum(scores, cost, counted=None, *, reduction, weight=None):
    if reduction == "sum":
        return cost(scores.sum())
    return reduced(scores, cost, counted, reduction=reduction, weight=weight)


@planted(
    "cross_entropy",
    "weights_of",
    lambda: options.test_cross_entropy_of_torch("mean", [0.5, 1.0, 3.0], False),
)
def mean_over_voxels(target, logits, weight, **more):
    return torch.ones_like(weights_of(target, logits, weight, **more))


@planted(
    "cross_entropy",
    "cross_entropy",
    lambda: options.test_focal_of_monai(2.0, None),
)
def entropy_of_the_first_class(logits, target, **more):
    return entropy(logits, torch.zeros_like(target), **more)


@planted(
    "base",
    "accepted",
    contract_of(options.test_ignored_voxels_have_no_part, "SoftDiceLoss"),
)
def ignored_as_background(logits, target, valid, maps, *, ignore_index, **more):
    if ignore_index is not None:
        target = target.where(target != ignore_index, 0)
    return accepted(logits, target, valid, maps, ignore_index=None, **more)


@planted("hausdorff", "per_sample", lambda: options.test_spacing_per_sample(list))
def spacing_of_the_first_sample(spacing, samples, ndim):
    return per_sample(spacing, samples, ndim)[:1] * samples


@planted("compose", "inherited", options.test_parts_lend_a_sum_their_options)
def nothing_inherited(parts, given):
    return given


@planted.each()
def test_the_bug_is_caught(monkeypatch, place: str, name: str, bug: Any, check: Any):
    planted.catch(monkeypatch, place, name, bug, check)


def test_half_precision_sums_are_caught(monkeypatch):
    """Without the upcast a bfloat16 Dice of a large image is visibly wrong."""
    check = contract_of(
        contract.test_half_precision_logits_are_summed_in_float32, "SoftDiceLoss", torch.bfloat16
    )
    check()
    base = module("base")
    narrow = lambda self, logits, target, **maps: self.from_logits(logits, target, **maps)  # noqa: E731
    monkeypatch.setattr(base.SegmentationLoss, "forward", narrow)
    with pytest.raises(AssertionError):
        check()


@pytest.mark.parametrize("name", ["SoftClDiceLoss", "TopologicalClDiceLoss", "DeepSupervision"])
def test_a_detached_prediction_is_caught(monkeypatch, name: str):
    """A loss that forgets the graph has a value and no gradient."""
    probs = module("base").foreground_probs
    monkeypatch.setattr(module("base"), "foreground_probs", lambda x: probs(x).detach())
    check = contract_of(contract.test_gradient_is_alive_in_every_channel, name, 2, 2)
    with pytest.raises(RuntimeError, match="does not require grad"):
        check()
