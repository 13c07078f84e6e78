"""Conversions from upstream files, on synthetic input and against the mirror's own files."""

import gzip
import io

import imageio.v3 as iio
import nibabel
import numpy as np
import pytest
import scipy.io
from PIL import Image

from tubekit.data import ReadError
from tubekit.data.convert import masks, volumes
from tubekit.data.convert.roads import ROAD_STEP, ROAD_WINDOW, blank_imagery, road_window
from tubekit.data.decode import decode
from tubekit.data.encode import nifti, png
from tubekit.data.integrity import content_digest


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
    assert shown(masks.threshold_png(png(grey))).tolist() == [[0, 0, 255, 255]]


def test_formats_of_masks(mask):
    assert (shown(masks.threshold_gif(encoded(mask, "GIF"))) == mask).all()
    assert (shown(masks.threshold_tif(encoded(mask, "TIFF"))) == mask).all()
    assert (shown(masks.bits_png(encoded(mask > 0, "PNG"))) == mask).all()
    assert (shown(masks.threshold_png(encoded(np.stack([mask] * 3, -1), "PNG"))) == mask).all()
    smooth = np.zeros((32, 32), np.uint8)
    smooth[8:24, 8:24] = 255
    assert (shown(masks.threshold_jpg(encoded(smooth, "JPEG", quality=95))) == smooth).all()


def test_crackforest_counts_2_and_4_as_crack():
    segmentation = np.array([[1, 2], [3, 4]], np.uint16)
    assert masks.crackforest_mask(segmentation).tolist() == [[False, True], [False, True]]
    buffer = io.BytesIO()
    scipy.io.savemat(
        buffer, {"groundTruth": {"Segmentation": segmentation, "Boundaries": segmentation > 1}}
    )
    assert shown(masks.crackforest_mat(buffer.getvalue())).tolist() == [[0, 255], [0, 255]]


@pytest.mark.parametrize("data", [b"", b"MATLAB 5.0 but not really", b"\x00" * 200])
def test_bad_matlab_file(data):
    with pytest.raises(ReadError, match="expected MATLAB data"):
        masks.crackforest_mat(data)


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


def test_road_crop_is_the_window_of_the_manifest(rng):
    # Blocks of 20 pixels: noise of single pixels packs slowly.
    image = rng.integers(0, 255, (35, 36, 3), dtype=np.uint8).repeat(20, 0).repeat(20, 1)
    image[20, 60] = image[659, 699] = 77
    crop = [[20, 660], [60, 700]]
    assert (shown(masks.road_image(png(image), crop=crop)) == image[20:660, 60:700]).all()
    label = np.where(image[..., 0] > 127, 255, 0).astype(np.uint8)
    assert (shown(masks.road_label(png(label), crop=crop)) == label[20:660, 60:700]).all()
    with pytest.raises(ReadError, match="holds the ranges"):
        masks.road_image(png(image), crop=[[80, 720], [60, 700]])


def test_colours_become_label_values(rng):
    labels = rng.integers(0, 3, (6, 7))
    palette = np.array([[0, 0, 0], [0, 255, 0], [255, 0, 0]], np.uint8)
    colours = {"00ff00": 1, "ff0000": 2}
    image = palette[labels]
    assert (shown(masks.colour_labels(png(image), colours=colours)) == labels).all()
    image[2, 3] = (255, 0, 1)
    with pytest.raises(ReadError, match=r"colours 00ff00, ff0000, got ff0001"):
        masks.colour_labels(png(image), colours=colours)
    with pytest.raises(ReadError, match="expected an RGB mask"):
        masks.colour_labels(png(image[..., 0].copy()), colours=colours)


def test_first_channel_keeps_values(rng):
    grey = rng.integers(0, 255, (5, 4), dtype=np.uint8)
    assert (shown(masks.first_channel_png(png(np.stack([grey] * 3, -1)))) == grey).all()


def tiff(stack, **options):
    buffer = io.BytesIO()
    first, *others = [Image.fromarray(page) for page in stack]
    first.save(buffer, "TIFF", save_all=True, append_images=others, **options)
    return buffer.getvalue()


def test_vesselnn_spacing_axes_and_values(rng):
    stack = rng.integers(0, 255, (3, 5, 7), dtype=np.uint8)
    for data in (tiff(stack), tiff(stack, compression="tiff_lzw")):
        made = volumes.vesselnn_image(data, spacing_um=[5.0, 0.994, 1.5])
        array, spacing = decode(made, "x.nii.gz")[:2]
        assert (array == stack).all()
        assert spacing == (0.005, 0.000994, 0.0015)
        made = volumes.vesselnn_label(data, spacing_um=[5.0, 0.994, 1.5])
        assert (decode(made, "x.nii.gz").array == (stack > 0)).all()


def test_stacks_of_16_bits_keep_their_values(rng):
    stack = rng.integers(0, 60000, (3, 5, 7), dtype=np.uint16)
    for data in (tiff(stack), tiff(stack, compression="tiff_lzw")):
        made = decode(volumes.stack_nifti(data), "x.nii.gz")
        assert (made.array == stack).all()
        assert made.array.dtype == np.uint16
        assert (decode(volumes.mask_stack_nifti(data), "x.nii.gz").array == (stack > 0)).all()
    with pytest.raises(ReadError, match="pages as the slices"):
        volumes.stack_nifti(tiff(stack[:1]))


def test_colours_of_16_bits_are_not_cut_to_8(rng, monkeypatch):
    buffer = io.BytesIO()
    colours = rng.integers(0, 60000, (5, 7, 3), dtype=np.uint16)
    iio.imwrite(buffer, colours, extension=".tif", plugin="tifffile")
    assert (decode(buffer.getvalue(), "x.tif").array == colours).all()

    def packed(*args, **options):
        raise ValueError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package")

    monkeypatch.setattr("tifffile.TiffPageSeries.asarray", packed)
    with pytest.raises(ReadError, match=r"x\.tif: expected packed colours .* NONE with 16"):
        decode(buffer.getvalue(), "x.tif")


def test_channels_are_label_and_slices(rng):
    array = rng.integers(0, 2, (8, 5, 6), dtype=np.uint8) * 255
    data = nifti(array, (1.0, 1.0, 1.0))
    assert (decode(volumes.channel_image_nifti(data), "x.nii.gz").array == array[1:]).all()
    label = decode(volumes.channel_label_nifti(data), "x.nii.gz").array
    assert label.shape == (1, 5, 6)
    assert (label == array[:1] // 255).all()


def test_raw_bytes_run_along_x_first():
    data = bytes(range(24))
    array = decode(volumes.raw_nifti(data, shape=[2, 3, 4]), "x.nii.gz").array
    assert array[1, 2, 3] == 23
    assert (array[0, 0] == [0, 1, 2, 3]).all()
    with pytest.raises(ReadError, match=r"expected 24 bytes for the shape \[2, 3, 4\], got 23"):
        volumes.raw_nifti(data[:-1], shape=[2, 3, 4])


@pytest.mark.parametrize("packed", [True, False])
def test_cut_mask_stays_where_it_is(rng, packed):
    array = rng.integers(0, 2, (4, 5, 6)).astype(np.int16)
    affine = np.diag([-0.5, -0.5, 2.0, 1.0])
    affine[:3, 3] = (10, 20, 30)
    image = nibabel.Nifti1Image(array.T, affine)
    data = image.to_bytes()
    made = volumes.nifti_crop(
        gzip.compress(data) if packed else data, crop=[[1, 3], [0, 4], [2, 6]]
    )
    cut = nibabel.Nifti1Image.from_bytes(gzip.decompress(made))
    assert (array[1:3, 0:4, 2:6] == np.asarray(cut.dataobj).T).all()
    assert cut.get_data_dtype() == np.uint8
    assert (cut.affine @ [0, 0, 0, 1])[:3].tolist() == [10 - 0.5 * 2, 20, 30 + 2.0 * 1]
    with pytest.raises(ReadError, match="holds the ranges"):
        volumes.nifti_crop(data, crop=[[1, 5], [0, 4], [2, 6]])
    with pytest.raises(ReadError, match="expected a NIfTI file"):
        volumes.nifti_crop(data[:300], crop=[[1, 3], [0, 4], [2, 6]])


def test_content_digest_sees_values_type_and_spacing(mask):
    same = content_digest(png(mask), "a.png")
    assert content_digest(encoded(mask, "PNG", compress_level=1), "b.png") == same
    assert content_digest(png(255 - mask), "a.png") != same
    assert content_digest(png(mask.T.copy()), "a.png") != same


def test_road_crops_of_the_mirror_have_no_missing_imagery(mirror):
    for path in sorted((mirror / "massachusetts_roads/images").glob("*.png"))[:4]:
        assert not blank_imagery(iio.imread(path)).any()
