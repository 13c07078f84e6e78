"""Arrays to the bytes of PNG and NIfTI files; label maps to files."""

import gzip
import io
from pathlib import Path

import nibabel
import numpy as np
from jaxtyping import Integer, Shaped, UInt8
from PIL import Image

from tubekit import _check
from tubekit.data.storage import write_atomic
from tubekit.types import Spacing


def png(array: UInt8[np.ndarray, "h w *c"]) -> bytes:
    """Lossless PNG; ``optimize`` is part of the contract: hashes of the files depend on it."""
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def nifti(array: Shaped[np.ndarray, "z y x"], spacing: Spacing, *, unit: str = "mm") -> bytes:
    """Packed NIfTI, stored as (x, y, z); equal arrays give equal bytes.

    Args:
        array: volume in array order.
        spacing: voxel size in array order, in ``unit``.
        unit: ``"mm"``, ``"micron"`` or ``"unknown"``.
    """
    image = nibabel.Nifti1Image(np.ascontiguousarray(array.T), np.diag([*spacing[::-1], 1.0]))
    image.header.set_xyzt_units(unit)
    return pack_nifti(image)


def pack_nifti(image: nibabel.Nifti1Image) -> bytes:
    """Bytes of a .nii.gz file; equal images give equal bytes."""
    buffer = io.BytesIO()
    # Level 1 and no time stamp, as nibabel itself writes .nii.gz.
    with gzip.GzipFile("", mode="wb", fileobj=buffer, compresslevel=1, mtime=0) as packed:
        packed.write(image.to_bytes())
    return buffer.getvalue()


def write_label(path: Path, label: Integer[np.ndarray, "*s"], spacing: Spacing | None) -> None:
    """Write class indices as 8-bit values: a 2-D map as .png, a volume as .nii.gz.

    Args:
        path: file to write, whole or not at all; its suffix says the format.
        label: classes 0..255, 2-D or 3-D.
        spacing: millimetres per voxel, kept by NIfTI only; ``None`` means unit voxels.
    Raises:
        ValueError: a class outside 0..255, or a format that does not fit the number of axes.
    """
    _check.integer_classes("label", label, 256)
    formats = {2: ".png", 3: ".nii.gz"}
    wanted = formats.get(label.ndim)
    if wanted is None or not path.name.endswith(wanted):
        raise ValueError(
            f"{path}: expected a name that ends in .png for 2 axes or .nii.gz for 3, got "
            f"{label.ndim} axes; rename the output"
        )
    array = label.astype(np.uint8)
    data = png(array) if label.ndim == 2 else nifti(array, _check.spacing(spacing, 3))
    write_atomic(path, data)
