"""NIfTI: spare axes, both versions, headers that contradict themselves, maps on another grid."""

import itertools
import logging
import struct

import nibabel
import numpy as np
import pytest

from tubekit.data import ReadError, read_case, read_image, read_manifest
from tubekit.data.decode import Stored
from tubekit.data.folders import read_map
from tubekit.data.placing import onto, same_place
from tubekit.types import Placed

from .test_data_formats import MAP, STACK

OBLIQUE = np.array(
    [[0.1, 0.2, 0.9, 4.0], [0.3, -0.7, 0.1, 5.0], [2.0, 0.1, -0.2, 6.0], [0, 0, 0, 1]]
)
GRIDS = [
    (order, flips)
    for order in itertools.permutations(range(3))
    for flips in itertools.product((1, -1), repeat=3)
]


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("more", [(), (1,), (1, 1)])
@pytest.mark.parametrize("suffix", ["nii", "nii.gz"])
def test_nifti_with_axes_to_spare(tmp_path, kind, more, suffix):
    place = np.diag([0.5, 0.7, 2, 1])
    nibabel.save(kind(STACK.T.reshape(7, 5, 3, *more), place), tmp_path / f"a.{suffix}")
    image, spacing = read_image(tmp_path / f"a.{suffix}")
    assert (image[0] == STACK).all()
    assert spacing == (2.0, 0.7, 0.5)
    assert np.allclose(spacing.affine[:3, :3], [[0, 0, 0.5], [0, 0.7, 0], [2, 0, 0]])


def test_a_picture_as_nifti(tmp_path):
    place = np.array([[-0.5, 0, 0, 4], [0, 0.7, 0, 5], [0, 0, 2, 6], [0, 0, 0, 1]])
    nibabel.save(nibabel.Nifti1Image(MAP.T, place), tmp_path / "a.nii")
    image, spacing = read_image(tmp_path / "a.nii")
    assert (image[0] == MAP).all()
    assert spacing == (0.7, 0.5)
    assert np.allclose(spacing.affine, [[0, -0.5, 4], [0.7, 0, 5], [0, 0, 1]])


def test_nifti_of_several_volumes_or_colours(tmp_path):
    nibabel.save(nibabel.Nifti1Image(np.zeros((2, 3, 4, 5)), np.eye(4)), tmp_path / "a.nii")
    with pytest.raises(ReadError, match=r"got shape \(2, 3, 4, 5\); store each volume"):
        read_image(tmp_path / "a.nii")
    colours = np.zeros((2, 3, 4), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    nibabel.save(nibabel.Nifti1Image(colours, np.eye(4)), tmp_path / "b.nii")
    with pytest.raises(ReadError, match="expected one value per voxel, got colours"):
        read_image(tmp_path / "b.nii")


@pytest.mark.parametrize("noise", [1e-7, 9e-4])
def test_labels_near_whole_numbers_are_whole(tmp_path, noise):
    drawn = STACK.astype(np.float64)
    drawn[drawn == 1] += noise
    nibabel.save(nibabel.Nifti1Image(drawn.T, np.eye(4)), tmp_path / "a.nii")
    assert (read_map(tmp_path / "a.nii").array == STACK).all()
    drawn[0, 0, 0] = 0.4  # a smoothed mask is none
    nibabel.save(nibabel.Nifti1Image(drawn.T, np.eye(4)), tmp_path / "b.nii")
    with pytest.raises(ReadError, match=r"expected whole numbers, .*got 0\.4 at 1 of 105 places"):
        read_map(tmp_path / "b.nii")


def test_a_header_that_states_two_voxel_sizes(tmp_path):
    path = tmp_path / "a.nii"
    nibabel.save(nibabel.Nifti1Image(STACK.T, np.diag([0.5, 0.5, 2, 1])), path)
    data = bytearray(path.read_bytes())
    struct.pack_into("<3f", data, 80, 1, 1, 1)  # pixdim[1..3]
    path.write_bytes(data)
    told = r"got 1 x 1 x 1 mm in pixdim and 0\.5 x 0\.5 x 2 mm in the affine; find out"
    with pytest.raises(ReadError, match=told):
        read_image(path)


def test_two_places_are_told_once_a_file_and_the_sform_counts(tmp_path, caplog):
    image = nibabel.Nifti1Image(STACK.T, np.eye(4))
    image.set_sform(np.diag([-1.0, 1, 1, 1]), 2)
    image.set_qform(np.eye(4), 1)
    nibabel.save(image, tmp_path / "a.nii")
    with caplog.at_level(logging.WARNING, "tubekit.data"):
        _, spacing = read_image(tmp_path / "a.nii")
    assert spacing.affine[0, 2] == -1
    assert "a.nii: sform and qform state different places; the sform counts" in caplog.text


def on_another_grid(array, affine, order, flips):
    """The same voxels with other axes, as nibabel's reorientation of images does it."""
    made, move = array.transpose(order), np.eye(4)[[*order, 3]].T
    for axis, flip in enumerate(flips):
        if flip < 0:
            made = np.flip(made, axis)
            last = np.eye(4)
            last[axis, axis], last[axis, 3] = -1, made.shape[axis] - 1
            move = move @ last
    sides = tuple(np.linalg.norm(affine[:3, :3], axis=0)[list(order)])
    return Stored(made, Placed.of(sides, affine @ move))


def comes_back():
    for order, flips in GRIDS:
        other = on_another_grid(STACK, OBLIQUE, order, flips)
        back = onto(other, OBLIQUE, "a.nii")
        assert np.array_equal(back.array, STACK)
        assert same_place(back.affine, OBLIQUE)
        assert np.allclose(back.spacing, np.linalg.norm(OBLIQUE[:3, :3], axis=0))


def test_a_map_with_its_axes_in_another_order_and_direction_is_turned_back():
    comes_back()


def test_a_map_that_lies_elsewhere_is_refused_with_both_places():
    elsewhere = OBLIQUE.copy()
    elsewhere[0, 3] += 1
    stored = Stored(STACK, Placed.of((1.0, 1.0, 1.0), elsewhere))
    told = r"a\.nii: expected the place of the grid it belongs to, affine \[0\.9 0\.2 .*"
    with pytest.raises(ReadError, match=told + r"; resample it"):
        onto(stored, OBLIQUE, "a.nii")
    coarser = Stored(STACK, Placed.of((2.0, 1.0, 1.0), OBLIQUE @ np.diag([2.0, 1, 1, 1])))
    with pytest.raises(ReadError, match="resample it"):
        onto(coarser, OBLIQUE, "a.nii")
    assert onto(stored, None, "a.nii") is stored


def check_mirrored_label(toy, folder):
    text = toy.write_manifest().replace("dimensions = 2", "dimensions = 3")
    text = text.replace('rule = "constant"\nvalue = [1.0, 1.0]', 'rule = "header"')
    (folder / "manifests" / "toy.toml").write_text(text)
    manifest = read_manifest(folder / "manifests" / "toy.toml")
    drawn = np.zeros((6, 5, 4), np.uint8)
    drawn[:2, 1] = 255
    place, mirrored = np.diag([1.0, 2, 3, 1]), np.diag([-1.0, 2, 3, 1])
    mirrored[0, 3] = 5
    nibabel.save(nibabel.Nifti1Image(drawn.astype(np.float32), place), folder / "i.nii")
    nibabel.save(nibabel.Nifti1Image(drawn[::-1], mirrored), folder / "l.nii")
    case = read_case(manifest, "a", {"image": folder / "i.nii", "label": f"{folder}/l.nii"})
    assert np.array_equal(case.label > 0, case.image[0] > 0)


def test_a_mirrored_label_is_compared_with_its_image_in_the_world(toy, tmp_path):
    check_mirrored_label(toy, tmp_path)


def voxel_by_voxel(stored, own, other):
    return stored._replace(spacing=Placed.of(stored.spacing, other))


def test_pairing_voxel_by_voxel_is_found(monkeypatch, toy, tmp_path):
    monkeypatch.setattr("tubekit.data.placing._turned", voxel_by_voxel)
    for check in (comes_back, lambda: check_mirrored_label(toy, tmp_path)):
        with pytest.raises(AssertionError):
            check()
