"""Readers: axes, spacing, values, and one clear error for every kind of bad file."""

import gzip
import re

import imageio.v3 as iio
import nibabel
import numpy as np
import pytest
import tifffile
from PIL import Image

from tubekit.data import (
    ReadError,
    load_manifest,
    read_case,
    read_image,
    read_label,
    read_manifest,
    readers,
    write_label,
)
from tubekit.data.folders import read_map
from tubekit.data.pooling import blocks, pool_label
from tubekit.data.readers import _read_valid
from tubekit.data.schema import Labels
from tubekit.types import Case

BINARY = Labels(names=["background", "vessel"], values=[0, 255])
INDEXED = Labels(names=["background", "a", "b"], values=[0, 1, 2])


def nifti(path, array, spacing=(0.5, 0.6, 2.0), unit="mm"):
    """Write an array given as (z, y, x) the way NIfTI stores it, (x, y, z)."""
    image = nibabel.Nifti1Image(array.T, np.diag([*spacing, 1.0]))
    image.header.set_xyzt_units(unit)
    nibabel.save(image, path)
    return path


def test_colour_image_is_channels_first_and_keeps_intensities(tmp_path, rng):
    pixels = rng.integers(0, 255, (6, 8, 3), dtype=np.uint8)
    for name in ("a.png", "a.tif"):
        iio.imwrite(tmp_path / name, pixels)
        image, spacing = read_image(tmp_path / name)
        assert image.dtype == np.float32
        assert image.flags.c_contiguous
        assert (image == np.moveaxis(pixels, -1, 0)).all()
        assert spacing is None


def test_dimensions_of_a_file_of_your_own(tmp_path, rng):
    volume = rng.integers(0, 255, (6, 8, 9), dtype=np.uint8)
    iio.imwrite(tmp_path / "stack.tif", volume, plugin="tifffile")
    iio.imwrite(tmp_path / "photo.png", volume[:3].transpose(1, 2, 0))
    assert read_image(tmp_path / "stack.tif")[0].shape == (1, 6, 8, 9)
    assert read_image(tmp_path / "photo.png")[0].shape == (3, 8, 9)
    assert read_image(nifti(tmp_path / "v.nii.gz", volume[..., :3]))[0].shape == (1, 6, 8, 3)


def test_written_labels_read_back(tmp_path, rng):
    label = rng.integers(0, 3, (4, 5, 6)).astype(np.int64)
    write_label(tmp_path / "v.nii.gz", label, (2.0, 0.6, 0.5))
    again, spacing = read_label(tmp_path / "v.nii.gz", INDEXED, dimensions=3)
    assert (again == label).all()
    assert spacing == (2.0, 0.6, 0.5)
    write_label(tmp_path / "a.png", label[0], None)
    assert (read_label(tmp_path / "a.png", INDEXED)[0] == label[0]).all()


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("a.png", np.zeros((2, 2, 2), int)),
        ("a.nii.gz", np.zeros((2, 2), int)),
        ("a.jpg", np.zeros((2, 2), int)),
        ("a.png", np.full((2, 2), 256)),
    ],
)
def test_labels_that_cannot_be_written(tmp_path, name, label):
    with pytest.raises(ValueError, match=r"expected a name that ends|must lie in 0\.\.255"):
        write_label(tmp_path / name, label, None)
    assert not list(tmp_path.iterdir())


def test_grey_image_has_one_channel(tmp_path, rng):
    pixels = rng.integers(0, 255, (6, 8), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.gif")
    assert (read_image(tmp_path / "a.gif")[0] == pixels[None]).all()


@pytest.mark.parametrize(("unit", "factor"), [("mm", 1.0), ("micron", 1e-3), ("unknown", 1.0)])
def test_nifti_axes_and_spacing_are_turned_together(tmp_path, rng, unit, factor):
    volume = rng.normal(size=(3, 4, 5)).astype(np.float32)
    image, spacing = read_image(nifti(tmp_path / "v.nii.gz", volume, unit=unit), dimensions=3)
    assert image.shape == (1, 3, 4, 5)
    assert (image[0] == volume).all()
    assert spacing == pytest.approx((2.0 * factor, 0.6 * factor, 0.5 * factor))


def test_label_values_become_classes(tmp_path):
    iio.imwrite(tmp_path / "a.png", np.array([[0, 255], [255, 0]], np.uint8))
    assert read_label(tmp_path / "a.png", BINARY)[0].tolist() == [[0, 1], [1, 0]]
    stored = Labels(names=["background", "a", "b"], values=[0, 15, 7])
    path = nifti(tmp_path / "l.nii", np.array([[[0, 7, 15]]], np.float32))
    assert read_label(path, stored, dimensions=3)[0].tolist() == [[[0, 2, 1]]]


@pytest.mark.parametrize(
    ("values", "told"), [([0, 128, 255], "128"), ([0, 300], "300"), ([0, -1], "-1")]
)
def test_label_value_that_is_no_class(tmp_path, values, told):
    path = nifti(tmp_path / "l.nii.gz", np.array([[values]], np.int16))
    with pytest.raises(
        ReadError, match=rf"l\.nii\.gz: expected label values .*got {told}; relabel"
    ):
        read_label(path, BINARY, dimensions=3)


@pytest.mark.parametrize("value", [np.nan, 0.5, np.inf])
def test_label_that_is_no_number_of_a_class(tmp_path, value):
    path = nifti(tmp_path / "l.nii.gz", np.array([[[0, 1, value]]], np.float32))
    with pytest.raises(ReadError, match=f"expected whole numbers, .*got {value} at 1 of 3"):
        read_label(path, INDEXED, dimensions=3)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_image_that_is_not_finite(tmp_path, bad):
    volume = np.zeros((2, 3, 4), np.float32)
    volume[1, 1, 1] = bad
    with pytest.raises(
        ReadError, match=r"v\.nii\.gz: expected finite .* got 1 NaN .* of 24; repair"
    ):
        read_image(nifti(tmp_path / "v.nii.gz", volume), dimensions=3)


@pytest.mark.parametrize("bad", [0.0, np.nan, -1.0])
def test_impossible_spacing(tmp_path, bad):
    raw = nibabel.Nifti1Image(np.zeros((2, 2, 2), np.uint8), np.eye(4)).to_bytes()
    data = bytearray(raw)
    data[80:84] = np.float32(bad).tobytes()  # pixdim[1] of the header
    (tmp_path / "v.nii").write_bytes(bytes(data))
    with pytest.raises(ReadError, match=r"v\.nii: expected a positive spacing .* got .*; correct"):
        read_image(tmp_path / "v.nii", dimensions=3)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.nii", "a.nii.gz"])
@pytest.mark.parametrize("damage", ["half", "empty", "noise"])
def test_damaged_file_is_one_clear_error(tmp_path, rng, name, damage):
    path = tmp_path / name
    if "nii" in name:
        nifti(path, rng.integers(0, 255, (6, 40, 40), dtype=np.uint8))
    else:
        iio.imwrite(path, rng.integers(0, 255, (64, 64, 3), dtype=np.uint8))
    data = path.read_bytes()
    path.write_bytes({"half": data[: len(data) // 2], "empty": b"", "noise": b"\x07" * 500}[damage])
    with pytest.raises(ReadError, match=rf"{re.escape(str(path))}: expected .*got .*; ") as raised:
        read_image(path, dimensions=3 if "nii" in name else 2)
    assert "\n" not in str(raised.value).rstrip()


def test_bit_flip_in_a_png_is_noticed(tmp_path, rng):
    path = tmp_path / "a.png"
    iio.imwrite(path, rng.integers(0, 255, (64, 64, 3), dtype=np.uint8))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(bytes(data))
    with pytest.raises(ReadError, match="do not decode"):
        read_image(path)


def test_missing_file_and_unknown_format(tmp_path):
    with pytest.raises(ReadError, match=r"gone\.png: expected a readable file, got No such file"):
        read_image(tmp_path / "gone.png")
    (tmp_path / "a.jp2").write_bytes(b"BM")
    with pytest.raises(ReadError, match=r"expected \.nii\.gz, .*\.png, .*got \.jp2"):
        read_image(tmp_path / "a.jp2")


def test_wrong_number_of_axes(tmp_path, rng):
    iio.imwrite(tmp_path / "a.png", rng.integers(0, 255, (6, 8), dtype=np.uint8))
    with pytest.raises(ReadError, match=r"expected 3 spatial axes .*got shape \(6, 8\)"):
        read_image(tmp_path / "a.png", dimensions=4 - 1)
    four = nibabel.Nifti1Image(np.zeros((2, 2, 2, 3), np.uint8), np.eye(4))
    nibabel.save(four, tmp_path / "v.nii.gz")
    with pytest.raises(ReadError, match=r"expected one volume .* got shape \(2, 2, 2, 3\)"):
        read_image(tmp_path / "v.nii.gz", dimensions=3)


def test_image_and_label_that_do_not_match(toy, tmp_path):
    mirror = toy.write_mirror(tmp_path / "m")
    manifest = load_manifest("toy")
    files = {r: mirror / "toy" / f"{r}s" / "a.png" for r in ("image", "label")}
    assert isinstance(read_case(manifest, "a", files), Case)
    small = mirror / "toy/labels/small.png"
    iio.imwrite(small, np.zeros((32, 48), np.uint8))
    with pytest.raises(ReadError, match=r"small\.png: expected the grid \(64, 48\) of a\.png, got"):
        read_case(manifest, "a", {**files, "label": small})


def test_label_with_another_spacing(toy, tmp_path):
    text = toy.write_manifest().replace("dimensions = 2", "dimensions = 3")
    text = text.replace('rule = "constant"\nvalue = [1.0, 1.0]', 'rule = "header"')
    (tmp_path / "manifests" / "toy.toml").write_text(text)
    manifest = read_manifest(tmp_path / "manifests" / "toy.toml")
    volume = np.zeros((3, 4, 5), np.uint8)
    image = nifti(tmp_path / "i.nii.gz", volume)
    good = nifti(tmp_path / "g.nii.gz", volume)
    assert read_case(manifest, "a", {"image": image, "label": good}).spacing == (2.0, 0.6, 0.5)
    bad = nifti(tmp_path / "l.nii.gz", volume, spacing=(0.5, 0.6, 2.5))
    with pytest.raises(ReadError, match=r"l\.nii\.gz: expected the place of the grid it"):
        read_case(manifest, "a", {"image": image, "label": bad})
    tifffile.imwrite(tmp_path / "i.tif", volume, photometric="minisblack")
    with pytest.raises(ReadError, match=r"i\.tif: expected the spacing in the file's header"):
        read_case(manifest, "a", {"image": tmp_path / "i.tif", "label": good})


def test_a_label_of_several_structure_files(toy, tmp_path):
    text = toy.write_manifest().replace("dimensions = 2", "dimensions = 3")
    text = text.replace('rule = "constant"\nvalue = [1.0, 1.0]', 'rule = "header"')
    text = (
        text.replace('names = ["background", "line"]', 'names = ["background", "a", "b"]')
        .replace("values = [0, 255]", 'values = [0, 1, 2]\nparts = { left = "a", right = "b" }')
        .replace("[files.label]", '[files."label/left"]\npath = "l"\n[files."label/right"]')
    )
    text, _, _ = text.partition("[origin.image]")
    (tmp_path / "manifests" / "toy.toml").write_text(text)
    manifest = read_manifest(tmp_path / "manifests" / "toy.toml")
    mask = np.zeros((3, 4, 5), np.uint8)
    mask[1, 1, :3] = 255
    left = nifti(tmp_path / "l.nii.gz", mask // 100)  # 2: any value but 0 is inside
    right = nifti(tmp_path / "r.nii.gz", np.roll(mask, 2, axis=2))
    image = nifti(tmp_path / "i.nii.gz", mask)
    given = {"image": image, "label/left": left, "label/right": right}
    assert read_case(manifest, "a", given).label[1, 1].tolist() == [1, 1, 2, 2, 2]
    coarse = nifti(tmp_path / "c.nii.gz", mask, spacing=(0.5, 0.6, 2.5))
    with pytest.raises(ReadError, match=r"c\.nii\.gz: expected the place of the grid"):
        read_case(manifest, "a", {**given, "label/right": coarse})
    small = nifti(tmp_path / "s.nii.gz", mask[:2])
    with pytest.raises(ReadError, match=r"s\.nii\.gz: expected the grid"):
        read_case(manifest, "a", {**given, "label/right": small})
    for wrong in (text.replace('right = "b"', 'right = "c"'), text.replace(', right = "b"', "")):
        (tmp_path / "manifests" / "toy.toml").write_text(wrong)
        with pytest.raises(ValueError, match=r"labels\.parts"):
            read_manifest(tmp_path / "manifests" / "toy.toml")


def test_gzip_of_something_else(tmp_path):
    (tmp_path / "v.nii.gz").write_bytes(gzip.compress(b"hello"))
    with pytest.raises(ReadError, match=r"v\.nii\.gz: expected a complete \.nii\.gz file"):
        read_image(tmp_path / "v.nii.gz", dimensions=3)


def test_blocks_hold_the_right_voxels():
    array = np.arange(24).reshape(4, 6)
    got = blocks(array, (2, 3))
    assert got.shape == (2, 2, 6)
    assert got[1, 0].tolist() == [12, 13, 14, 18, 19, 20]


def test_pooled_labels_take_half_the_area_as_foreground():
    label = np.array([[1, 0, 0, 0], [1, 0, 0, 2], [0, 0, 2, 2], [0, 1, 1, 2]], np.uint8)
    assert pool_label(label, (2, 2)).tolist() == [[1, 0], [0, 2]]
    line = np.zeros((8, 8), np.uint8)
    line[:, 3] = 1
    assert pool_label(line, (2, 2)).tolist() == [[0, 1, 0, 0]] * 4
    far = np.full((2, 4), 60_000, np.uint16)  # classes are few, whatever their numbers
    far[:, 1] = 7
    assert pool_label(far, (2, 2)).tolist() == [[7, 60_000]]


def test_octa_labels_are_pooled_to_the_image(mirror, monkeypatch, tmp_path):
    monkeypatch.setenv("TUBEKIT_MIRROR", str(mirror))
    manifest = load_manifest("octa_synthetic")
    case = read_case(manifest, manifest.cases[0].id)
    fine = iio.imread(mirror / "octa_synthetic" / "labels" / f"{case.id}.png") > 0
    assert case.label.shape == case.image.shape[1:] == (304, 304)
    area = fine.reshape(304, 4, 304, 4).sum(axis=(1, 3))
    assert (case.label == (area >= 8)).all()


def test_field_of_view_of_the_mirror(mirror, monkeypatch):
    monkeypatch.setenv("TUBEKIT_MIRROR", str(mirror))
    case = read_case(load_manifest("chase_db1"), "Image_01L")
    assert case.valid.mean() == pytest.approx(0.691898, abs=1e-6)  # files.csv of the mirror
    assert case.spacing == (1.0, 1.0)


def test_stack_of_the_mirror(mirror, monkeypatch):
    monkeypatch.setenv("TUBEKIT_MIRROR", str(mirror))
    case = read_case(load_manifest("vesselnn"), "burgess2014_noisySparseVessels")
    assert case.image.shape == (1, 10, 512, 512)
    assert case.spacing == pytest.approx((0.005, 0.000994, 0.000994))


def test_a_volume_mask_with_two_values_is_inside_wherever_it_is_not_zero(tmp_path):
    liver = np.zeros((4, 5, 6), np.uint8)
    liver[1:3, 1:4, 1:5] = 1
    liver[1, 1, 1] = 255
    path = nifti(tmp_path / "liver.nii.gz", liver)
    assert (_read_valid(path, 3) == (liver > 0)).all()
    photo = tmp_path / "valid.png"
    iio.imwrite(photo, np.array([[0, 3], [250, 255]], np.uint8))  # lossy borders are outside
    assert _read_valid(photo, 2).tolist() == [[False, False], [True, True]]


def test_a_label_without_an_image_is_decoded_once(tmp_path, monkeypatch):
    iio.imwrite(tmp_path / "a.png", np.eye(3, dtype=np.uint8) * 255)
    read: list[str] = []
    monkeypatch.setattr(readers, "read_map", lambda path: read.append(path.name) or read_map(path))
    case = readers.read_case(load_manifest("chase_db1"), "a", {"label": str(tmp_path / "a.png")})
    assert read == ["a.png"]
    assert case.label.tolist() == np.eye(3).tolist()
