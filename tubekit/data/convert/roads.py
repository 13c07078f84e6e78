"""How the windows of Massachusetts Roads were chosen; the manifest lists what came out."""

import numpy as np
import scipy.ndimage
from jaxtyping import Bool, UInt8

# Windows lie on this grid; white regions larger than this are blank imagery.
ROAD_WINDOW, ROAD_STEP, ROAD_BLANK = 640, 86, 50


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
