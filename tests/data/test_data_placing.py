"""A grid keeps its place in space: through files, crops and resampling."""

import dataclasses
import pickle

import nibabel
import numpy as np
import pytest

from tests.planting import Planted
from tubekit.data import ReadError, crop_to_valid, downscale, read_image, resample, write_label
from tubekit.data.decode import read_stored
from tubekit.data.placing import same_place
from tubekit.data.preprocess import resample_onto
from tubekit.types import Case, Placed

SHAPE = (5, 6, 7)  # x, y, z
SIDES = np.diag([0.7, 0.8, 2.5])


def turned(degrees: float, axis: int) -> np.ndarray:
    a, b = [i for i in range(3) if i != axis]
    matrix = np.eye(3)
    angle = np.deg2rad(degrees)
    matrix[[a, b], [a, b]] = np.cos(angle)
    matrix[a, b], matrix[b, a] = -np.sin(angle), np.sin(angle)
    return matrix


def affine_of(directions: np.ndarray) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = directions @ SIDES
    affine[:3, 3] = (90, -110, 300)
    return affine


OBLIQUE = turned(20, 0) @ turned(-35, 2)
DIRECTIONS = {
    "diagonal": np.eye(3),
    "flipped": np.diag([-1.0, -1.0, 1.0]),
    "one axis flipped": np.diag([1.0, -1.0, 1.0]),
    "permuted": np.eye(3)[[2, 0, 1]],
    "oblique": OBLIQUE,
    "oblique and flipped": OBLIQUE @ np.diag([1.0, 1.0, -1.0]),
    "sheared": OBLIQUE @ np.array([[1, 0.2, 0], [0, 1, 0], [0, 0, 1.0]]),
}


def save(path, affine, *, sform=2, qform=0, unit="mm"):
    image = nibabel.Nifti1Image(np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE), affine)
    image.header.set_xyzt_units(unit)
    image.set_sform(affine, sform)
    image.set_qform(affine, qform, strip_shears=True)
    nibabel.save(image, path)
    return path


def corners(affine: np.ndarray) -> np.ndarray:
    """World coordinates of the corner voxels' centres, as any reader of NIfTI computes them."""
    places = np.array(np.meshgrid(*((0, n - 1) for n in SHAPE))).reshape(3, -1)
    return (affine @ np.vstack([places, np.ones(8)]))[:3].T


def through_files(source, target) -> None:
    image, spacing = read_image(source)
    write_label(target, (image[0] % 2).astype(np.uint8), spacing)


@pytest.mark.parametrize("name", DIRECTIONS)
def test_a_label_lies_where_its_image_lies(tmp_path, name):
    affine = affine_of(DIRECTIONS[name])
    source, target = save(tmp_path / "i.nii.gz", affine), tmp_path / "l.nii.gz"
    through_files(source, target)
    made = nibabel.load(target)
    assert np.allclose(corners(made.affine), corners(affine), atol=1e-3)
    assert (np.asarray(made.dataobj) == np.asarray(nibabel.load(source).dataobj) % 2).all()
    assert made.header.get_zooms() == pytest.approx(nibabel.load(source).header.get_zooms())
    assert int(made.header["sform_code"]) == 2
    # A reader that trusts the quaternion sees the same place, or is told that there is none.
    quaternion, code = made.get_qform(coded=True)
    assert code == (0 if name == "sheared" else 2)
    if code:
        assert np.allclose(corners(quaternion), corners(affine), atol=1e-3)
    case = Case("c", *read_image(source)[:1], None, read_image(source)[1])
    indices = np.array([[2, 3, 1, 1], [0, 5, 4, 1]]).T  # z, y, x
    assert np.allclose(case.affine @ indices, affine @ indices[[2, 1, 0, 3]], atol=1e-4)


@pytest.mark.parametrize(("sform", "qform"), [(1, 0), (0, 1), (2, 1), (4, 3), (0, 0)])
def test_codes_say_which_matrix_counts(tmp_path, sform, qform):
    affine = affine_of(OBLIQUE)
    source, target = tmp_path / "i.nii.gz", tmp_path / "l.nii.gz"
    save(source, affine, sform=sform, qform=qform)
    through_files(source, target)
    first, made = nibabel.load(source), nibabel.load(target)
    assert np.allclose(first.affine, made.affine, atol=1e-3)
    stated = read_stored(source).affine is not None
    assert stated == bool(sform or qform)
    codes = int(made.header["sform_code"]), int(made.header["qform_code"])
    assert codes == ((2, 2) if stated else (0, 0))


def test_where_the_matrices_differ_the_sform_counts(tmp_path):
    image = nibabel.Nifti1Image(np.zeros(SHAPE, np.uint8), affine_of(np.eye(3)))
    image.set_qform(affine_of(OBLIQUE), 1)
    nibabel.save(image, tmp_path / "i.nii")
    through_files(tmp_path / "i.nii", tmp_path / "l.nii.gz")
    made = nibabel.load(tmp_path / "l.nii.gz")
    assert np.allclose(made.affine, affine_of(np.eye(3)))
    assert np.allclose(made.get_qform(), affine_of(np.eye(3)), atol=1e-3)


def test_micrometres_become_millimetres(tmp_path):
    source = save(tmp_path / "i.nii", affine_of(np.eye(3)), unit="micron")
    stored = read_stored(source)
    assert np.allclose(stored.affine[:3, 3], (0.09, -0.11, 0.3))
    assert np.allclose(np.linalg.norm(stored.affine[:3, :3], axis=0), stored.spacing)


def test_a_matrix_that_places_nothing_is_refused(tmp_path):
    source = save(tmp_path / "i.nii", affine_of(np.eye(3)))
    data = bytearray(source.read_bytes())
    data[280:328] = bytes(48)  # the rows of the sform
    source.write_bytes(data)
    with pytest.raises(ReadError, match=r"i\.nii: affine must be an invertible matrix"):
        read_stored(source)
    for bad in (np.eye(3), np.diag([1, 1, 0, 1.0]), np.full((4, 4), np.nan), 2 * np.eye(4)):
        with pytest.raises(ValueError, match="case c: affine must be"):
            Case("c", np.zeros((1, 2, 2, 2), np.float32), None, (1.0,) * 3, affine=bad)
        with pytest.raises(ValueError, match="affine must be"):
            write_label(tmp_path / "l.nii.gz", np.zeros((2, 2, 2), int), None, bad)
    assert not (tmp_path / "l.nii.gz").exists()


def test_a_placed_spacing_is_the_plain_tuple_and_survives_a_process(tmp_path):
    spacing = read_image(save(tmp_path / "i.nii", affine_of(OBLIQUE)))[1]
    assert isinstance(spacing, Placed)
    assert spacing == tuple(spacing)
    assert hash(spacing) == hash(tuple(spacing))
    assert repr(spacing) == repr(tuple(spacing))
    assert (pickle.loads(pickle.dumps(spacing)).affine == spacing.affine).all()


RAMP = np.stack(np.meshgrid(*(np.arange(float(n)) for n in (8, 9, 10)), indexing="ij"))


def ramp_case() -> Case:
    """Channels hold the world coordinates of every voxel's centre: x, y, z in millimetres."""
    affine = affine_of(OBLIQUE)[:, [2, 1, 0, 3]]
    image = np.einsum("ij,j...->i...", affine[:3, :3], RAMP) + affine[:3, 3][:, None, None, None]
    valid = np.zeros(image.shape[1:], bool)
    valid[3:6, 2:8, 4:9] = True
    label = valid.astype(np.uint8)
    return Case("ramp", image.astype(np.float32), label, (2.5, 0.8, 0.7), valid, affine=affine)


def world(case: Case) -> np.ndarray:
    index = np.stack(np.meshgrid(*map(np.arange, case.image.shape[1:]), indexing="ij"))
    assert case.affine is not None
    return (
        np.einsum("ij,j...->i...", case.affine[:3, :3], index)
        + (case.affine[:3, 3][:, None, None, None])
    )


MOVES = {
    "crop": lambda case: crop_to_valid(case, 1.0),
    "downscale": lambda case: downscale(case, (2, 3, 1)),
    "finer": lambda case: resample(case, (1.5, 0.5, 0.4)),
    "coarser": lambda case: resample(case, (2.5, 1.1, 1.9)),
    "window": lambda case: dataclasses.replace(case),
}


def check_voxels_stay(name: str) -> None:
    """A linear ramp of coordinates stays itself, but for borders that repeat their last value."""
    case = ramp_case()
    moved = MOVES[name](case)
    found, expected = moved.image, world(moved)
    inner = (slice(None), *(slice(2, -2) if n > 4 else slice(1, -1) for n in found.shape[1:]))
    if name in ("crop", "window"):
        inner = (slice(None),)
    assert found[inner].size
    assert np.allclose(found[inner], expected[inner], atol=0.02)
    sides = np.linalg.norm(moved.affine[:3, :3], axis=0)
    assert np.allclose(sides, moved.spacing)


@pytest.mark.parametrize("name", MOVES)
def test_voxels_stay_where_they_were(name):
    check_voxels_stay(name)
    without = MOVES[name](dataclasses.replace(ramp_case(), affine=None))
    assert without.affine is None


planted = Planted("tubekit.data")


@planted("cropping", "moved", lambda: check_voxels_stay("crop"))
def start_forgotten(affine, start, factors=None):
    return affine


@planted("dataset", "coarser", lambda: check_voxels_stay("downscale"))
@planted("preprocess", "coarser", lambda: check_voxels_stay("coarser"))
def first_centres_shared(affine, factors):
    return affine @ np.diag([*factors, 1.0])


@planted("preprocess", "coarser", lambda: check_voxels_stay("finer"))
def affine_kept(affine, factors):
    return affine


@planted.each()
def test_planted_bugs_are_found(monkeypatch, place, name, bug, check):
    planted.catch(monkeypatch, place, name, bug, check)


@pytest.mark.parametrize(("shift", "same"), [(0.002, True), (0.02, False), (0.2, False)])
def test_far_from_the_origin_a_place_is_as_exact(shift, same):
    far = np.diag([0.5, 0.5, 0.5, 1.0])
    far[:3, 3] = 500, -300, 400
    moved = far.copy()
    moved[0, 3] += shift
    assert same_place(far, moved) is same


def test_maps_come_back_onto_the_case():
    """A smooth map made on another grid lies where it should, with the case's own shape."""
    case = ramp_case()
    for sides in ((1.7, 0.6, 0.5), (3.1, 1.0, 0.9)):
        there = resample(case, sides)
        back = resample_onto(there.image, there.spacing, case)
        assert back.shape == case.image.shape
        inner = (slice(None), *(slice(2, -2),) * 3)
        assert np.allclose(back[inner], case.image[inner], atol=0.02)
    assert resample_onto(case.image, case.spacing, case) is case.image
