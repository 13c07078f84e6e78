"""A volume of one slice is the image in it, for every metric and along every axis."""

import numpy as np
import pytest

from tests.planting import Planted
from tubekit import metrics

from .test_accepts import CALLS

planted = Planted("tubekit.metrics")
SPACING = (0.7, 1.3)


def disks() -> tuple[np.ndarray, np.ndarray]:
    """Radii 12 and 10 around one point, 1.7 to 2 voxels apart everywhere."""
    y, x = np.mgrid[:64, :64]
    far = np.hypot(y - 32, x - 32)
    return far <= 12, far <= 10


def in_volume(mask: np.ndarray, axis: int) -> np.ndarray:
    return np.expand_dims(mask, axis)


def test_disks_by_hand():
    """As volumes all voxels would be surface: ASSD 0.23, NSD 0.92, the diameter 2."""
    big, small = (in_volume(m, 0) for m in disks())
    assert metrics.assd(big, small) == pytest.approx(1.746, abs=1e-3)
    assert metrics.nsd(big, small, tolerance_mm=1.0) == 0
    assert metrics.diameter_map(small).max() == pytest.approx(20.1, abs=0.01)
    assert metrics.dice_large(big, small) == metrics.dice(big, small)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_every_metric_of_a_report_is_that_of_the_image(axis: int):
    image = disks()
    spacing = list(SPACING)
    spacing.insert(axis, 5.0)
    more = {"hd95": ("max", "pooled", "area"), "nsd": ("count", "area")}
    expected = metrics.case_report(*image, spacing=SPACING, **more)
    found = metrics.case_report(*(in_volume(m, axis) for m in image), spacing=spacing, **more)
    np.testing.assert_equal(found.values, expected.values)
    assert found.spacing == tuple(spacing)
    assert "one slice" in found.notes[0]
    assert "one slice" in str(found)
    assert "one slice" in found._repr_html_()
    assert not expected.notes
    single = {name: getattr(metrics, name) for name in ("dice", "cldice", "assd", "volume_ratio")}
    volumes = [in_volume(m, axis) for m in image]
    np.testing.assert_equal(
        metrics.evaluate_case(*volumes, spacing=spacing, metrics=single),
        metrics.evaluate_case(*image, spacing=SPACING, metrics=single),
    )


@pytest.mark.parametrize("name", sorted(set(CALLS) - {"betti_errors", "reference_tree"}))
def test_every_function_alone(name: str):
    image = [m[18:50, 18:49] for m in disks()]
    if name == "roc_curve":
        return  # has no neighbourhood and no spacing
    expected = CALLS[name](*image, SPACING)
    found = CALLS[name](*(m[:, None] for m in image), (SPACING[0], 9.0, SPACING[1]))
    if name == "diameter_map":
        assert found.shape == (32, 1, 31)
        found = found[:, 0]
    np.testing.assert_equal(found, expected)


def test_trees_and_tiles_keep_the_shape_of_the_volume():
    _, target = disks()
    tree = metrics.reference_tree(target[:, None])
    assert tree.shape == (64, 1, 64)
    assert (tree.voxels[:, 1] == 0).all()
    assert len(tree.voxels) == len(metrics.reference_tree(target).voxels)
    pred = target & (np.arange(64) % 9 > 0)
    of_image = metrics.branch_report(pred, target)
    assert metrics.branch_report(pred[:, None], tree) == of_image
    assert metrics.branch_report(pred[:, None], target[:, None]) == of_image
    tiles = metrics.betti_errors(pred, target, tile=(16, 20))
    assert metrics.betti_errors(pred[:, None], target[:, None], tile=(16, 1, 20)) == tiles
    # 64 = 3 * 21 + 1: the last tile of a volume has one slice, and no cavity.
    volume = [np.repeat(m[None], 3, axis=0) for m in (pred, target)]
    assert len(metrics.betti_errors(*volume, tile=2).errors) == 3


def test_a_volume_of_one_row_is_an_image_of_one_row():
    """Two axes are the least."""
    pred, target = np.zeros((2, 1, 30), bool)
    pred[0, 4:20], target[0, 6:20] = True, True
    expected = metrics.case_report(pred, target, spacing=(9.0, 0.5)).values
    for axis in (0, 1):
        volume = [np.expand_dims(m, axis) for m in (pred, target)]
        found = metrics.case_report(*volume, spacing=(9.0, 9.0, 0.5)).values
        np.testing.assert_equal(found, expected)


def test_a_plate_in_a_volume_is_no_image():
    """All of it is surface, also where nothing but the plate is left after cropping."""
    plate = np.zeros((9, 12, 12), bool)
    plate[4, 2:10, 2:10] = True
    shifted = np.roll(plate, 1, 1)
    found = metrics.surface_distances(plate, shifted)
    assert len(found.pred_to_target) == 64
    assert found.mean() == 16 / 128
    assert metrics.case_report(plate, shifted).values["assd"] == 16 / 128
    assert metrics.diameter_map(plate).max() == 2
    assert not metrics.case_report(plate, shifted).notes


@planted("pair", "_two_voxels", test_a_plate_in_a_volume_is_no_image)
def cropped_to_one_slice(start, stop, size):
    return slice(start, max(stop, 1))


@planted("pair", "without_flat_axes", test_disks_by_hand)
def taken_for_a_volume(image, spacing=()):
    return image, spacing


@planted.each()
def test_the_bug_is_caught(monkeypatch, place, name, bug, check):
    planted.catch(monkeypatch, place, name, bug, check)
