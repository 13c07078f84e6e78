"""Thinning, the tube around what is left of a label, and the metric on centre lines."""

import numpy as np

from tubekit.plain.neighbours import offsets, shifted

# North, then clockwise: the eight neighbours of a pixel as (row, column).
RING = [(-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1)]


def zhang_suen(mask: np.ndarray) -> np.ndarray:
    """Thinning in 2-D: peel the border in two alternating halves until nothing changes."""
    skeleton, before = mask, np.zeros_like(mask)
    while not np.array_equal(skeleton, before):
        before = skeleton
        skeleton = peel(peel(skeleton, 0), 1)
    return skeleton


def peel(mask: np.ndarray, half: int) -> np.ndarray:
    """Half a round: delete pixels of the border whose ring is object in a single piece."""
    ring = [shifted(mask, step) for step in RING]
    north, _, east, _, south, _, west, _ = ring
    size = sum(pixel.astype(int) for pixel in ring)
    starts = sum((~a & b).astype(int) for a, b in zip(ring, ring[1:] + ring[:1], strict=True))
    if half == 0:  # at the lower right, or a corner at the upper left
        stays = (north & east & south) | (east & south & west)
    else:
        stays = (north & east & west) | (north & south & west)
    return mask & ~((size >= 2) & (size <= 6) & (starts == 1) & ~stays)


def dilate(mask: np.ndarray) -> np.ndarray:
    """Grow by every voxel that shares a face."""
    grown = mask.copy()
    for step in offsets(mask.ndim, 1):
        grown |= shifted(mask, step)
    return grown


def tubed_skeleton(label: np.ndarray, skeleton: np.ndarray) -> np.ndarray:
    """Equation ``eq-tubed-skeleton``: thicken the skeleton twice, put the classes back."""
    tube = dilate(dilate(skeleton))
    return tube * label


def cldice(
    pred: np.ndarray, target: np.ndarray, pred_line: np.ndarray, target_line: np.ndarray
) -> float:
    """Equation ``eq-cldice``, with the skeleton of each mask beside it."""
    precision = (pred_line & target).sum() / pred_line.sum()
    sensitivity = (target_line & pred).sum() / target_line.sum()
    return 2 * precision * sensitivity / (precision + sensitivity)
