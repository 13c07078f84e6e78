"""Arrays to the bytes of PNG and NIfTI files; label maps to files."""

import gzip
import io

import nibabel
import numpy as np
from jaxtyping import Integer, Shaped, UInt8
from PIL import Image

from tubekit import _check
from tubekit._accept import Array, PathLike, SpacingLike, classes
from tubekit._accept import path as as_path
from tubekit.data.placing import same_place
from tubekit.data.storage import write_atomic
from tubekit.types import Affine, Placed, Spacing


def png(array: UInt8[np.ndarray, "h w *c"]) -> bytes:
    """Lossless PNG; ``optimize`` is part of the contract: hashes of the files depend on it."""
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def nifti(array: Shaped[np.ndarray, "z y x"], spacing: Spacing, *, unit: str = "mm") -> bytes:
    """Packed NIfTI, stored as (x, y, z); equal arrays give equal bytes.

    The first voxel lies at the origin and the axes along x, y and z; ``placed_nifti`` can do more.

    Args:
        array: volume in array order.
        spacing: voxel size in array order, in ``unit``.
        unit: ``"mm"``, ``"micron"`` or ``"unknown"``.
    """
    image = nibabel.Nifti1Image(np.ascontiguousarray(array.T), np.diag([*spacing[::-1], 1.0]))
    return pack_nifti(image, unit)


def placed_nifti(
    array: Shaped[np.ndarray, "z y x"], spacing: Spacing, affine: Affine | None
) -> bytes:
    """Packed NIfTI at a place in space: in the sform, and in the qform where there is no shear.

    Args:
        array: volume in array order.
        spacing: millimetres per voxel in array order.
        affine: array index to place; ``None`` states no place (both codes 0).
    """
    place = None if affine is None else affine[:, [2, 1, 0, 3]]
    image = nibabel.Nifti1Image(np.ascontiguousarray(array.T), place)
    header = image.header
    if place is not None:
        header.set_qform(place, code="aligned", strip_shears=True)
    header.set_zooms(spacing[::-1])
    # A quaternion and three voxel sizes cannot say everything that twelve numbers can.
    if place is not None and not same_place(header.get_qform(), place):
        header.set_qform(None, code="unknown")
    return pack_nifti(image, "mm")


def pack_nifti(image: nibabel.Nifti1Image, unit: str) -> bytes:
    """Bytes of a .nii.gz file; equal images give equal bytes."""
    image.header.set_xyzt_units(unit)
    buffer = io.BytesIO()
    # Level 1 and no time stamp, as nibabel itself writes .nii.gz.
    with gzip.GzipFile("", mode="wb", fileobj=buffer, compresslevel=1, mtime=0) as packed:
        packed.write(image.to_bytes())
    return buffer.getvalue()


def write_label(
    path: PathLike,
    label: Integer[Array, "*s"],
    spacing: SpacingLike | None,
    affine: Affine | None = None,
) -> None:
    """Write class indices as 8-bit values: a 2-D map as .png, a volume as .nii.gz.

    Args:
        path: file to write, whole or not at all; its suffix says the format.
        label: classes 0..255, 2-D or 3-D.
        spacing: millimetres per voxel, kept by NIfTI only; ``None`` means unit voxels. The one that
            ``read_image`` returns lays the map where that image lies.
        affine: where the map lies, e.g. ``case.affine``; without it, and with a plain tuple as
            spacing, the first voxel lies at the origin and the axes along x, y and z.
    Raises:
        ValueError: a class outside 0..255, an impossible affine, or a format that does not fit the
            number of axes.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from tubekit.data import read_image
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_label(f"{folder}/a.png", np.eye(2, dtype=int), None)
        ...     read_image(f"{folder}/a.png")[0].tolist()
        [[[1.0, 0.0], [0.0, 1.0]]]
    """
    path, label = as_path(path), classes("label", label)
    _check.integer_classes("label", label, 256)
    formats = {2: ".png", 3: ".nii.gz"}
    wanted = formats.get(label.ndim)
    if wanted is None or not path.name.endswith(wanted):
        raise ValueError(
            f"{path}: expected a name that ends in .png for 2 axes or .nii.gz for 3, got "
            f"{label.ndim} axes; rename the output"
        )
    array = label.astype(np.uint8)
    sides = _check.spacing(spacing, label.ndim)
    if affine is not None:
        _check.affine(affine, label.ndim)
        spacing = Placed.of(sides, affine)
    if label.ndim == 2:
        data = png(array)
    elif isinstance(spacing, Placed):
        data = placed_nifti(array, sides, spacing.affine)
    else:
        data = nifti(array, sides)
    write_atomic(path, data)
