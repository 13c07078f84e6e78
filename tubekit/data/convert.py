"""Conversions from the files that the authors publish to the files that the library reads.

Each takes the bytes of one upstream file and the id of its case and returns the bytes of the file
to keep. A manifest names one of ``CONVERSIONS``; nothing in a manifest is executed.
"""

import hashlib
import io
import re
from collections.abc import Callable
from pathlib import PurePath

import numpy as np
import scipy.io
import scipy.ndimage
from jaxtyping import Bool, Integer, Shaped, UInt8

from tubekit.data.decode import ReadError, decode
from tubekit.data.encode import nifti, png

# Segmentation maps of CrackForest: 1 background, 2 crack, 3 area enclosed by cracks, 4 crack.
_CRACKFOREST_CRACK = (2, 4)
# Massachusetts Roads: windows lie on this grid; white regions larger than this are blank imagery.
ROAD_WINDOW, ROAD_STEP, ROAD_BLANK = 640, 86, 50
# vesselNN TIFF stacks hold no spacing; micrometres (x, y, z) from the repository's OME metadata.
_VESSELNN_UM = {
    "burgess2014_lowerRes_hiSNR": (1.59, 1.59, 5.0),
    "poon2015_plaqueVessels": (2.485, 2.485, 5.0),
    "santos2015_lowContrastVessels": (0.621, 0.621, 5.0),
    "santos2015_mixedSizelowContrastVessels": (0.621, 0.621, 5.0),
}
_VESSELNN_UM_DEFAULT = (0.994, 0.994, 5.0)


def _grey(array: np.ndarray) -> np.ndarray:
    """Masks stored as RGB(A) are grey: their first channel says it all."""
    return array[..., 0] if array.ndim == 3 else array


def copy(data: bytes, case_id: str) -> bytes:
    """The upstream file as it is."""
    return data


def threshold_png(data: bytes, case_id: str) -> bytes:
    """A PNG mask to 0/255 with 8 bits: above 127 is foreground."""
    return _threshold(data, f"{case_id}.png")


def threshold_jpg(data: bytes, case_id: str) -> bytes:
    """A JPEG mask to 0/255 PNG; compression left values between."""
    return _threshold(data, f"{case_id}.jpg")


def threshold_gif(data: bytes, case_id: str) -> bytes:
    """A GIF mask (field of view) to 0/255 PNG."""
    return _threshold(data, f"{case_id}.gif")


def threshold_tif(data: bytes, case_id: str) -> bytes:
    """A TIFF mask to 0/255 PNG."""
    return _threshold(data, f"{case_id}.tif")


def _threshold(data: bytes, name: str) -> bytes:
    return png(np.where(_grey(decode(data, name).array) > 127, 255, 0).astype(np.uint8))


def bits_png(data: bytes, case_id: str) -> bytes:
    """A 1-bit PNG mask to 0/255 with 8 bits."""
    return png(np.where(_grey(decode(data, f"{case_id}.png").array) > 0, 255, 0).astype(np.uint8))


def crackforest_mask(segmentation: Integer[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Crack pixels of a CrackForest map; the areas that cracks enclose (3) are road."""
    return np.isin(segmentation, _CRACKFOREST_CRACK)


def crackforest_mat(data: bytes, case_id: str) -> bytes:
    """MATLAB ground truth of CrackForest to a 0/255 PNG.

    Raises:
        ReadError: not a MATLAB file with ``groundTruth.Segmentation``.
    """
    try:
        content = scipy.io.loadmat(io.BytesIO(data))
        segmentation = content["groundTruth"]["Segmentation"][0, 0]
    except Exception as error:  # scipy.io raises many kinds on damaged bytes
        raise ReadError(
            f"{case_id}.mat: expected MATLAB data with groundTruth.Segmentation, got "
            f"{type(error).__name__}: {error}; fetch the file again"
        ) from error
    return png(np.where(crackforest_mask(segmentation), 255, 0).astype(np.uint8))


def blank_imagery(image: UInt8[np.ndarray, "h w 3"]) -> Bool[np.ndarray, "h w"]:
    """Missing imagery: connected all-white regions of more than 50 pixels."""
    regions, _ = scipy.ndimage.label((image == 255).all(axis=-1))
    sizes = np.bincount(regions.ravel())
    sizes[0] = 0
    return sizes[regions] > ROAD_BLANK


def road_window(
    image: UInt8[np.ndarray, "h w 3"], road: Bool[np.ndarray, "h w"]
) -> tuple[int, int] | None:
    """Upper left corner of the 640 x 640 window with most road and no missing imagery.

    Args:
        image: aerial photograph.
        road: mask of the same size.
    Returns:
        (row, column) on a grid of 86 pixels, or ``None`` where every window has missing imagery.
    """
    blank = blank_imagery(image)
    best, corner = -1, None
    height, width = road.shape
    for y in range(0, height - ROAD_WINDOW + 1, ROAD_STEP):
        for x in range(0, width - ROAD_WINDOW + 1, ROAD_STEP):
            window = np.s_[y : y + ROAD_WINDOW, x : x + ROAD_WINDOW]
            area = int(road[window].sum())
            if area > best and not blank[window].any():
                best, corner = area, (y, x)
    return corner


def _road_crop(data: bytes, case_id: str) -> np.ndarray:
    match = re.search(r"_y(\d+)_x(\d+)$", case_id)
    if match is None:
        raise ReadError(
            f"{case_id}: expected an id that ends in _y<row>_x<column>, got none; name the corner "
            "that road_window finds"
        )
    y, x = int(match.group(1)), int(match.group(2))
    array = decode(data, f"{case_id}.png").array
    if array.shape[0] < y + ROAD_WINDOW or array.shape[1] < x + ROAD_WINDOW:
        raise ReadError(
            f"{case_id}: expected an image that holds the window at ({y}, {x}), got shape "
            f"{array.shape}; fetch the original of 1500 x 1500 pixels"
        )
    return array[y : y + ROAD_WINDOW, x : x + ROAD_WINDOW]


def road_image(data: bytes, case_id: str) -> bytes:
    """The window that the case id names (corner by ``road_window``), RGB, as PNG."""
    return png(np.ascontiguousarray(_road_crop(data, case_id)[..., :3]))


def road_label(data: bytes, case_id: str) -> bytes:
    """The same window of a road mask, 0/255, as PNG."""
    return png(np.where(_grey(_road_crop(data, case_id)) > 127, 255, 0).astype(np.uint8))


def _vesselnn(stack: Shaped[np.ndarray, "z y x"], case_id: str) -> bytes:
    z, y, x = reversed(_VESSELNN_UM.get(case_id, _VESSELNN_UM_DEFAULT))
    return nifti(stack, (z, y, x), unit="micron")


def vesselnn_image(data: bytes, case_id: str) -> bytes:
    """A TIFF stack (z, y, x) of 8 bits to NIfTI (x, y, z) with the spacing of the metadata."""
    return _vesselnn(decode(data, f"{case_id}.tif").array.astype(np.uint8), case_id)


def vesselnn_label(data: bytes, case_id: str) -> bytes:
    """A TIFF mask stack to NIfTI with values 0 and 1."""
    return _vesselnn((decode(data, f"{case_id}.tif").array > 0).astype(np.uint8), case_id)


CONVERSIONS: dict[str, Callable[[bytes, str], bytes]] = {
    function.__name__: function
    for function in (
        copy,
        threshold_png,
        threshold_jpg,
        threshold_gif,
        threshold_tif,
        bits_png,
        crackforest_mat,
        road_image,
        road_label,
        vesselnn_image,
        vesselnn_label,
    )
}


def content_digest(data: bytes, name: str | PurePath) -> str:
    """SHA-256 of what a file shows: type, shape, spacing and values, not how it was packed.

    Raises:
        ReadError: the file does not decode.
    """
    array, spacing = decode(data, name)
    head = f"{array.dtype.str} {array.shape} {spacing}".encode()
    return hashlib.sha256(head + np.ascontiguousarray(array).tobytes()).hexdigest()
