"""What every public function of the package takes, and what a volume of one slice is to it."""

import numpy as np
import pytest
import torch

from tests.geometry.everything import HARD, NO_IMAGE, SOFT, parts, two_dimensional, vessel
from tubekit import geometry
from tubekit.geometry.distance import nearest_distances

STEPS = (2.0, 1.5, 0.5)


def read_only(mask: np.ndarray) -> np.ndarray:
    copy = mask.copy()
    copy.setflags(write=False)
    return copy


KINDS = {
    "tensor": torch.from_numpy,
    "tensor with gradient": lambda mask: torch.from_numpy(mask).float().requires_grad_(),
    "half": lambda mask: torch.from_numpy(mask).half(),
    "read-only": read_only,
    "mirrored": lambda mask: np.ascontiguousarray(mask[:, ::-1])[:, ::-1],
    "mirrored labels": lambda mask: np.ascontiguousarray(mask[::-1].astype(np.int16))[::-1],
    "in another order": np.asfortranarray,
    "every second": lambda mask: np.repeat(mask, 2, axis=1)[:, ::2],
    **{name: lambda mask, n=name: mask.astype(n) for name in ("u2", "u4", "u8", "i1", "f2", "f8")},
    **{name: lambda mask, n=name: mask.astype(n) for name in (">i2", ">u4", ">u8", ">f4")},
}


def volume() -> np.ndarray:
    mask = np.zeros((9, 30, 40), bool)
    mask[2:7] = vessel()
    mask[4, 3:6, 2:38] = True
    return mask


def same(found: object, expected: object) -> None:
    for one, other in zip(parts(found), parts(expected), strict=True):
        np.testing.assert_array_equal(one, other)


def test_every_public_name_is_tried():
    assert set(geometry.__all__) == set(HARD) | SOFT | NO_IMAGE


@pytest.mark.parametrize("mask", [vessel(), volume()], ids=["image", "volume"])
@pytest.mark.parametrize("name", HARD)
def test_arrays_of_every_kind(name, mask, tmp_path):
    spacing = STEPS[-mask.ndim :]
    expected = HARD[name](mask, spacing)
    np.save(tmp_path / "mask.npy", mask)
    for kind, made in KINDS.items():
        given = made(mask)
        same(HARD[name](given, spacing), expected)
        given = given.detach().numpy() if isinstance(given, torch.Tensor) else given
        assert np.array_equal(given, mask), f"{name} changed a {kind} mask"
    same(HARD[name](np.load(tmp_path / "mask.npy", mmap_mode="r"), spacing), expected)


@pytest.mark.parametrize("name", HARD)
def test_any_sequence_is_a_spacing(name):
    mask = vessel()
    expected = HARD[name](mask, (2.0, 1.0))
    for spacing in (
        *([2, 1], [2.0, 1.0], np.array([2, 1]), np.array([2.0, 1.0], np.float32)),
        *(torch.tensor([2.0, 1.0]), torch.tensor([2.0, 1.0], requires_grad=True)),
        *([np.float32(2), np.int64(1)], np.array([2.0, 1.0], ">f8")),
    ):
        same(HARD[name](mask, spacing), expected)


def test_numpy_integers_are_integers():
    mask, one, eight = vessel(), np.int64(1), np.uint8(8)
    same(geometry.tubed_skeleton(mask, one), geometry.tubed_skeleton(mask, 1))
    label = mask.astype(np.int16) - (mask.cumsum(axis=1) > 20)
    expected = geometry.tubed_skeleton(label, ignore_label=-1)
    assert expected.any()
    same(geometry.tubed_skeleton(label, ignore_label=np.int8(-1)), expected)
    for function in (geometry.components, geometry.largest_component, geometry.fill_holes):
        same(function(mask, eight), function(mask, 8))
    same(geometry.reconnect(mask, min_voxels=one), geometry.reconnect(mask, min_voxels=1))
    same(
        geometry.reconnect(mask, max_distance=np.int32(9)),
        geometry.reconnect(mask, max_distance=np.float32(9)),
    )
    expected = geometry.rasterise_line((0, 0), (2, 5))
    for stop in ([np.int64(2), np.uint8(5)], torch.tensor([2, 5]), np.array([2, 5], ">u2")):
        same(geometry.rasterise_line((0, 0), stop), expected)


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("axis", range(3))
def test_a_volume_of_one_slice_is_an_image(name, axis):
    mask, spacing = vessel(), (2.0, 1.5)
    expected = two_dimensional(HARD[name](mask, spacing))
    # The slice is thin, so that its thickness would be the smallest step.
    slab, steps = np.expand_dims(mask, axis), (*spacing[:axis], 0.1, *spacing[axis:])
    for found, flat in zip(two_dimensional(HARD[name](slab, steps)), expected, strict=True):
        np.testing.assert_array_equal(found, flat)
        assert np.asarray(found).dtype == np.asarray(flat).dtype


@pytest.mark.parametrize("name", HARD)
def test_a_line_of_voxels_is_an_image_of_one_row(name):
    row = np.zeros((1, 30), bool)
    row[0, 4:9] = row[0, 14:27] = True
    expected = [np.squeeze(part) for part in parts(HARD[name](row, (2.0, 1.5)))]
    if name == "skeleton_graph":
        expected = two_dimensional(geometry.skeleton_graph(row[None], (0.1, 2.0, 1.5)))
    for axis in (0, 1):
        slab, steps = np.expand_dims(row, axis), np.insert([2.0, 1.5], axis, 0.1)
        found = two_dimensional(HARD[name](slab, steps))
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one, other)


def test_the_contour_of_one_slice_by_hand():
    """A disk of radius 10: its contour, not its area, is 1.7 to 2 voxels from that of radius 12."""
    y, x = np.mgrid[:64, :64]
    small, big = (np.hypot(y - 32, x - 32)[None] <= r for r in (10, 12))
    assert geometry.surface(big).sum() == 64
    distances = nearest_distances(geometry.surface(big), geometry.surface(small))
    assert distances.min() > 1.4
    assert distances.mean() == pytest.approx(1.74372, abs=1e-5)
    square = np.zeros((1, 5, 5), bool)
    square[0, 1:4, 1:4] = True
    assert geometry.signed_distance(square, (0.1, 2.0, 3.0))[0, 2].tolist() == [3, -1, -2, -1, 3]
    square[0, 2, 2] = False
    assert geometry.fill_holes(square)[0, 2, 2]
    assert geometry.betti_numbers(square) == (1, 1, 0)


@pytest.mark.parametrize("count", range(1, 12))
@pytest.mark.parametrize("side", [0.1, 0.3, 0.7, 0.976562, float(np.float32(0.1))])
def test_a_gap_on_the_limit_is_bridged(count, side):
    """3 * 0.1 exceeds 0.3 in floating point."""
    broken = np.zeros((3, count + 9), bool)
    broken[1, :5] = broken[1, count + 4 :] = True
    limit = float(f"{count * side:.6g}")
    joined = geometry.reconnect(broken, max_distance=limit, spacing=(side, side))
    assert geometry.components(joined)[1] == 1
    short = geometry.reconnect(broken, max_distance=limit * 0.999, spacing=(side, side))
    assert geometry.components(short)[1] == (1 if count == 1 else 2)
