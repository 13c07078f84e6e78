"""NIfTI, versions 1 and 2: (x, y, z) in the file, (z, y, x) here, and so its spacing and affine.

The place is the sform's, or the qform's where there is none. Both may be set and differ, e.g. the
scanner's place and that in an atlas: the sform counts, as nibabel, FSL and ITK have it, and the log
says so. The voxel size stands in the header twice, in pixdim and in the affine; a file whose two
disagree is refused, because nobody knows which is right.
"""

import gzip
import io
import logging
from pathlib import PurePath
from typing import Any

import nibabel
import numpy as np

from tubekit import _check
from tubekit.data.stored import ReadError, Stored, flat_affine
from tubekit.types import Affine, Placed

log = logging.getLogger("tubekit.data")

# What headers may call the unit of length; those that name none mean millimetres.
_MILLIMETRES = {"meter": 1e3, "mm": 1.0, "micron": 1e-3, "unknown": 1.0}


def read_nifti(data: bytes, name: str | PurePath) -> Stored:
    """Decode a volume, a volume with further axes of length 1, or a picture of two axes.

    Raises:
        ReadError: several volumes, colours, an impossible spacing or affine, or two that disagree.
        OSError and others of nibabel: damaged bytes.
    """
    raw = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    kind = nibabel.Nifti2Image if _version(raw) == 2 else nibabel.Nifti1Image
    # Unchecked, because nibabel's check turns a spacing of 0 into 1 and -2 into 2.
    header = kind.header_class.from_fileobj(io.BytesIO(raw), check=False)
    shape = header.get_data_shape()
    ndim = min(len(shape), 3)
    if ndim < 2 or any(n != 1 for n in shape[3:]):
        raise ReadError(
            f"{name}: expected one volume (x, y, z) or picture (x, y), got shape {shape}; store "
            "each volume as a file, e.g. with nibabel.four_to_three"
        )
    stored = [float(v) for v in header["pixdim"][1 : ndim + 1]]
    if not all(np.isfinite(v) and v > 0 for v in stored):
        raise ReadError(
            f"{name}: expected a positive spacing per axis, got {stored} in the header; "
            "correct pixdim from the scanner's protocol"
        )
    unit = _MILLIMETRES[header.get_xyzt_units()[0]]
    # float32 header values carry noise in the eighth digit: 0.994 is stored as 0.99400001764.
    spacing = tuple(float(f"{v * unit:.6g}") for v in reversed(stored))
    array = np.asarray(kind.from_bytes(raw).dataobj)
    if array.dtype.names:
        raise ReadError(
            f"{name}: expected one value per voxel, got colours {array.dtype.names}; store their "
            "sum or one of them"
        )
    array = array.reshape(shape[:ndim])
    affine = _affine(header, unit, name)
    if affine is not None:
        _same_size(spacing, affine, name)
        affine = affine if ndim == 3 else flat_affine(affine)
    return Stored(np.ascontiguousarray(array.T), Placed.of(spacing, affine))


def _version(raw: bytes) -> int:
    """The size of the header tells the versions apart, in either byte order."""
    return 2 if raw[:4] in ((540).to_bytes(4, "little"), (540).to_bytes(4, "big")) else 1


def _affine(header: Any, millimetres: float, name: object) -> Affine | None:
    """The sform, or the qform where there is none; columns turned, since arrays are (z, y, x)."""
    sform, qform = int(header["sform_code"]), int(header["qform_code"])
    if sform == qform == 0:
        return None
    stored = np.asarray(header.get_best_affine(), np.float64)
    if sform and qform and not np.allclose(stored, header.get_qform(), rtol=1e-3, atol=1e-2):
        log.warning("%s: sform and qform state different places; the sform counts", name)
    stored[:3] *= millimetres
    turned = np.ascontiguousarray(stored[:, [2, 1, 0, 3]])
    try:
        _check.affine(turned, 3)
    except ValueError as error:
        raise ReadError(f"{name}: {error}") from error
    return turned


def _same_size(spacing: tuple[float, ...], affine: Affine, name: object) -> None:
    """Both statements of a voxel's size must agree."""
    sides = np.linalg.norm(affine[:3, -1 - len(spacing) : -1], axis=0)
    if not np.allclose(sides, spacing, rtol=1e-3):
        pixdim, placed = (" x ".join(f"{v:.6g}" for v in reversed(s)) for s in (spacing, sides))
        raise ReadError(
            f"{name}: expected one voxel size, got {pixdim} mm in pixdim and {placed} mm in the "
            "affine; find out which is right and save the file with it, e.g. as "
            "nibabel.Nifti1Image(array, affine)"
        )
