"""Thinning of volumes after Lee, Kashyap and Chu (1994), on a list of voxels.

A neighbourhood of 3 x 3 x 3 voxels is kept as 27 bits of one number; bit 9 z + 3 y + x stands for
the voxel at (z, y, x), so the centre is bit 13. Growing a set by one voxel is then a few shifts.
"""

import itertools

import numpy as np

from tubekit.geometry.kernels.compiled import compiled

_CELLS = tuple(itertools.product(range(3), repeat=3))


def _bits(axis: int, *values: int) -> int:
    """The cells of a neighbourhood whose coordinate on ``axis`` is one of ``values``."""
    return sum(1 << bit for bit, cell in enumerate(_CELLS) if cell[axis] in values)


_ALL, _CENTRE = (1 << 27) - 1, 1 << 13
_MIDDLE_Z, _MIDDLE_Y, _MIDDLE_X = (_bits(axis, 1) for axis in range(3))
_HIGHER_Y, _HIGHER_X = (_bits(axis, 1, 2) for axis in (1, 2))
_LOWER_Y, _LOWER_X = (_bits(axis, 0, 1) for axis in (1, 2))


def _euler_numbers(layer: int) -> np.ndarray:
    """Euler number of all 512 sets of parts of a voxel's surface that lie in one layer.

    A cell of the neighbourhood stands for the part in its direction: a face (off the centre along
    one axis) or a corner (along three) counts +1, an edge (along two) -1.
    """
    signs = [(0, 1, -1, 1)[sum(c != 1 for c in cell)] for cell in _CELLS if cell[0] == layer]
    return np.array([sum(s for b, s in enumerate(signs) if k >> b & 1) for k in range(512)])


_OUTER, _INNER = _euler_numbers(0), _euler_numbers(1)


@compiled
def thin_volume(
    image: np.ndarray, voxels: np.ndarray, row: int, plane: int
) -> tuple[int, np.ndarray]:
    """Delete voxels until none can go, in the order of scikit-image.

    An iteration looks from six sides in turn. From each it first lists the voxels open to that
    side that are simple and no end points; then it deletes them one by one, if what is left of
    their neighbours still hangs together.

    Args:
        image: uint8, 0 and 1, a volume in a frame of zeros, flat; thinned in place.
        voxels: indices of its ones, ascending; those that stay are moved to the front.
        row, plane: distance between neighbours along y and z.
    Returns:
        How many voxels stay, and the indices of those that went last of their object. As objects
        never fall apart, each of these tells of one object without a centre line.
    """
    steps = (-row, row, 1, -1, plane, -plane)
    alive, unchanged = len(voxels), 0
    doomed = np.empty_like(voxels)
    last = list(voxels[:0])
    while unchanged < 6:
        unchanged = 0
        for side in range(6):
            kept = count = deleted = 0
            for v in voxels[:alive]:
                if image[v]:
                    voxels[kept] = v
                    kept += 1
                    if image[v + steps[side]] == 0:
                        key = _neighbours(image, v, row, plane)
                        if key & (key - 1) and _keeps_euler(key) and _hangs_together(key):
                            doomed[count] = v
                            count += 1
            alive = kept
            for v in doomed[:count]:
                key = _neighbours(image, v, row, plane)
                if _hangs_together(key):
                    image[v] = 0
                    deleted += 1
                    if key == 0:
                        last.append(v)
            unchanged += deleted == 0
    return alive, np.array(last, dtype=voxels.dtype)


@compiled
def _neighbours(image: np.ndarray, v: int, row: int, plane: int) -> int:
    """The 26 neighbours of voxel ``v`` as bits; the centre is left out."""
    key = 0
    for z in range(3):
        for y in range(3):
            w = v + (z - 1) * plane + (y - 1) * row
            key |= (image[w - 1] | image[w] << 1 | image[w + 1] << 2) << (9 * z + 3 * y)
    return key & ~_CENTRE


@compiled
def _keeps_euler(key: int) -> bool:
    """Whether the Euler number of the object stays when the centre goes.

    The neighbours touch the surface of the centre voxel in some of its faces, edges and corners;
    the rest of the surface goes with the voxel. So the touched part must have Euler number 1.
    """
    touched = key | (key & _MIDDLE_X) << 1 | (key & _MIDDLE_X) >> 1
    touched |= (touched & _MIDDLE_Y) << 3 | (touched & _MIDDLE_Y) >> 3
    touched |= (touched & _MIDDLE_Z) << 9 | (touched & _MIDDLE_Z) >> 9
    low, middle, high = touched & 511, touched >> 9 & 511, touched >> 18
    return _OUTER[low] + _INNER[middle] + _OUTER[high] == 1


@compiled
def _hangs_together(key: int) -> bool:
    """Whether the neighbours, without the centre, are one piece or none (corners connect)."""
    reached = key & -key
    while True:
        wide = reached | reached << 1 & _HIGHER_X | reached >> 1 & _LOWER_X
        wide |= wide << 3 & _HIGHER_Y | wide >> 3 & _LOWER_Y
        wide |= wide << 9 & _ALL | wide >> 9
        wide &= key
        if wide == reached:
            return reached == key
        reached = wide
