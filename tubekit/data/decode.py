"""Bytes of a file to an array, with one clear error for bad files.

What is an axis says the format, never the shape:

===============  ===============================================================================
PNG JPEG BMP     a picture (y x), turned as EXIF says; grey, colours (y x c), or indices with a
WebP GIF         palette. Opacity is left out. Several frames are refused, but for a photograph with
                 its preview (MPO).
TIFF             the names of axes in ImageJ and OME metadata, else the tags: pages are z, samples
                 are channels, in planes or not. Pages that were appended one by one are a stack;
                 previews are left out; images of different sizes and time points are refused.
NIfTI 1 and 2    the first three axes, or two of a picture; further ones of length 1 are left out.
MetaImage NRRD   the axes with a direction in space; another one holds channels.
===============  ===============================================================================
"""

import contextlib
import hashlib
from collections.abc import Callable
from pathlib import Path, PurePath

from tubekit._accept import PathLike
from tubekit._accept import path as as_path
from tubekit.data import metaimage, nrrd
from tubekit.data.metaimage import read_metaimage
from tubekit.data.nifti import read_nifti
from tubekit.data.nrrd import read_nrrd
from tubekit.data.pictures import read_picture
from tubekit.data.storage import file_sha256
from tubekit.data.stored import ReadError, Stored
from tubekit.data.tiff import read_tiff

__all__ = ["FORMATS", "ReadError", "Stored", "content_sha256", "decode", "read_stored"]

FORMATS: dict[str, Callable[[bytes, str | PurePath], Stored]] = {
    ".nii.gz": read_nifti,
    ".nii": read_nifti,
    ".png": read_picture,
    ".jpg": read_picture,
    ".jpeg": read_picture,
    ".bmp": read_picture,
    ".webp": read_picture,
    ".gif": read_picture,
    ".tif": read_tiff,
    ".tiff": read_tiff,
    ".mha": read_metaimage,
    ".mhd": read_metaimage,
    ".nrrd": read_nrrd,
    ".nhdr": read_nrrd,
}
"""Suffix to reader."""
_VALUES = {
    ".mha": metaimage.values_file,
    ".mhd": metaimage.values_file,
    ".nrrd": nrrd.values_file,
    ".nhdr": nrrd.values_file,
}
"""Where values lie that are in a file beside their header."""


def read_stored(path: PathLike) -> Stored:
    """Read and decode one file.

    Raises:
        ReadError: cannot be read, or as ``decode``.
    """
    path = as_path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ReadError(
            f"{path}: expected a readable file, got {error.strerror or error}; check the path, "
            "and for a data set of the book run 'tubekit data verify'"
        ) from error
    return decode(data, path)


def content_sha256(path: Path) -> str:
    """SHA-256 of all that a file says: its own, joined with that of the values beside a header."""
    own = file_sha256(path)
    if values_file := _VALUES.get(path.suffix.lower()):
        with contextlib.suppress(ValueError):  # no header, as reading it will say
            beside = values_file(path.read_bytes(), path)
            if beside and beside.is_file():
                own = hashlib.sha256(f"{own} {file_sha256(beside)}".encode()).hexdigest()
    return own


def decode(data: bytes, name: str | PurePath) -> Stored:
    """Decode a file that was read into memory; its suffix says the format.

    Args:
        data: the whole file.
        name: path or name, for the suffix and for messages; the values of ``.mhd`` and ``.nhdr``
            lie in a file beside it.
    Raises:
        ReadError: truncated, corrupt, unknown format, an impossible spacing or affine, or axes that
            are neither a picture's nor a volume's.
    """
    text = PurePath(name).name.lower()
    suffix = next((s for s in FORMATS if text.endswith(s)), None)
    if suffix is None:
        raise ReadError(
            f"{name}: expected {', '.join(FORMATS)}, got {Path(text).suffix or 'no suffix'}; "
            "convert the file"
        )
    try:
        return _native(FORMATS[suffix](data, name))
    except ReadError:
        raise
    # Each library raises errors of its own (and of zlib, gzip, struct) on damaged bytes.
    except Exception as error:
        cause = " ".join(f"{type(error).__name__}: {error}".split())
        raise ReadError(
            f"{name}: expected a complete {suffix} file, got {len(data)} bytes that do not "
            f"decode ({cause}); fetch the file again"
        ) from error


def _native(stored: Stored) -> Stored:
    """In this machine's byte order."""
    array = stored.array
    if array.dtype.isnative:
        return stored
    return stored._replace(array=array.astype(array.dtype.newbyteorder("=")))
