"""Overlap by calibre: bars and tubes of known width, whole trees, what counts as a branch."""

import numpy as np
import pytest

from tubekit import metrics
from tubekit.geometry import skeletonize
from tubekit.metrics import calibre
from tubekit.metrics.calibre import Calibres
from tubekit.phantoms import GrowthRule, Root, grow_tree, rasterise


def bars() -> np.ndarray:
    """Bars of 2, 6 and 12 pixels, far apart."""
    target = np.zeros((60, 70), bool)
    target[5:7, 5:65] = target[20:26, 5:65] = target[40:52, 5:65] = True
    return target


def tube(radius_mm: float, direction: tuple[float, ...], spacing: tuple[float, ...]) -> np.ndarray:
    """A straight round tube through the middle, from end to end of the image."""
    axis = np.array(direction) / np.linalg.norm(direction)
    size = [int(30 / s) for s in spacing]
    points = np.stack(np.indices(size), axis=-1) * spacing - 0.49 * np.array(size) * spacing
    across = points - (points @ axis)[..., None] * axis
    return np.linalg.norm(across, axis=-1) <= radius_mm


def test_dice_by_hand():
    target = bars()
    pred = target.copy()
    pred[5:7, 35:65] = False  # half of the small bar
    pred[26:28, 5:65] = True  # the medium one 2 pixels too wide
    pred[40:52] = False
    pred[56:59, 30:40] = True  # a blob that lies nearest to the large one
    assert metrics.dice_by_diameter(pred, target) == pytest.approx(
        (2 * 60 / (60 + 120), 2 * 360 / (480 + 360), 0)
    )
    assert metrics.dice_small(pred, target) == pytest.approx(2 / 3)
    assert metrics.dice_medium(pred, target) == pytest.approx(6 / 7)
    assert metrics.dice_large(pred, target) == 0


def test_widths_of_bars():
    found, target = metrics.diameter_map(bars()), bars()
    assert found.dtype == np.float32
    assert set(found[5:7, 5:65].ravel()) == {2}
    assert set(found[20:26, 5:65].ravel()) == {6}
    assert set(found[40:52, 5:65].ravel()) == {12}
    assert not found[~target].any()
    assert not metrics.diameter_map(~target & target).any()
    line, odd = np.zeros((5, 40), bool), np.zeros((9, 40), bool)
    line[2], odd[2:7] = True, True
    assert set(metrics.diameter_map(line)[line]) == {2}  # thinner cannot be told
    assert set(metrics.diameter_map(odd)[odd]) == {6}  # five pixels: one more


def test_a_class_begins_at_its_bound():
    target = bars()
    assert np.isnan(metrics.dice_by_diameter(target, target, bounds_mm=(2, 12.5))[0])
    assert metrics.dice_by_diameter(target, target, bounds_mm=(2.5, 12)) == (1, 1, 1)
    assert np.isnan(metrics.dice_by_diameter(target, target, bounds_mm=(2.5, 12.5))[2])


OBLIQUE = ((1.0, 0.31, 0.57), (0.2, 1.0, -0.4), (-0.3, 0.45, 1.0))


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (1.0, 0.7, 0.7), (1.4, 0.8, 0.8)])
@pytest.mark.parametrize("radius_mm", [1.3, 2.2, 3.4, 5.1])
def test_round_tubes_are_as_wide_as_they_are(radius_mm, spacing):
    """The radius is right within a quarter of the longest voxel side."""
    for direction in OBLIQUE:
        target = tube(radius_mm, direction, spacing)
        widths = set(metrics.diameter_map(target, spacing=spacing)[target])
        assert len(widths) == 1
        assert abs(widths.pop() / 2 - radius_mm) < max(spacing) / 4


def test_round_tubes_beyond_their_line():
    """Thinning may leave the line half a voxel beside the axis, where the wall is nearer."""
    target = tube(5.1, OBLIQUE[1], (1.0, 1.0, 1.0))
    assert metrics.diameter_map(target).max() == pytest.approx(10.2, abs=0.5)


@pytest.mark.parametrize("radius", [1.3, 2.2, 3.4, 5.1])
def test_round_lines_in_a_picture_read_a_little_wide(radius):
    for direction in ((1.0, 0.31), (0.4, 1.0), (1.0, -0.83)):
        target = tube(radius, direction, (1.0, 1.0))
        widths = set(metrics.diameter_map(target)[target])
        assert len(widths) == 1
        assert -0.1 < widths.pop() / 2 - radius < 0.4


@pytest.mark.parametrize(("spacing", "seed"), [((1.0, 1.0, 1.0), 1), ((1.0, 0.7, 0.7), 4)])
def test_branches_of_a_tree(spacing, seed):
    rule = GrowthRule(generations=4, length_ratio=9, min_radius_mm=1.0)
    root = Root((8.0, 32 * spacing[1], 32 * spacing[2]), (1.0, 0.2, 0.1), 3.7)
    tree = grow_tree((64, 64, 64), seed=seed, roots=[root], rule=rule, spacing=spacing)
    owner = rasterise(tree).owner
    found = metrics.diameter_map(owner > 0, spacing=spacing)
    assert len(tree.branches) >= 7
    for number, branch in enumerate(tree.branches, 1):
        assert abs(np.median(found[owner == number]) / 2 - branch.radius_mm.mean()) < 0.3


def test_millimetres_along_the_right_axis():
    """Three slices of a plate-like bar: thin along z, whatever lies in the plane."""
    target = np.zeros((12, 30, 60), bool)
    target[4:8, 10:20, 5:55] = True
    for spacing, width in (((0.5, 1.0, 1.0), 2.0), ((2.0, 0.5, 1.0), 5.0)):
        widths = metrics.diameter_map(target, spacing=spacing)[target]
        assert set(widths) == {width}
    small = metrics.dice_by_diameter(target, target, spacing=(0.5, 1.0, 1.0))
    assert np.isnan(small[1])
    assert metrics.dice_by_diameter(target, target, spacing=(2.0, 0.5, 1.0))[1] == 1


def test_the_nearest_line_is_nearest_in_millimetres():
    target = np.zeros((14, 12, 60), bool)
    target[2, 2, 2:58] = True  # thin
    target[8:12, 4:8, 2:58] = True  # 4 x 4 voxels
    pred = target.copy()
    pred[5, 5, 30] = True  # 3 voxels up and 3 along y, or 4 up
    even = metrics.dice_by_diameter(pred, target, bounds_mm=(3.0,))
    flat = metrics.dice_by_diameter(pred, target, spacing=(0.3, 1.0, 1.0), bounds_mm=(1.0,))
    slim = metrics.diameter_map(target, spacing=(0.3, 1.0, 1.0))
    assert slim[2, 2, 30] < 1 < slim[9, 5, 30]
    assert even[1] < 1 == even[0] or even[0] < 1 == even[1]
    assert flat[0] == 1 > flat[1]


def test_of_equally_near_lines_the_widest_counts():
    asked = np.zeros((4, 5), bool)
    asked[[0, 0, 3], [1, 2, 2]] = True
    for voxels, widths in ((([0, 0], [0, 4]), (2.0, 8.0)), (([0, 4], [0, 0]), (8.0, 2.0))):
        sites = Calibres(np.array(voxels), np.array(widths))
        for step in (0.3, 1.0, 7.0):
            assert calibre.nearest_width(asked, sites, (step, step)).tolist() == [2, 8, 8]


def test_bumps_are_no_vessels():
    """The wall of a wide tube is rough; its lines to the middle are no thin vessels."""
    target = np.zeros((60, 120), bool)
    target[20:40, 5:115] = True
    target[40:44, 30:33] = target[40:44, 60:64] = target[16:20, 80:83] = True
    pieces = calibre.skeleton_pieces(skeletonize(target))[1]
    assert pieces >= 5  # so there is something to be thrown out
    assert set(metrics.diameter_map(target)[target]) == {20}


def test_a_side_branch_is_as_wide_as_itself():
    """Half of its skeleton lies within the trunk's width, where the distance is the trunk's."""
    target = np.zeros((110, 90), bool)
    target[5:25, 5:85] = True
    target[25:80, 42:46] = True
    found = metrics.diameter_map(target)
    assert set(found[45:80, 42:46].ravel()) == {4}
    assert set(found[8:22, 5:30].ravel()) == {20}


def test_objects_without_a_branch():
    target = np.zeros((30, 30, 30), bool)
    target[2, 2, 2] = True
    target[10:14, 10:14, 10:14] = True
    found = metrics.diameter_map(target)
    assert found[2, 2, 2] == 2
    assert set(found[10:14, 10:14, 10:14].ravel()) == {4}


def test_beyond_the_image_lies_background():
    full = np.ones((6, 40), bool)
    assert set(metrics.diameter_map(full).ravel()) == {6}
    assert set(metrics.diameter_map(full[None]).ravel()) == {6}  # one slice is an image
    assert set(metrics.diameter_map(np.repeat(full[None], 2, 0)).ravel()) == {2}


def test_no_bound_is_dice():
    target = bars()
    pred = np.roll(target, 3, 0)
    assert metrics.dice_by_diameter(pred, target, bounds_mm=()) == (metrics.dice(pred, target),)


def test_empty_masks():
    target = bars()
    none = np.zeros_like(target)
    nothing = (np.nan,) * 3
    assert metrics.dice_by_diameter(none, target) == (0, 0, 0)
    assert metrics.dice_by_diameter(target, none) == pytest.approx(nothing, nan_ok=True)
    assert metrics.dice_by_diameter(none, none) == pytest.approx(nothing, nan_ok=True)
    target[:30] = False  # only the large one is left
    assert metrics.dice_by_diameter(none, target) == pytest.approx((np.nan, np.nan, 0), nan_ok=True)


def test_views_and_types():
    target = bars()
    pred = np.roll(target, 2, 0)
    expected = metrics.dice_by_diameter(pred, target)
    for p, t in (
        (pred, np.asfortranarray(target)),
        (np.asfortranarray(pred), target.astype(np.uint8)),
        tuple(np.repeat(m, 2, axis=1)[:, ::2] for m in (pred, target)),
    ):
        assert metrics.dice_by_diameter(p, t) == expected


def test_errors():
    target = bars()
    for bounds in ((10.0, 5.0), (0.0, 5.0), (5.0, 5.0), (5.0, float("nan")), (float("inf"),)):
        with pytest.raises(ValueError, match="bounds_mm must be positive and increasing"):
            metrics.dice_by_diameter(target, target, bounds_mm=bounds)
    with pytest.raises(ValueError, match="target must be binary"):
        metrics.diameter_map(target * 2)
    with pytest.raises(ValueError, match="target must have 2 or 3 axes"):
        metrics.diameter_map(target[0])
    with pytest.raises(ValueError, match="spacing needs one positive value per axis"):
        metrics.diameter_map(target, spacing=(1.0,))
