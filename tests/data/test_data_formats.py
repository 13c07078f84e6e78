"""What is an axis says the format: one reader after the other, and what each must refuse."""

import hashlib
import io
import struct
import zlib

import nibabel
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from tubekit.data import ReadError, read_image
from tubekit.data.decode import FORMATS, content_sha256, decode
from tubekit.data.folders import IMAGES, LABELS, read_map

MAP = (np.arange(5 * 7).reshape(5, 7) % 3).astype(np.uint8)
STACK = (np.arange(3 * 5 * 7).reshape(3, 5, 7) % 4).astype(np.uint8)
PHOTO = np.add.outer(np.arange(5) * 40, np.arange(7) * 9)[..., None].astype(np.uint8) + np.arange(
    3, dtype=np.uint8
)
VOC = [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0]
META = (
    "ObjectType = Image\nNDims = 3\nDimSize = 7 5 3\nElementType = MET_UCHAR\n"
    "ElementSpacing = 0.5 0.7 2\nOffset = 1 2 3\nTransformMatrix = 0 1 0 -1 0 0 0 0 1\n"
)
NRRD = (
    "NRRD0004\ntype: uchar\ndimension: 3\nspace: left-posterior-superior\nsizes: 7 5 3\n"
    "space directions: (0,0.5,0) (-0.7,0,0) (0,0,2)\nspace origin: (1,2,3)\nencoding: raw\n"
)
# (z y x) to right, front and top: both axes above are turned by a quarter, and LPS by a half.
TURNED = [[0.0, 0.7, 0, -1], [0, 0, -0.5, -2], [2, 0, 0, 3], [0, 0, 0, 1]]


def saved(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def tif(array, **options):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, array, **options)
    return buffer.getvalue()


def picture(kind, **options):
    return lambda folder, name: (folder / name).write_bytes(
        saved(Image.fromarray(MAP), kind, **options)
    )


def volume(folder, name):
    nibabel.save(nibabel.Nifti1Image(STACK.T, np.eye(4)), folder / name)


def header_and_values(text, line):
    def write(folder, name):
        (folder / name).write_bytes((text + line.format("values.raw")).encode())
        (folder / "values.raw").write_bytes(STACK.tobytes())

    return write


WRITERS = {
    ".nii": volume,
    ".nii.gz": volume,
    ".png": picture("PNG"),
    ".bmp": picture("BMP"),
    ".webp": picture("WEBP", lossless=True),
    ".gif": picture("GIF"),
    ".jpg": picture("JPEG", quality=100),
    ".jpeg": picture("JPEG", quality=100),
    ".tif": lambda folder, name: (folder / name).write_bytes(tif(STACK, photometric="minisblack")),
    ".tiff": lambda folder, name: (folder / name).write_bytes(tif(MAP)),
    ".mha": lambda folder, name: (folder / name).write_bytes(
        (META + "ElementDataFile = LOCAL\n").encode() + STACK.tobytes()
    ),
    ".mhd": header_and_values(META, "ElementDataFile = {}\n"),
    ".nrrd": lambda folder, name: (folder / name).write_bytes(
        (NRRD + "\n").encode() + STACK.tobytes()
    ),
    ".nhdr": header_and_values(NRRD, "data file: {}\n"),
}


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_reads_back(tmp_path, suffix):
    name = f"a{suffix}"
    WRITERS[suffix](tmp_path, name)
    image, spacing = read_image(str(tmp_path / name))
    array = STACK if image.ndim == 4 else MAP
    near = 2 if suffix in (".jpg", ".jpeg", ".webp") else 0  # lossy, or stored as colours
    assert image.shape[1:] == array.shape
    assert np.abs(image - array).max() <= near
    assert (spacing is None) == (suffix in (".png", ".bmp", ".webp", ".gif", ".jpg", ".jpeg")) or (
        suffix in (".tif", ".tiff")
    )
    assert suffix in IMAGES
    if suffix in LABELS:
        assert (read_map(tmp_path / name).array == array).all()


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("keep", [0, 30])
def test_every_format_refuses_what_is_cut_off(tmp_path, suffix, keep):
    WRITERS[suffix](tmp_path, f"a{suffix}")
    path = tmp_path / f"a{suffix}"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ReadError, match=rf"a{suffix}: expected a complete .* fetch the file again"):
        read_image(path)


@pytest.mark.parametrize("suffix", [".mha", ".mhd", ".nrrd", ".nhdr"])
def test_places_of_metaimage_and_nrrd(tmp_path, suffix):
    WRITERS[suffix](tmp_path, f"a{suffix}")
    _, spacing = read_image(tmp_path / f"a{suffix}")
    assert spacing == (2.0, 0.7, 0.5)
    assert np.allclose(spacing.affine, TURNED)


def test_packed_metaimage_of_another_byte_order(tmp_path):
    values = STACK.astype(">u2")
    text = META.replace("MET_UCHAR", "MET_USHORT") + (
        "BinaryDataByteOrderMSB = True\nCompressedData = True\nElementDataFile = LOCAL\n"
    )
    stored = decode(text.encode() + zlib.compress(values.tobytes()), "a.mha")
    assert stored.array.dtype == np.uint16
    assert (stored.array == STACK).all()


@pytest.mark.parametrize("suffix", [".mhd", ".nhdr"])
def test_values_that_are_not_beside_their_header(tmp_path, suffix):
    WRITERS[suffix](tmp_path, f"a{suffix}")
    (tmp_path / "values.raw").unlink()
    with pytest.raises(ReadError, match=rf"a{suffix}: expected .*values\.raw"):
        read_image(tmp_path / f"a{suffix}")


@pytest.mark.parametrize(("suffix", "text"), [(".mhd", META), (".nhdr", NRRD)])
def test_values_beside_a_header_are_part_of_the_content(tmp_path, suffix, text):
    WRITERS[suffix](tmp_path, f"a{suffix}")
    path, values = tmp_path / f"a{suffix}", tmp_path / "values.raw"
    before = content_sha256(path)
    values.write_bytes(STACK.tobytes()[::-1])
    assert content_sha256(path) != before
    values.write_bytes(STACK.tobytes())
    assert content_sha256(path) == before
    path.write_text(text)  # no file of values
    assert content_sha256(path) == hashlib.sha256(text.encode()).hexdigest()


def test_a_metaimage_header_without_a_last_new_line(tmp_path):
    header_and_values(META, "ElementDataFile = {}")(tmp_path, "a.mhd")
    assert (read_map(tmp_path / "a.mhd").array == STACK).all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("kind", "name"), [("JPEG", "a.jpg"), ("PNG", "a.png"), ("TIFF", "a.tif")])
def test_photographs_stand_upright(kind, name, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    data = saved(Image.fromarray(PHOTO), kind, exif=exif)
    with Image.open(io.BytesIO(data)) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    assert (decode(data, name).array == expected).all()
    assert (expected.shape[0] == 7) == (orientation > 4)


def indexed(palette):
    image = Image.fromarray(MAP)
    image.putpalette(palette)
    return image


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "GIF", "BMP"])
def test_a_coloured_palette_is_for_the_eye_only(tmp_path, kind):
    path = tmp_path / f"a.{kind.lower() if kind != 'TIFF' else 'tif'}"
    path.write_bytes(saved(indexed(VOC), kind))
    assert (read_map(path).array == MAP).all()
    assert np.array_equal(read_image(path)[0], np.array(VOC).reshape(-1, 3)[MAP].transpose(2, 0, 1))


GREYS = [0, 0, 0, 255, 255, 255, 7, 7, 7]


@pytest.mark.parametrize("kind", ["GIF", "BMP"])
def test_a_grey_palette_holds_the_values_where_no_file_is_without(kind):
    stored = decode(saved(indexed(GREYS), kind), f"a.{kind}")
    assert (stored.array == np.array([0, 255, 7])[MAP]).all()
    assert stored.palette is None


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_the_index_counts_also_below_greys(kind):
    stored = decode(saved(indexed(GREYS), kind), f"a.{kind}")
    assert (stored.array == MAP).all()
    assert (stored.seen.array == np.array([0, 255, 7])[MAP]).all()
    assert not stored.seen.channels


def test_opacity_is_left_out_where_nothing_shows_through():
    full = np.full((5, 7), 255, np.uint8)
    assert (decode(saved(Image.fromarray(np.dstack([PHOTO, full])), "PNG"), "a.png").array
            == PHOTO).all()  # fmt: skip
    grey = decode(saved(Image.fromarray(np.dstack([MAP, full])), "PNG"), "a.png")
    assert (grey.array == MAP).all()
    assert not grey.channels
    with pytest.raises(ReadError, match=r"a\.png: expected an opaque picture"):
        decode(saved(Image.fromarray(np.dstack([PHOTO, MAP])), "PNG"), "a.png")


@pytest.mark.parametrize(("kind", "suffix"), [("GIF", "gif"), ("PNG", "png"), ("WEBP", "webp")])
def test_several_frames_are_refused(kind, suffix):
    frames = [Image.fromarray(MAP * 80), Image.fromarray(MAP.T.reshape(5, 7) * 90)]
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:])
    with pytest.raises(ReadError, match=rf"a\.{suffix}: expected one picture, got 2 frames"):
        decode(data, f"a.{suffix}")


def test_a_photograph_with_its_preview_is_the_photograph():
    photo = Image.fromarray(PHOTO)
    data = saved(photo, "MPO", save_all=True, append_images=[photo.resize((3, 2))])
    assert decode(data, "a.jpg").array.shape == PHOTO.shape


def test_colours_of_print_become_those_of_the_screen():
    data = saved(Image.fromarray(PHOTO).convert("CMYK"), "JPEG", quality=100)
    assert np.abs(decode(data, "a.jpg").array.astype(int) - PHOTO).max() < 8


def test_png_of_16_bits():
    deep = MAP.astype(np.uint16) * 20_000
    assert (decode(saved(Image.fromarray(deep), "PNG"), "a.png").array == deep).all()
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in PHOTO)
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", 7, 5, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
    assert Image.open(io.BytesIO(data)).mode == "RGB"  # Pillow reads the upper half of each value
    with pytest.raises(ReadError, match=r"a\.png: expected colours of 8 bits, got 16"):
        decode(data, "a.png")
