"""DICOM slices, loose or in an archive, to NIfTI where the patient lies."""

import io
import zipfile
from collections.abc import Sequence
from typing import NamedTuple

import nibabel
import numpy as np
from jaxtyping import Shaped

from tubekit._extras import extra
from tubekit.data.convert.crop import cut
from tubekit.data.decode import ReadError
from tubekit.data.encode import pack_nifti

# A slice of 512 x 512 pixels of 16 bits has half a megabyte; a larger member is no slice.
MAX_SLICE_BYTES = 4 << 20


class _Volume(NamedTuple):
    array: Shaped[np.ndarray, "z y x"]
    voxel: tuple[np.float32, np.float32, np.float32]


def zip_dicom_nifti(data: bytes, *, member: str, slices: int) -> bytes:
    """One structure of an archive of masks, whole.

    Args:
        data: the archive; it is read in memory, and only the members named are unpacked.
        member: folder inside the archive.
        slices: number of its files ``image_<k>``, k from 0 upwards, z ascending.
    Raises:
        ReadError: damaged, or without these members.
    """
    volume = _volume(_members(data, member, slices))
    return _placed(volume, (0, 0, 0))


def zip_dicom_crop_nifti(
    data: bytes, *, member: str, slices: int, crop: Sequence[Sequence[int]]
) -> bytes:
    """One structure of an archive of masks, cut to half-open ranges (z, y, x)."""
    volume = _volume(_members(data, member, slices))
    return _placed(volume._replace(array=cut(volume.array, crop)), [low for low, _ in crop])


def dicom_crop_nifti(*images: bytes, crop: Sequence[Sequence[int]]) -> bytes:
    """Loose slices of an image, those inside the range of z, cut in plane.

    Args:
        images: one file per slice, z ascending from the crop's first.
        crop: half-open ranges (z, y, x) of the full grid.
    Raises:
        ReadError: damaged, or not as many slices as the range has.
    """
    (first, last), *plane = crop
    if len(images) != last - first:
        raise ReadError(f"expected {last - first} slices, got {len(images)}; fetch them again")
    volume = _volume(images)
    inside = cut(volume.array, [(0, len(images)), *plane])
    return _placed(volume._replace(array=inside), [low for low, _ in crop])


def _members(data: bytes, member: str, slices: int) -> list[bytes]:
    found = []
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for k in range(slices):
                info = archive.getinfo(f"{member}/image_{k}")
                if info.file_size > MAX_SLICE_BYTES:
                    raise ReadError(
                        f"{info.filename}: expected a slice of at most {MAX_SLICE_BYTES} bytes, "
                        f"got {info.file_size}; do not use this archive"
                    )
                found.append(archive.read(info))
    except (KeyError, zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise ReadError(
            f"expected a zip file with {slices} slices in {member}, got "
            f"{type(error).__name__}: {error}; fetch it again"
        ) from error
    return found


def _volume(slices: Sequence[bytes]) -> _Volume:
    """Stored values as they are; voxel size (x, y, z) in millimetres from the first slice."""
    with extra("data", "reading DICOM slices"):
        import pydicom
    try:
        read = [pydicom.dcmread(io.BytesIO(data)) for data in slices]
        array = np.stack([dataset.pixel_array for dataset in read])
        y, x = read[0].PixelSpacing
        z = read[0].SpacingBetweenSlices
    except Exception as error:  # pydicom and NumPy raise many kinds on damaged bytes
        raise ReadError(
            f"expected {len(slices)} DICOM slices of one grid, got {type(error).__name__}: "
            f"{error}; fetch them again"
        ) from error
    return _Volume(array, (np.float32(x), np.float32(y), np.float32(z)))


def _placed(volume: _Volume, first: Sequence[int]) -> bytes:
    """NIfTI looks from the other side along x and y; the first voxel of the cut part moves."""
    direction = np.diag([*(np.array(volume.voxel, np.float64) * (-1, -1, 1)), 1.0])
    direction[:3, 3] = direction[:3, :3] @ list(reversed(first))
    image = nibabel.Nifti1Image(np.ascontiguousarray(volume.array.T), direction)
    image.set_qform(direction, code=1)
    image.set_sform(direction, code=1)
    return pack_nifti(image, "mm")
