"""DICOM slices, loose and in archives, made here."""

import gzip
import io
import zipfile

import nibabel
import numpy as np
import pytest

from tubekit.data import ReadError
from tubekit.data.convert import dicom

pydicom = pytest.importorskip("pydicom")
SPACING = (2.5, 0.75, 0.5)


def slice_of(pixels, spacing=SPACING):
    """One DICOM file of 8 or 16 bits."""
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = pydicom.uid.CTImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 8 * pixels.itemsize
    dataset.HighBit, dataset.PixelRepresentation = 8 * pixels.itemsize - 1, pixels.dtype.kind == "i"
    dataset.PixelSpacing = list(spacing[1:])
    dataset.SpacingBetweenSlices = spacing[0]
    dataset.PixelData = pixels.tobytes()
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


@pytest.fixture
def volume(rng):
    return rng.integers(-1000, 1000, (12, 6, 8)).astype(np.int16)


@pytest.fixture
def archive(rng):
    """Two structures of twelve slices: bytes, and the array of the second."""
    array = np.where(rng.random((12, 6, 8)) > 0.5, 255, 0).astype(np.uint8)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as opened:
        for k in range(12):
            opened.writestr(f"MASKS/bone/image_{k}", slice_of(255 - array[k]))
            opened.writestr(f"MASKS/liver/image_{k}", slice_of(array[k]))
    return buffer.getvalue(), array


def read(data):
    image = nibabel.Nifti1Image.from_bytes(gzip.decompress(data))
    return image, np.asarray(image.dataobj).T


def test_structure_of_an_archive_in_numerical_order(archive):
    data, array = archive
    image, made = read(dicom.zip_dicom_nifti(data, member="MASKS/liver", slices=12))
    assert (made == array).all()
    assert made.dtype == np.uint8
    assert image.affine.tolist() == np.diag([-0.5, -0.75, 2.5, 1.0]).tolist()
    assert (int(image.header["qform_code"]), int(image.header["sform_code"])) == (1, 1)


def test_cut_structure_lies_where_it_lay(archive):
    data, array = archive
    crop = [[3, 11], [1, 5], [2, 8]]
    cut = dicom.zip_dicom_crop_nifti(data, member="MASKS/liver", slices=12, crop=crop)
    image, made = read(cut)
    assert (made == array[3:11, 1:5, 2:8]).all()
    assert image.affine[:3, 3].tolist() == [-0.5 * 2, -0.75 * 1, 2.5 * 3]


def test_loose_slices_are_those_of_the_crop(volume):
    crop = [[3, 11], [1, 5], [2, 8]]
    image, made = read(
        dicom.dicom_crop_nifti(*(slice_of(volume[k]) for k in range(3, 11)), crop=crop)
    )
    assert (made == volume[3:11, 1:5, 2:8]).all()
    assert made.dtype == np.int16
    assert image.affine[:3, 3].tolist() == [-0.5 * 2, -0.75 * 1, 2.5 * 3]
    with pytest.raises(ReadError, match="expected 8 slices, got 7"):
        dicom.dicom_crop_nifti(*(slice_of(volume[k]) for k in range(3, 10)), crop=crop)


def test_bad_archives(archive, monkeypatch):
    data, _ = archive
    for bad in (b"", b"no archive", data[: len(data) // 2]):
        with pytest.raises(ReadError, match="expected a zip file with 12 slices in MASKS/liver"):
            dicom.zip_dicom_nifti(bad, member="MASKS/liver", slices=12)
    with pytest.raises(ReadError, match="KeyError"):
        dicom.zip_dicom_nifti(data, member="MASKS/liver", slices=13)
    with pytest.raises(ReadError, match="KeyError"):
        dicom.zip_dicom_nifti(data, member="MASKS/live", slices=12)
    monkeypatch.setattr(dicom, "MAX_SLICE_BYTES", 40)
    with pytest.raises(ReadError, match=r"liver/image_0: expected a slice of at most 40 bytes"):
        dicom.zip_dicom_nifti(data, member="MASKS/liver", slices=12)


def test_bad_slices(volume):
    with pytest.raises(ReadError, match="expected 2 DICOM slices of one grid"):
        dicom.dicom_crop_nifti(b"no slice", b"", crop=[[0, 2], [0, 1], [0, 1]])
    other = slice_of(volume[0, :4].copy())
    with pytest.raises(ReadError, match="expected 2 DICOM slices of one grid, got ValueError"):
        dicom.dicom_crop_nifti(slice_of(volume[0]), other, crop=[[0, 2], [0, 1], [0, 1]])
