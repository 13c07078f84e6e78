"""Betti numbers by flood fill, and simple voxels by their definition."""

import itertools

import numpy as np

from tubekit.plain.neighbours import pieces


def betti_numbers(mask: np.ndarray) -> tuple[int, ...]:
    """Equation ``eq-betti``: pieces, holes, and in 3-D pieces, tunnels and cavities.

    The object has all neighbours, the background face neighbours only.
    """
    objects = len(list(pieces(mask, mask.ndim)))
    outside = ~np.pad(mask, 1)  # one frame of background, which is one piece
    enclosed = len(list(pieces(outside, 1))) - 1
    if mask.ndim == 2:
        return objects, enclosed
    return objects, objects + enclosed - euler_number(mask), enclosed


def euler_number(mask: np.ndarray) -> int:
    """Corners - edges + faces - cubes, each counted once however many voxels share it."""
    cells = set()
    for voxel in np.argwhere(mask).tolist():
        for part in itertools.product((-1, 0, 1), repeat=mask.ndim):
            cells.add(tuple(2 * v + p for v, p in zip(voxel, part, strict=True)))
    # A cell has an even coordinate along each axis in which it is extended.
    return sum((-1) ** sum(c % 2 == 0 for c in cell) for cell in cells)


def is_simple(block: np.ndarray) -> bool:
    """May the middle of 3 x 3 (x 3) voxels be deleted? Both sides must stay in one piece there."""
    distance = np.abs(np.indices(block.shape) - 1).sum(0)
    object_around = block & (distance > 0)
    background_near = ~block & (distance > 0) & (distance < 3)
    faces = {tuple(face) for face in np.argwhere(distance == 1).tolist()}
    touching = [piece for piece in pieces(background_near, 1) if piece & faces]
    return len(list(pieces(object_around, block.ndim))) == 1 and len(touching) == 1
