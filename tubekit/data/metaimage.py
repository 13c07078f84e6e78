"""MetaImage (.mha, .mhd), as ITK, SimpleITK and elastix write it: (x, y, z) in the file."""

import re
import zlib
from pathlib import Path, PurePath

import numpy as np

from tubekit import _check
from tubekit.data.stored import LPS_TO_RAS, ReadError, Stored
from tubekit.types import Affine, Placed

_TYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG": "i4",
    "MET_ULONG": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
_LAST = "ElementDataFile"


def read_metaimage(data: bytes, name: str | PurePath) -> Stored:
    """Decode a picture or volume with its place; lengths are millimetres.

    Raises:
        ReadError: several volumes, or values in text or in many files.
        KeyError, OSError, ValueError and others: damaged bytes.
    """
    header, begin = _header(data)
    shape = [int(v) for v in header["DimSize"].split()]
    kept = min(len(shape), 3)
    if kept < 2 or any(n != 1 for n in shape[kept:]):
        raise ReadError(
            f"{name}: expected one volume (x, y, z) or picture (x, y), got the size {shape}; store "
            "each volume as a file"
        )
    file = header[_LAST]
    if header.get("BinaryData", "True") != "True" or file.startswith("LIST") or "%" in file:
        raise ReadError(
            f"{name}: expected binary values in one file, got {file}; write the image again as .mha"
        )
    beside = values_file(data, name)
    values = _read(beside, name) if beside else data[begin:]
    if header.get("CompressedData", "False") == "True":
        values = zlib.decompress(values)
    big = "True" in (header.get("BinaryDataByteOrderMSB"), header.get("ElementByteOrderMSB"))
    dtype = np.dtype(_TYPES[header["ElementType"]]).newbyteorder(">" if big else "<")
    channels = int(header.get("ElementNumberOfChannels", "1"))
    # HeaderSize -1 means that the values end the file.
    count = int(np.prod(shape)) * channels
    skip = int(header.get("HeaderSize", "0"))
    skip = len(values) - count * dtype.itemsize if skip < 0 else skip
    array = np.frombuffer(values, dtype, count, skip)
    size = [*shape[:kept][::-1], *([channels] if channels > 1 else [])]
    return Stored(array.reshape(size), _place(header, len(shape), kept), channels=channels > 1)


def values_file(data: bytes, name: str | PurePath) -> Path | None:
    """The file of values, in the folder of the header; ``None`` where they follow the header.

    Raises:
        ValueError: no header.
    """
    file = _header(data)[0][_LAST]
    return None if file == "LOCAL" else Path(name).parent / Path(file).name


def _header(data: bytes) -> tuple[dict[str, str], int]:
    """The lines ``key = value`` and where the values begin: the last key names their file."""
    end = re.search(rb"^ElementDataFile\s*=.*?(?:\n|\Z)", data, re.MULTILINE)
    if end is None:
        raise ValueError("no line ElementDataFile")
    lines = data[: end.end()].decode("ascii", "replace").splitlines()
    pairs = (line.partition("=")[::2] for line in lines)
    return {key.strip(): value.strip() for key, value in pairs}, end.end()


def _read(path: Path, name: str | PurePath) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ReadError(
            f"{name}: expected its values in {path}, got {error.strerror or error}; keep both "
            "files in one folder"
        ) from error


def _place(header: dict[str, str], ndim: int, kept: int) -> Placed:
    """Voxel size and affine; the file's directions are those of the axes, one after the other."""

    def numbers(default: np.ndarray, *names: str) -> np.ndarray:
        found = next((header[n] for n in names if n in header), None)
        values = default if found is None else np.array(found.split(), float)
        return values.reshape(default.shape)

    sides = numbers(np.ones(ndim), "ElementSpacing", "ElementSize")[:kept]
    turned = numbers(np.eye(ndim), "TransformMatrix", "Rotation", "Orientation")
    origin = numbers(np.zeros(ndim), "Offset", "Position", "Origin")[:kept]
    spacing = _check.millimetres(sides[::-1].tolist(), kept)
    matrix = np.eye(kept + 1)
    matrix[:kept, :kept] = turned[:kept, :kept].T * sides
    matrix[:kept, kept] = origin
    return Placed.of(spacing, from_lps(matrix))


def from_lps(matrix: np.ndarray) -> Affine:
    """Affine of (x, y, z) to (left, back, top) as one of (z, y, x) to (right, front, top)."""
    ndim = len(matrix) - 1
    made = np.array(matrix, np.float64)
    made[:ndim] *= LPS_TO_RAS[:ndim, None]
    made = np.ascontiguousarray(made[:, [*range(ndim - 1, -1, -1), ndim]]) + 0.0  # no -0
    _check.affine(made, ndim)
    return made
