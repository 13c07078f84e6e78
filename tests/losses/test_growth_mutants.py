"""Bugs planted in the losses for incomplete labels: every one must be caught."""

from collections.abc import Callable
from typing import Any

import torch

from tests.planting import Planted

from . import test_growth_suppression as growth
from . import test_mix_equivalence as mix
from . import test_relaxed_supervision as relaxed
from . import test_spatial_prior as prior

planted = Planted("tubekit.losses")
module = planted.module

neighbours = module("spatial_prior").similar_neighbours
dice = module("relaxed_supervision").relaxed_dice
entropy = module("relaxed_supervision").relaxed_cross_entropy
mixed = module("mix_equivalence").mixed
cosine = module("mix_equivalence").mix_equivalence
pairs = module("spatial_prior").spatial_prior
unit = module("spatial_prior").unit_range
energy = module("spatial_prior")._Energy


# --- relaxed supervision


@planted("relaxed_supervision", "relaxed_dice", relaxed.test_equation_5_by_hand)
@planted(
    "relaxed_supervision",
    "relaxed_dice",
    relaxed.test_a_false_positive_weighs_beta_in_doubt_and_one_outside,
)
def dice_without_confidence(probs, masks, confidence, **more):
    return dice(probs, masks, torch.ones_like(confidence), **more)


@planted("relaxed_supervision", "relaxed_dice", relaxed.test_equation_5_by_hand)
def dice_without_the_factor_two(probs, masks, confidence, **more):
    """As printed."""
    return dice(probs, masks, confidence, **more) / 2


@planted("relaxed_supervision", "relaxed_dice", relaxed.test_equation_5_by_hand)
def dice_with_smoothing_below_only(probs, masks, confidence, *, smooth, batch):
    return dice(probs, masks, confidence, smooth=0.0, batch=batch) / (1 + smooth / 5.75)


@planted("relaxed_supervision", "relaxed_cross_entropy", relaxed.test_equation_5_by_hand)
def entropy_of_a_mean_over_all_voxels(logits, target, weights, *, count=None):
    return entropy(logits, target, weights, count=target.numel())


@planted(
    "relaxed_supervision",
    "relaxed_cross_entropy",
    relaxed.test_printed_cross_entropy_is_the_mean_over_the_label,
)
def entropy_on_background_too(logits, target, weights, *, count=None):
    return entropy(logits, target, torch.ones_like(weights), count=count)


@planted(
    "relaxed_supervision",
    "relaxed_cross_entropy",
    relaxed.test_printed_cross_entropy_is_the_mean_over_the_label,
)
def entropy_over_invalid_voxels_too(logits, target, weights, *, count=None):
    return entropy(logits, target, weights, count=None if count is None else target.numel())


@planted(
    "relaxed_supervision",
    "cross_entropy",
    lambda: relaxed.test_certain_and_wrong_still_learns(True),
)
def entropy_of_probabilities(logits, target):
    """1 - p has no digits left where p is nearly 1."""
    probs = logits.sigmoid()[:, 0]
    right = torch.where(target[:, 0] > 0, probs, 1 - probs)
    return -right.clamp(min=1e-7).log()


# --- spatial prior


@planted("spatial_prior", "similar_neighbours", prior.test_printed_by_hand)
@planted("spatial_prior", "similar_neighbours", prior.check_against_the_equation)
def with_its_own_centre(values, image, **more):
    return neighbours(values, image, **more) + values


@planted("spatial_prior", "similar_neighbours", prior.test_intensity_separates_as_position_does)
def sigma_without_square(values, image, *, sigma_intensity, **more):
    return neighbours(values, image, sigma_intensity=sigma_intensity**0.5, **more)


@planted("spatial_prior", "similar_neighbours", prior.test_intensity_separates_as_position_does)
def blind_to_intensity(values, image, **more):
    return neighbours(values, 0 * image, **more)


@planted("spatial_prior", "similar_neighbours", prior.check_against_the_equation)
def larger_window(values, image, *, radius, **more):
    return neighbours(values, image, radius=radius + 1, **more)


@planted("spatial_prior", "similar_neighbours", prior.check_against_the_equation)
def wrapping_around_the_border(values, image, *, radius, sigma_position, sigma_intensity):
    """The shifts as ``roll`` makes them."""
    sums = torch.zeros_like(values)
    reach = range(-radius, radius + 1)
    for dy in reach:
        for dx in reach:
            if dy or dx:
                apart = image - image.roll((dy, dx), (2, 3))
                far = (dy * dy + dx * dx) / (2 * sigma_position**2)
                weight = (-far - apart.square().sum(1, True) / (2 * sigma_intensity**2)).exp()
                sums += weight * values.roll((dy, dx), (2, 3))
    return sums


def half_gradient(probs, image, known, *rest):
    """One side of every pair is taken for a constant."""
    value = energy.apply(probs, image, known, *rest)
    return (value + energy.apply(probs.detach(), image, known, *rest)) / 2


class _Half:
    apply = staticmethod(half_gradient)


planted.append(("spatial_prior", "_Energy", _Half, prior.check_against_the_equation))


@planted("spatial_prior", "unit_range", prior.test_the_unit_of_the_image_does_not_matter)
def range_as_it_comes(image, valid=None):
    return image


@planted("spatial_prior", "unit_range", prior.test_the_range_is_that_of_valid_voxels)
def range_of_invalid_voxels_too(image, valid=None):
    return unit(image)


# --- mix-equivalence


@planted("mix_equivalence", "mixed", mix.test_equation_8_by_hand)
def mixed_with_the_next(values, weight):
    return weight * values + (1 - weight) * values.roll(-1, 0)


@planted("mix_equivalence", "mixed", mix.test_equation_8_by_hand)
def mixed_the_other_way(values, weight):
    return mixed(values, 1 - weight)


@planted("mix_equivalence", "mix_equivalence", mix.test_equation_8_by_hand)
def without_norms(mixed_probs, masks, weight, *, valid=None):
    return (mixed_probs * mixed(masks, weight)).flatten(2).mean(2)


@planted("mix_equivalence", "mix_equivalence", mix.test_predictions_in_place_of_labels)
def targets_with_gradient(mixed_probs, masks, weight, *, valid=None):
    return cosine(mixed_probs.detach(), masks, weight) + 0 * mixed_probs.sum()


@planted("mix_equivalence", "mix_equivalence", mix.test_pairs_without_label_leave_the_mean)
def empty_pairs_count(mixed_probs, masks, weight, *, valid=None):
    found = cosine(mixed_probs, masks, weight)
    return torch.where(found == 0, 1.0, found).mean().expand_as(found)


@planted("mix_equivalence", "mix_equivalence", mix.test_a_voxel_counts_where_both_samples_are_valid)
def valid_of_the_sample_alone(mixed_probs, masks, weight, *, valid=None):
    if valid is None:
        return cosine(mixed_probs, masks, weight)
    return cosine(mixed_probs * valid, masks * valid, weight)


# --- the sum


def _without(name: str) -> Callable[..., dict]:
    weights = module("growth_suppression").GrowthSuppressionLoss._weights
    return lambda self: weights(self) | {name: 0.0}


for left_out in growth.NAMES:
    planted.append(
        (
            "growth_suppression:GrowthSuppressionLoss",
            "_weights",
            _without(left_out),
            lambda: growth.test_equation_9(1),
        )
    )


@planted(
    "reconnection",
    "reconnected_entropy",
    growth.test_reconnection_waits_for_the_end_of_the_warm_up,
)
def reconnection_for_nothing(probs, *more):
    return 0 * probs.sum()


@planted.each()
def test_the_bug_is_caught(monkeypatch, place: str, name: str, bug: Any, check: Any):
    planted.catch(monkeypatch, place, name, bug, check)
