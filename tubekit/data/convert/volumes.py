"""Volumes: TIFF stacks, headerless files and NIfTI to packed NIfTI, (x, y, z) in the file."""

import gzip
import math
from collections.abc import Sequence

import nibabel
import numpy as np
from jaxtyping import Shaped

from tubekit.data.convert.crop import cut
from tubekit.data.decode import ReadError, decode
from tubekit.data.encode import nifti, pack_nifti

_UNIT_VOXEL = (1.0, 1.0, 1.0)


def _stack(data: bytes) -> Shaped[np.ndarray, "z y x"]:
    array = decode(data, "stack.tif").array
    if array.ndim != 3:
        raise ReadError(
            f"expected TIFF pages as the slices of a volume, got shape {array.shape}; fetch the "
            "original"
        )
    return array


def vesselnn_image(data: bytes, *, spacing_um: Sequence[float]) -> bytes:
    """A TIFF stack of 8 bits, with the voxel size (z, y, x) that TIFF does not hold."""
    return nifti(_stack(data).astype(np.uint8), tuple(spacing_um), unit="micron")


def vesselnn_label(data: bytes, *, spacing_um: Sequence[float]) -> bytes:
    """A TIFF mask stack to values 0 and 1."""
    return nifti((_stack(data) > 0).astype(np.uint8), tuple(spacing_um), unit="micron")


def stack_nifti(data: bytes) -> bytes:
    """A TIFF stack, values and type unchanged; voxel 1, unit unknown."""
    return nifti(_stack(data), _UNIT_VOXEL, unit="unknown")


def mask_stack_nifti(data: bytes) -> bytes:
    """A TIFF mask stack to values 0 and 1; voxel 1, unit unknown."""
    return nifti((_stack(data) > 0).astype(np.uint8), _UNIT_VOXEL, unit="unknown")


def channel_image_nifti(data: bytes) -> bytes:
    """Channels 1 to the last of an LVSD file: neighbouring slices of CT. Unit unknown."""
    return nifti(_upstream_nifti(data)[1][1:], _UNIT_VOXEL, unit="unknown")


def channel_label_nifti(data: bytes) -> bytes:
    """Channel 0 of an LVSD file: the mask of the middle slice, to values 0 and 1."""
    mask = (_upstream_nifti(data)[1][:1] > 127).astype(np.uint8)
    return nifti(mask, _UNIT_VOXEL, unit="unknown")


def raw_nifti(data: bytes, *, shape: Sequence[int]) -> bytes:
    """A file of bytes without header, x fastest; voxel 1, unit unknown.

    Args:
        data: the file.
        shape: (z, y, x).
    Raises:
        ReadError: the file has another size.
    """
    if len(data) != math.prod(shape):
        raise ReadError(
            f"expected {math.prod(shape)} bytes for the shape {list(shape)}, got {len(data)}; "
            "fetch the file again"
        )
    return nifti(np.frombuffer(data, np.uint8).reshape(shape), _UNIT_VOXEL, unit="unknown")


def nifti_crop(data: bytes, *, crop: Sequence[Sequence[int]]) -> bytes:
    """A NIfTI mask of 0 and 1 to 8 bits, cut; its position in millimetres stays."""
    image, array = _upstream_nifti(data)
    affine = image.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ [low for low, _ in reversed(crop)]
    part = np.ascontiguousarray(cut(array, crop).T.astype(np.uint8))
    return pack_nifti(nibabel.Nifti1Image(part, affine), "mm")


def _upstream_nifti(data: bytes) -> tuple[nibabel.Nifti1Image, Shaped[np.ndarray, "z y x"]]:
    """Header and array; packed or not, whatever the file is called."""
    try:
        raw = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
        image = nibabel.Nifti1Image.from_bytes(raw)
        array = np.asarray(image.dataobj).T
    except Exception as error:  # nibabel, gzip and zlib raise many kinds on damaged bytes
        raise ReadError(
            f"expected a NIfTI file, got {type(error).__name__}: {error}; fetch it again"
        ) from error
    if array.ndim != 3:
        raise ReadError(f"expected a volume of 3 axes, got shape {array.shape}; fetch the original")
    return image, array
