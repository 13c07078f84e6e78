"""Bugs planted in the overlap by calibre: every one must be caught."""

from typing import Any

import numpy as np
from scipy import ndimage

from tests.planting import Planted
from tubekit.geometry import skeletonize
from tubekit.metrics import calibre as file

from . import test_calibre as calibre

sites, scores, radii = file.nearest_width, file.calibre_scores, file._radii
planted = Planted("tubekit.metrics")


@planted("calibre", "nearest_width", calibre.test_the_nearest_line_is_nearest_in_millimetres)
def nearest_in_voxels(mask, found, spacing):
    return sites(mask, found, (1.0,) * len(spacing))


@planted("calibre", "nearest_width", calibre.test_of_equally_near_lines_the_widest_counts)
def narrowest_of_equally_near(mask, found, spacing):
    flipped = found._replace(diameter_mm=-found.diameter_mm)
    return -sites(mask, flipped, spacing)


@planted("calibre", "_radii", calibre.test_widths_of_bars)
def radius_for_diameter(target, skeleton, spacing):
    return radii(target, skeleton, spacing) / 2


@planted("calibre", "_radii", calibre.test_round_tubes_beyond_their_line)
def line_taken_for_the_axis(target, skeleton, spacing):
    depth = ndimage.distance_transform_edt(np.pad(target, 1), sampling=spacing)
    return depth[(slice(1, -1),) * target.ndim][skeleton]


@planted("calibre", "_radii", calibre.test_beyond_the_image_lies_background)
def image_goes_on_beyond_its_border(target, skeleton, spacing):
    wide = np.pad(target, 5, mode="edge")
    return radii(wide, np.pad(skeleton, 5), spacing)


@planted("calibre", "_radii", calibre.test_millimetres_along_the_right_axis)
def widths_with_spacing_reversed(target, skeleton, spacing):
    return radii(target, skeleton, spacing[::-1])


@planted("calibre", "_as_wide_as_long", calibre.test_bumps_are_no_vessels)
def bumps_taken_for_vessels(points_mm, radius_mm, piece):
    return np.zeros(len(piece), bool)


@planted("calibre", "_as_wide_as_long", calibre.test_a_side_branch_is_as_wide_as_itself)
def no_branch_is_one(points_mm, radius_mm, piece):
    return np.ones(len(piece), bool)


@planted("calibre", "skeleton_pieces", calibre.test_a_side_branch_is_as_wide_as_itself)
def not_cut_at_junctions(skeleton):
    return skeleton.astype(np.int32), 1


@planted("calibre", "components", calibre.test_objects_without_a_branch)
def objects_not_told_apart(skeleton):
    return skeleton.astype(np.int32), 1


@planted("calibre_dice", "calibre_scores", calibre.test_dice_by_hand)
def classes_of_the_prediction(pred, target, skeleton, spacing, bounds):
    return scores(target, pred, skeletonize(pred), spacing, bounds)


@planted("calibre_dice", "calibre_scores", calibre.test_dice_by_hand)
def inventions_forgiven(pred, target, skeleton, spacing, bounds):
    return scores(pred & target, target, skeleton, spacing, bounds)


@planted("calibre_dice", "calibre_scores", calibre.test_a_class_begins_at_its_bound)
def bounds_belong_to_the_class_below(pred, target, skeleton, spacing, bounds):
    return scores(pred, target, skeleton, spacing, [1.001 * b for b in bounds])


@planted.each()
def test_the_bug_is_caught(monkeypatch, place: str, name: str, bug: Any, check: Any):
    planted.catch(monkeypatch, place, name, bug, check)
