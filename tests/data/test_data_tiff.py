"""TIFF: its tags and metadata say what is an axis, and every packing reads alike."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from tubekit.data import ReadError, read_image
from tubekit.data.decode import decode

from .test_data_formats import MAP, PHOTO, STACK, saved, tif


def appended(*pages):
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        for page in pages:
            file.write(page, contiguous=False)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "shape"),
    [
        (appended(*STACK), (1, 3, 5, 7)),
        (saved(Image.fromarray(MAP), "TIFF", save_all=True, append_images=[Image.fromarray(MAP)]),
         (1, 2, 5, 7)),
        (tif(PHOTO), (3, 5, 7)),
        (tif(np.moveaxis(PHOTO, -1, 0), photometric="rgb", planarconfig="separate"), (3, 5, 7)),
        (tif(STACK[..., :2], photometric="minisblack"), (1, 3, 5, 2)),
        (tif(STACK[..., :3], photometric="minisblack"), (1, 3, 5, 3)),
        (tif(STACK[..., :4], photometric="minisblack"), (1, 3, 5, 4)),
        (tif(np.zeros((2, 5, 4, 6), np.uint8), imagej=True, metadata={"axes": "ZCYX"}),
         (5, 2, 4, 6)),
        (tif(STACK, imagej=True, metadata={"axes": "ZYX"}), (1, 3, 5, 7)),
        (tif(np.zeros((2, 5, 4, 6), np.uint8), ome=True, metadata={"axes": "CZYX"}), (2, 5, 4, 6)),
        (tif(np.zeros((1, 5, 4, 6), np.uint8), ome=True, metadata={"axes": "TZYX"}), (1, 5, 4, 6)),
        (tif(np.zeros((4, 5, 6, 3), np.uint8), photometric="rgb"), (3, 4, 5, 6)),
    ],
)  # fmt: skip
def test_tiff_names_its_axes(tmp_path, data, shape):
    (tmp_path / "a.tif").write_bytes(data)
    assert read_image(tmp_path / "a.tif")[0].shape == shape


def with_preview():
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        file.write(MAP)
        file.write(MAP[::2, ::2], subfiletype=1)
    return buffer.getvalue()


def test_a_preview_is_no_slice():
    assert (decode(with_preview(), "a.tif").array == MAP).all()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (appended(MAP, MAP[1:]), r"got 2 images of 5 x 7, 4 x 7; export the one"),
        (tif(STACK, imagej=True, metadata={"axes": "TYX"}), r"got TYX with 3 time points"),
        (tif(np.zeros((2, 3, 4, 5, 6), np.uint8), photometric="minisblack"),
         r"expected the axes of a picture or a volume"),
        (tif(np.dstack([PHOTO, MAP]), photometric="rgb", extrasamples=["unassalpha"]),
         "transparent parts"),
    ],
)  # fmt: skip
def test_tiff_that_is_no_picture_and_no_volume(data, told):
    with pytest.raises(ReadError, match=told):
        decode(data, "a.tif")


@pytest.mark.parametrize("kind", ["tiff_lzw", "tiff_adobe_deflate", "packbits", "raw"])
@pytest.mark.parametrize("orientation", [1, 3, 6])
@pytest.mark.parametrize("pages", [1, 3])
def test_packed_tiff_as_pillow_writes_it(kind, orientation, pages):
    images = [Image.fromarray(page.astype(np.uint16)) for page in STACK[:pages]]
    data = saved(
        images[0],
        "TIFF",
        compression=kind,
        save_all=True,
        append_images=images[1:],
        tiffinfo={274: orientation},
    )
    turn = {1: 0, 3: 2, 6: -1}[orientation]
    expected = np.rot90(STACK[:pages], turn, (1, 2))
    assert np.array_equal(decode(data, "a.tif").array, expected if pages > 1 else expected[0])


@pytest.mark.parametrize("kind", [bool, np.uint8, np.uint16])
@pytest.mark.parametrize("packed", ["tiff_lzw", "raw"])
def test_values_that_count_from_white_are_those_stored(kind, packed):
    """As tifffile has them, packed or not."""
    values = MAP.astype(kind)
    data = tif(values, photometric="miniswhite")
    assert (decode(data, "a.tif").array == values).all()
    image = Image.fromarray(values if kind == np.uint16 else ~values)
    data = saved(image, "TIFF", compression=packed, tiffinfo={262: 0})
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        assert file.pages[0].photometric == tifffile.PHOTOMETRIC.MINISWHITE
    assert (decode(data, "a.tif").array == values).all()


def test_packed_colours(rng):
    colours = rng.integers(0, 255, (5, 7, 3), dtype=np.uint8)
    data = saved(Image.fromarray(colours), "TIFF", compression="tiff_lzw")
    stored = decode(data, "a.tif")
    assert stored.channels
    assert (stored.array == colours).all()
