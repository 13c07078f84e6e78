"""Nearest voxel of a mask: looking around a place, or from every place at once."""

import numpy as np

from tubekit.geometry.kernels.compiled import compiled


@compiled
def search(
    start: int,
    stop: int,
    mask: np.ndarray,
    places: np.ndarray,
    steps: np.ndarray,
    lengths: np.ndarray,
    found: np.ndarray,
) -> None:
    """Length of the first step from each place that ends on the mask; ``found`` stays else.

    Args:
        start, stop: range of ``places`` to work on.
        mask: flat, with a margin so wide that no step leaves it.
        places: flat indices.
        steps: flat, by increasing length; the first is 0.
        lengths: of the steps.
        found: one length for each place, written here.
    """
    for i in range(start, stop):
        for k in range(len(steps)):
            if mask[places[i] + steps[k]]:
                found[i] = lengths[k]
                break


@compiled
def along_rows(start: int, stop: int, mask: np.ndarray, step: np.ndarray) -> None:
    """Steps along the last axis from each voxel to the mask in its row; -1 in an empty row.

    Args:
        start, stop: range of planes to work on.
        mask: 3-D.
        step: signed integers of its shape, written here.
    """
    width = mask.shape[2]
    for z in range(start, stop):
        for y in range(mask.shape[1]):
            last = -1
            for x in range(width):
                last = x if mask[z, y, x] else last
                step[z, y, x] = x - last if last >= 0 else -1
            last = -1
            for x in range(width - 1, -1, -1):
                last = x if mask[z, y, x] else last
                if last >= 0 and (step[z, y, x] < 0 or last - x < step[z, y, x]):
                    step[z, y, x] = last - x


@compiled
def across_rows(
    start: int, stop: int, step: np.ndarray, row: np.ndarray, height: float, width: float
) -> None:
    """Row of the nearest mask voxel in the plane of each voxel; -1 in an empty plane.

    The distance to row q is a parabola over y; the lower envelope of all of them is found in one
    pass up and read in one pass down (Felzenszwalb and Huttenlocher, Theory of Computing 2012).

    Args:
        start, stop: range of planes to work on.
        step: of ``along_rows``.
        row: signed integers of its shape, written here.
        height, width: size of a voxel along the last two axes.
    """
    rows = step.shape[1]
    lowest = np.empty(rows, np.int64)
    begins = np.empty(rows, np.float64)
    level = np.empty(rows, np.float64)
    for z in range(start, stop):
        for x in range(step.shape[2]):
            kept = -1
            for q in range(rows):
                if step[z, q, x] < 0:
                    continue
                level[q] = (step[z, q, x] * width) ** 2 + (q * height) ** 2
                meet = -np.inf
                while kept >= 0:
                    v = lowest[kept]
                    meet = (level[q] - level[v]) / (2 * height**2 * (q - v))
                    if meet > begins[kept]:
                        break
                    kept -= 1
                    meet = -np.inf
                kept += 1
                lowest[kept] = q
                begins[kept] = meet
            last = kept
            for y in range(rows - 1, -1, -1):
                while last > 0 and begins[last] > y:
                    last -= 1
                row[z, y, x] = lowest[last] if last >= 0 else -1


@compiled
def across_planes(
    start: int,
    stop: int,
    places: np.ndarray,
    step: np.ndarray,
    row: np.ndarray,
    spacing: np.ndarray,
    found: np.ndarray,
) -> None:
    """Distance from each place to the nearest mask voxel of all planes, the nearest planes first.

    Args:
        start, stop: range of ``places`` to work on.
        places: indices (n, 3).
        step, row: of ``along_rows`` and ``across_rows``.
        spacing: size of a voxel.
        found: one distance for each place, written here.
    """
    planes = step.shape[0]
    for i in range(start, stop):
        z, y, x = places[i]
        best = np.inf
        for away in range(planes):
            if (away * spacing[0]) ** 2 >= best:
                break
            for plane in (z - away, z + away):
                if 0 <= plane < planes and row[plane, y, x] >= 0:
                    q = row[plane, y, x]
                    best = min(
                        best,
                        (away * spacing[0]) ** 2
                        + ((y - q) * spacing[1]) ** 2
                        + (step[plane, q, x] * spacing[2]) ** 2,
                    )
        found[i] = np.sqrt(best)
