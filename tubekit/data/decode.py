"""Bytes of PNG, JPEG, GIF, TIFF and NIfTI files to arrays, with one clear error for bad files."""

import gzip
import io
from pathlib import Path, PurePath
from typing import Any, NamedTuple

import imageio.v3 as iio
import nibabel
import numpy as np
from jaxtyping import Shaped
from PIL import Image, ImageSequence
from PIL.TiffImagePlugin import BITSPERSAMPLE

from tubekit import _check
from tubekit.types import Affine, Placed, Spacing

# What NIfTI headers may call the unit of length; headers that name none mean millimetres.
_MILLIMETRES = {"meter": 1e3, "mm": 1.0, "micron": 1e-3, "unknown": 1.0}


class ReadError(ValueError):
    """A file that cannot be used; the message says file, expected, got and remedy."""


class Stored(NamedTuple):
    """Values as the file holds them, spatial axes in array order, and what its header says.

    ``spacing`` is ``Placed`` in NIfTI files, else ``None``.
    """

    array: np.ndarray[Any, Any]
    spacing: Spacing | None

    @property
    def affine(self) -> Affine | None:
        """Where the grid lies; ``None`` where the file states no place."""
        return self.spacing.affine if isinstance(self.spacing, Placed) else None


def read_stored(path: Path) -> Stored:
    """Read and decode one file.

    Raises:
        ReadError: cannot be read, or as ``decode``.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ReadError(
            f"{path}: expected a readable file, got {error.strerror or error}; check the path, "
            "and for a data set of the book run 'tubekit data verify'"
        ) from error
    return decode(data, path)


def decode(data: bytes, name: str | PurePath) -> Stored:
    """Decode a file that was read into memory; its suffix says the format.

    NIfTI arrays (x, y, z) are turned into (z, y, x), and so are their spacing and affine.

    Args:
        data: the whole file.
        name: path or name, for the suffix and for messages.
    Raises:
        ReadError: truncated, corrupt, unknown format, or an impossible spacing or affine.
    """
    suffixes = "".join(PurePath(name).suffixes[-2:]).lower()
    try:
        if suffixes.endswith((".nii", ".nii.gz")):
            return _nifti(data, suffixes, name)
        if suffixes.endswith((".tif", ".tiff")):
            return Stored(_tiff(data, name), None)
        if suffixes.endswith((".png", ".jpg", ".jpeg")):
            return Stored(iio.imread(io.BytesIO(data), plugin="pillow"), None)
        if suffixes.endswith(".gif"):
            # The first frame as grey values: GIF stores masks through a palette.
            return Stored(iio.imread(io.BytesIO(data), plugin="pillow", index=0, mode="L"), None)
    except ReadError:
        raise
    # Each library raises errors of its own (and of zlib, gzip, struct) on damaged bytes.
    except Exception as error:
        cause = " ".join(f"{type(error).__name__}: {error}".split())
        raise ReadError(
            f"{name}: expected a complete {suffixes} file, got {len(data)} bytes that do not "
            f"decode ({cause}); fetch the file again"
        ) from error
    raise ReadError(
        f"{name}: expected .png, .jpg, .gif, .tif, .nii or .nii.gz, got {suffixes or 'no suffix'}; "
        "convert the file"
    )


def _tiff(data: bytes, name: str | PurePath) -> Shaped[np.ndarray, "..."]:
    """Pages as (z, y, x), a single page as (y, x)."""
    try:
        return iio.imread(io.BytesIO(data), plugin="tifffile")
    except ValueError as error:
        # tifffile needs another package for LZW and JPEG inside TIFF; Pillow reads them page by
        # page, but drops colours of 16 bits to 8.
        if "imagecodecs" not in str(error):
            raise
    with Image.open(io.BytesIO(data)) as image:
        pages = [np.asarray(page) for page in ImageSequence.Iterator(image)]
        bits = int(np.max(image.getexif().get(BITSPERSAMPLE, 1)))
    if bits > 8 * pages[0].itemsize:
        raise ReadError(
            f"{name}: expected packed colours of 8 bits, got {bits}; store the TIFF uncompressed"
        )
    return pages[0] if len(pages) == 1 else np.stack(pages)


def _nifti(data: bytes, suffixes: str, name: str | PurePath) -> Stored:
    raw = gzip.decompress(data) if suffixes.endswith(".gz") else data
    # Unchecked, because nibabel's check turns a spacing of 0 into 1 and -2 into 2.
    header = nibabel.Nifti1Header.from_fileobj(io.BytesIO(raw), check=False)
    shape = header.get_data_shape()
    if len(shape) != 3:
        raise ReadError(
            f"{name}: expected a volume of 3 axes, got shape {shape}; store one volume a file"
        )
    stored = [float(v) for v in header["pixdim"][1:4]]
    if not all(np.isfinite(v) and v > 0 for v in stored):
        raise ReadError(
            f"{name}: expected a positive spacing per axis, got {stored} in the header; "
            "correct pixdim from the scanner's protocol"
        )
    unit = header.get_xyzt_units()[0]
    # float32 header values carry noise in the eighth digit: 0.994 is stored as 0.99400001764.
    spacing = tuple(float(f"{v * _MILLIMETRES[unit]:.6g}") for v in reversed(stored))
    array = np.asarray(nibabel.Nifti1Image.from_bytes(raw).dataobj)
    affine = _affine(header, _MILLIMETRES[unit], name)
    return Stored(np.ascontiguousarray(array.T), Placed.of(spacing, affine))


def _affine(
    header: nibabel.Nifti1Header, millimetres: float, name: str | PurePath
) -> Affine | None:
    """The sform, or the qform where there is none; columns turned, since arrays are (z, y, x)."""
    if header["sform_code"] == header["qform_code"] == 0:
        return None
    stored = np.asarray(header.get_best_affine(), np.float64)
    stored[:3] *= millimetres
    turned = np.ascontiguousarray(stored[:, [2, 1, 0, 3]])
    try:
        _check.affine(turned, 3)
    except ValueError as error:
        raise ReadError(f"{name}: {error}") from error
    return turned
