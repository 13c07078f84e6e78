"""Conversions from upstream files, on synthetic input and against the mirror's own files."""

import io

import imageio.v3 as iio
import numpy as np
import pytest
import scipy.io
from PIL import Image

from tubekit.data import ReadError, load_manifest
from tubekit.data.convert import (
    CONVERSIONS,
    ROAD_STEP,
    ROAD_WINDOW,
    bits_png,
    blank_imagery,
    content_digest,
    crackforest_mask,
    crackforest_mat,
    png,
    road_image,
    road_label,
    road_window,
    threshold_gif,
    threshold_jpg,
    threshold_png,
    threshold_tif,
    vesselnn_image,
    vesselnn_label,
)
from tubekit.data.decode import decode


def encoded(array, format_, **options):
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, format_, **options)
    return buffer.getvalue()


def shown(data):
    return iio.imread(io.BytesIO(data))


@pytest.fixture
def mask(rng):
    return np.where(rng.random((40, 30)) > 0.7, 255, 0).astype(np.uint8)


def test_threshold_is_above_127():
    grey = np.array([[0, 127, 128, 255]], np.uint8)
    assert shown(threshold_png(png(grey), "x")).tolist() == [[0, 0, 255, 255]]


def test_formats_of_masks(mask):
    assert (shown(threshold_gif(encoded(mask, "GIF"), "x")) == mask).all()
    assert (shown(threshold_tif(encoded(mask, "TIFF"), "x")) == mask).all()
    assert (shown(bits_png(encoded(mask > 0, "PNG"), "x")) == mask).all()
    assert (shown(threshold_png(encoded(np.stack([mask] * 3, -1), "PNG"), "x")) == mask).all()
    smooth = np.zeros((32, 32), np.uint8)
    smooth[8:24, 8:24] = 255
    assert (shown(threshold_jpg(encoded(smooth, "JPEG", quality=95), "x")) == smooth).all()


def test_crackforest_counts_2_and_4_as_crack():
    segmentation = np.array([[1, 2], [3, 4]], np.uint16)
    assert crackforest_mask(segmentation).tolist() == [[False, True], [False, True]]
    buffer = io.BytesIO()
    scipy.io.savemat(
        buffer, {"groundTruth": {"Segmentation": segmentation, "Boundaries": segmentation > 1}}
    )
    assert shown(crackforest_mat(buffer.getvalue(), "001")).tolist() == [[0, 255], [0, 255]]


@pytest.mark.parametrize("data", [b"", b"MATLAB 5.0 but not really", b"\x00" * 200])
def test_bad_matlab_file(data):
    with pytest.raises(ReadError, match=r"001\.mat: expected MATLAB data"):
        crackforest_mat(data, "001")


def test_road_window_takes_most_road_without_blank_imagery(rng):
    image = rng.integers(0, 200, (900, 900, 3), dtype=np.uint8)
    road = np.zeros((900, 900), bool)
    road[: ROAD_WINDOW // 2, 100:110] = True
    road[860:870, 300:] = True
    free = road_window(image, road)
    assert free == (3 * ROAD_STEP, 3 * ROAD_STEP)
    image[860:, 300:] = 255  # missing imagery below
    assert blank_imagery(image).sum() == 40 * 600
    assert road_window(image, road) == (0, 0)
    image[:] = 255
    assert road_window(image, road) is None


def test_single_white_pixels_are_not_missing_imagery():
    image = np.zeros((20, 20, 3), np.uint8)
    image[5, :10] = 255
    assert not blank_imagery(image).any()
    image[5:11, :9] = 255
    assert blank_imagery(image)[5:11, :9].all()


def test_road_crop_is_the_window_in_the_id(rng):
    # Blocks of 20 pixels: noise of single pixels packs slowly.
    image = rng.integers(0, 255, (35, 36, 3), dtype=np.uint8).repeat(20, 0).repeat(20, 1)
    image[20, 60] = image[659, 699] = 77
    cut = shown(road_image(png(image), "1_15_y20_x60"))
    assert (cut == image[20:660, 60:700]).all()
    label = np.where(image[..., 0] > 127, 255, 0).astype(np.uint8)
    assert (shown(road_label(png(label), "1_15_y20_x60")) == label[20:660, 60:700]).all()
    with pytest.raises(ReadError, match="holds the window"):
        road_image(png(image), "1_15_y80_x60")
    with pytest.raises(ReadError, match="_y<row>_x<column>"):
        road_image(png(image), "1_15")


def test_vesselnn_spacing_axes_and_values(rng):
    stack = rng.integers(0, 255, (3, 5, 7), dtype=np.uint8)
    buffer = io.BytesIO()
    iio.imwrite(buffer, stack, extension=".tif", plugin="tifffile")
    array, spacing = decode(vesselnn_image(buffer.getvalue(), "burgess2014_tgMouse"), "x.nii.gz")
    assert (array == stack).all()
    assert spacing == (0.005, 0.000994, 0.000994)
    array, spacing = decode(vesselnn_label(buffer.getvalue(), "poon2015_plaqueVessels"), "x.nii.gz")
    assert (array == (stack > 0)).all()
    assert spacing == (0.005, 0.002485, 0.002485)


def test_content_digest_sees_values_type_and_spacing(mask):
    same = content_digest(png(mask), "a.png")
    assert content_digest(encoded(mask, "PNG", compress_level=1), "b.png") == same
    assert content_digest(png(255 - mask), "a.png") != same
    assert content_digest(png(mask.T.copy()), "a.png") != same


@pytest.mark.parametrize(
    ("name", "role", "back"),
    [
        ("chase_db1", "label", lambda a: encoded(a, "PNG")),
        ("chase_db1", "valid", lambda a: encoded(a, "GIF")),
        ("octa_synthetic", "label", lambda a: encoded(a > 0, "PNG")),
    ],
)
def test_conversion_gives_the_bytes_of_the_mirror(mirror, name, role, back):
    manifest = load_manifest(name)
    file = next(f for f in manifest.case_files(manifest.cases[0].id) if f.role == role)
    wanted = (mirror / manifest.folder / file.path).read_bytes()
    made = CONVERSIONS[file.conversion](back(shown(wanted)), file.case_id)
    assert content_digest(made, file.path) == file.facts.content


def test_vesselnn_conversion_gives_the_mirror(mirror):
    manifest = load_manifest("vesselnn")
    for role, conversion in (("image", vesselnn_image), ("label", vesselnn_label)):
        file = next(
            f for f in manifest.case_files("burgess2014_noisySparseVessels") if f.role == role
        )
        wanted = decode((mirror / manifest.folder / file.path).read_bytes(), file.path)
        buffer = io.BytesIO()
        iio.imwrite(buffer, wanted.array, extension=".tif", plugin="tifffile")
        assert content_digest(conversion(buffer.getvalue(), file.case_id), file.path) == (
            file.facts.content
        )


def test_road_crops_of_the_mirror_have_no_missing_imagery(mirror):
    for path in sorted((mirror / "massachusetts_roads/images").glob("*.png"))[:4]:
        assert not blank_imagery(iio.imread(path)).any()
