"""Conversions from the files that the authors publish to the files that the library reads.

Each takes the bytes of the upstream files, and what the manifest gives as ``options``, and returns
the bytes of the file to keep. A manifest names one of ``CONVERSIONS``; nothing in it is executed.
"""

from collections.abc import Callable

from tubekit.data.convert import dicom, masks, volumes


def identity(data: bytes) -> bytes:
    """The upstream file as it is."""
    return data


CONVERSIONS: dict[str, Callable[..., bytes]] = {
    function.__name__: function
    for function in (
        identity,
        masks.threshold_png,
        masks.threshold_jpg,
        masks.threshold_gif,
        masks.threshold_tif,
        masks.bits_png,
        masks.first_channel_png,
        masks.colour_labels,
        masks.crackforest_mat,
        masks.road_image,
        masks.road_label,
        volumes.vesselnn_image,
        volumes.vesselnn_label,
        volumes.stack_nifti,
        volumes.mask_stack_nifti,
        volumes.channel_image_nifti,
        volumes.channel_label_nifti,
        volumes.raw_nifti,
        volumes.nifti_crop,
        dicom.zip_dicom_nifti,
        dicom.zip_dicom_crop_nifti,
        dicom.dicom_crop_nifti,
    )
}

__all__ = ["CONVERSIONS", "identity"]
