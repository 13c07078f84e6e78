"""Bugs of this field, planted on purpose: every one must be caught by a test of this folder."""

from typing import Any

import numpy as np
import pytest

from tests.planting import Planted
from tubekit import metrics

from . import test_cases as cases
from . import test_centerline as centerline
from . import test_contract as contract
from . import test_hallucination as hallucination
from . import test_overlap as overlap
from . import test_surface as surface
from . import test_topology as topology
from . import test_volume_distance as volume

planted = Planted("tubekit.metrics")
module = planted.module


counts = metrics.counts
distances = metrics.surface_distances
nearest = module("surface_distance").nearest_distances
sizes = module("surface_distance")._element_sizes
betti_errors, betti_numbers = metrics.betti_errors, module("topology").betti_numbers
inside = module("centerline")._inside
averages = module("volume_distance").volume_distances


@planted("overlap", "counts", overlap.test_overlap_by_hand)
def precision_and_recall_swapped(pred, target, *, spacing=None):
    return counts(target, pred, spacing=spacing)


@planted("overlap", "counts", overlap.test_counts)
def negatives_forgotten(pred, target, *, spacing=None):
    return counts(pred, target)._replace(true_negative=0)


@planted("centerline", "_inside", centerline.test_cldice_by_hand)
def names_swapped(mask, other, *, empty):
    """Released: precision and sensitivity bear each other's names; their mean hides it."""
    return inside(other, mask, empty=empty)


@planted("centerline", "_inside", centerline.test_a_thicker_prediction_costs_next_to_nothing)
def volumes_instead_of_skeletons(mask, other, *, empty):
    return np.count_nonzero(mask & other) / np.count_nonzero(mask)


@planted(
    "surface_distance", "nearest_distances", surface.test_distance_of_two_plates_in_millimetres
)
def spacing_reversed(points, others, spacing):
    """(x, y, z) where the array is (z, y, x)."""
    return nearest(points, others, spacing[::-1])


@planted(
    "surface_distance", "nearest_distances", surface.test_distance_of_two_plates_in_millimetres
)
def spacing_ignored(points, others, spacing):
    return nearest(points, others)


@planted("surface_distance", "surface", surface.test_only_the_surface_counts)
def all_voxels_are_surface(mask):
    return mask


@planted(
    "surface_distance",
    "_element_sizes",
    surface.test_elements_have_the_length_and_area_of_the_shape,
)
def element_sizes_in_voxels(spacing):
    return sizes((1.0,) * len(spacing))


@planted("surface", "surface_distances", surface.test_only_the_surface_counts)
def one_direction_only(pred, target, spacing, *, weighted=False):
    found = distances(pred, target, spacing, weighted=weighted)
    return found._replace(target_to_pred=found.pred_to_target)


@planted("surface", "surface_distances", surface.test_hd95_definitions_by_hand)
def directed_lists_merged(pred, target, spacing, *, weighted=False):
    """Percentiles pooled whatever the definition."""
    found = distances(pred, target, spacing, weighted=weighted)
    both = np.concatenate([found.pred_to_target, found.target_to_pred])
    return found._replace(pred_to_target=both, target_to_pred=both)


@planted("centerline", "nearest_distances", centerline.test_f1_jumps_at_its_tolerance)
def tolerance_in_voxels(points, others, spacing):
    return nearest(points, others)


@planted("centerline", "line_f1", centerline.test_f1_by_hand)
def recall_alone(lines, spacing, tolerance_mm):
    return float((nearest(lines.target, lines.pred, spacing) <= tolerance_mm).mean())


@planted("centerline", "_harmonic", centerline.test_f1_by_hand)
def arithmetic_mean(a, b):
    return (a + b) / 2


@planted("volume_distance", "nearest_distances", volume.test_plates_are_as_far_as_they_are)
def average_spacing_reversed(points, others, spacing):
    return nearest(points, others, spacing[::-1])


@planted("volume_distance", "_directed", volume.test_definitions_by_hand)
def mean_over_wrong_voxels_alone(points, others, spacing):
    wrong = points & ~others
    return float(nearest(wrong, others, spacing).mean()) if wrong.any() else 0.0


@planted("volume_distance", "_directed", volume.test_all_voxels_count_not_surfaces)
def average_of_surfaces(points, others, spacing):
    surface_of = module("surface_distance").surface
    return float(nearest(surface_of(points), surface_of(others), spacing).mean())


@planted("volume_distance", "volume_distances", volume.test_definitions_by_hand)
def one_average_for_both(pred, target, spacing):
    found = averages(pred, target, spacing)
    return found._replace(target_to_pred=found.pred_to_target)


@planted("hallucination", "nearest_distances", hallucination.test_beyond_two_millimetres_by_hand)
def rate_spacing_reversed(points, others, spacing):
    return nearest(points, others, spacing[::-1])


@planted("hallucination", "share_beyond", hallucination.test_beyond_two_millimetres_by_hand)
def share_of_the_wrong_voxels(pred, target, spacing, tolerance_mm):
    return float((nearest(pred & ~target, target, spacing) > tolerance_mm).mean())


@planted("hallucination", "share_beyond", hallucination.test_beyond_two_millimetres_by_hand)
def tolerance_excluded(pred, target, spacing, tolerance_mm):
    return float((nearest(pred, target, spacing) >= tolerance_mm).mean())


def _with_empty_as_perfect(metric, perfect):
    def mutant(pred, target, *, spacing=None):
        if not pred.any() or not target.any():
            return perfect
        return metric(pred, target, spacing=spacing)

    return mutant


@pytest.mark.parametrize(
    ("name", "perfect"),
    [
        *[("hd95", 0.0), ("dice", 1.0), ("cldice", 1.0), ("precision", 1.0), ("nsd", 1.0)],
        *[("centerline_f1", 1.0), ("dice_small", 1.0), ("average_hausdorff", 0.0)],
    ],
)
def test_an_empty_mask_scored_as_perfect_is_caught(monkeypatch, name: str, perfect: float):
    """Released: an organ that is absent but predicted scores Dice 1, a missed one HD95 0."""
    contract.test_empty_masks_follow_the_stated_policy(name)
    mutant = _with_empty_as_perfect(contract.METRICS[name], perfect)
    monkeypatch.setitem(contract.METRICS, name, mutant)
    with pytest.raises(AssertionError):
        contract.test_empty_masks_follow_the_stated_policy(name)


@planted("topology", "betti_numbers", topology.test_connectivity_is_the_foreground_s)
def face_connectivity_always(mask, connectivity):
    return betti_numbers(mask, connectivity="face")


@planted("topology", "betti_numbers", topology.test_betti_errors_by_hand)
def loops_not_counted(mask, connectivity):
    first, *rest = betti_numbers(mask, connectivity=connectivity)
    return (first, *[0 for _ in rest])


@planted("topology", "betti_errors", topology.test_betti_errors_by_hand)
def sign_reversed(pred, target, **more):
    return betti_errors(target, pred, **more)


@planted("cases", "_present", cases.test_classes_mean_and_union)
def absent_classes_counted(pred, target, classes):
    return list(classes)


@planted("cases", "_present", cases.test_classes_mean_and_union)
def invented_classes_forgiven(pred, target, classes):
    return [k for k in classes if np.any(target == k)]


@planted.each()
def test_the_bug_is_caught(monkeypatch, place: str, name: str, bug: Any, check: Any):
    planted.catch(monkeypatch, place, name, bug, check)
