"""Photographs, slices and their masks: PNG, JPEG, GIF, TIFF and MATLAB to 8-bit PNG."""

import io
from collections.abc import Mapping, Sequence

import numpy as np
import scipy.io
from jaxtyping import Bool, Integer, UInt8

from tubekit.data.convert.crop import cut
from tubekit.data.decode import ReadError, decode
from tubekit.data.encode import png

# Segmentation maps of CrackForest: 1 background, 2 crack, 3 area enclosed by cracks, 4 crack.
_CRACKFOREST_CRACK = (2, 4)


def _first_channel(data: bytes, suffix: str) -> np.ndarray:
    """Masks stored as RGB(A) are grey or of one colour: their first channel says it all."""
    array = decode(data, f"mask{suffix}").seen.array
    return array[..., 0] if array.ndim == 3 else array


def _mask(foreground: Bool[np.ndarray, "h w"]) -> bytes:
    return png(np.where(foreground, 255, 0).astype(np.uint8))


def threshold_png(data: bytes) -> bytes:
    """A PNG mask to 0/255 with 8 bits: above 127 is foreground."""
    return _mask(_first_channel(data, ".png") > 127)


def threshold_jpg(data: bytes) -> bytes:
    """A JPEG mask to 0/255; compression left values between."""
    return _mask(_first_channel(data, ".jpg") > 127)


def threshold_gif(data: bytes) -> bytes:
    """A GIF mask (field of view) to 0/255."""
    return _mask(_first_channel(data, ".gif") > 127)


def threshold_tif(data: bytes) -> bytes:
    """A TIFF mask to 0/255."""
    return _mask(_first_channel(data, ".tif") > 127)


def bits_png(data: bytes) -> bytes:
    """A 1-bit mask to 0/255 with 8 bits: its values are 0 and 1, none is above 127."""
    return _mask(_first_channel(data, ".png") > 0)


def first_channel_png(data: bytes) -> bytes:
    """A grey image stored as RGB to grey, values unchanged."""
    return png(np.ascontiguousarray(_first_channel(data, ".png")))


def colour_labels(data: bytes, *, colours: Mapping[str, int]) -> bytes:
    """An RGB mask to label values; black is 0.

    Args:
        data: the PNG file.
        colours: label value of each colour, ``{"ff0000": 2}``.
    Raises:
        ReadError: another colour occurs.
    """
    array = decode(data, "mask.png").seen.array
    if array.ndim != 3 or array.dtype != np.uint8:
        raise ReadError(
            f"expected an RGB mask of 8 bits, got {array.dtype} of shape {array.shape}; fetch the "
            "original"
        )
    packed = array[..., :3].astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], np.int32)
    labels = np.zeros(packed.shape, np.uint8)
    known = packed == 0
    for colour, value in colours.items():
        drawn = packed == int(colour, 16)
        labels[drawn] = value
        known |= drawn
    if not known.all():
        raise ReadError(
            f"expected black and the colours {', '.join(colours)}, got {packed[~known][0]:06x}; "
            "correct the colours in the manifest"
        )
    return png(labels)


def crackforest_mask(segmentation: Integer[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Crack pixels of a CrackForest map; the areas that cracks enclose (3) are road."""
    return np.isin(segmentation, _CRACKFOREST_CRACK)


def crackforest_mat(data: bytes) -> bytes:
    """MATLAB ground truth of CrackForest to 0/255.

    Raises:
        ReadError: not a MATLAB file with ``groundTruth.Segmentation``.
    """
    try:
        content = scipy.io.loadmat(io.BytesIO(data))
        segmentation = content["groundTruth"]["Segmentation"][0, 0]
    except Exception as error:  # scipy.io raises many kinds on damaged bytes
        raise ReadError(
            f"expected MATLAB data with groundTruth.Segmentation, got "
            f"{type(error).__name__}: {error}; fetch the file again"
        ) from error
    return _mask(crackforest_mask(segmentation))


def road_image(data: bytes, *, crop: Sequence[Sequence[int]]) -> bytes:
    """A window of an aerial photograph, RGB (its corner was found by ``roads.road_window``)."""
    array: UInt8[np.ndarray, "h w c"] = decode(data, "photograph.png").seen.array
    return png(np.ascontiguousarray(cut(array, crop)[..., :3]))


def road_label(data: bytes, *, crop: Sequence[Sequence[int]]) -> bytes:
    """The same window of a road mask, 0/255."""
    return _mask(cut(_first_channel(data, ".png"), crop) > 127)
