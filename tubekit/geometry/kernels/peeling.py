"""Compiled peeling: the sub-lattices of a thinning, over lists of the few voxels that matter.

A neighbourhood is a number of 27 bits, one for each voxel of the 3 x 3 x 3 box; the conditions of
``tubekit.geometry.simple_points`` become comparisons of masked bits. The volume keeps three bits
for each voxel (itself and its two neighbours along the last axis), so nine reads collect the box
and a deletion changes three entries.
"""

from collections.abc import Iterable

import numpy as np

from tubekit.geometry.kernels.compiled import compiled, in_slabs
from tubekit.geometry.simple_points import (
    BOX,
    CENTRE,
    CORNERS,
    EDGES,
    FACES,
    OFFSETS,
    RIM,
    TOUCHING,
    Offset,
)


def neighbourhood_bits(offsets: Iterable[Offset]) -> int:
    """The neighbourhood whose object voxels are ``offsets``, as a number."""
    return sum(1 << (9 * (z + 1) + 3 * (y + 1) + x + 1) for z, y, x in offsets)


_CENTRE = np.int32(neighbourhood_bits([CENTRE]))
_FACES = np.int32(neighbourhood_bits(FACES))
_NEAR = np.int32(neighbourhood_bits(FACES + EDGES))
_AROUND = np.int32(neighbourhood_bits(OFFSETS))
_GONE = 0  # a corner of the frame, never a voxel under test

# Rows: bits that must all be background, and whether the cell they make adds or subtracts one.
_CELLS = np.array(
    [(neighbourhood_bits([d]), 1) for d in FACES]
    + [(neighbourhood_bits([d, *BOX[d]]), -1) for d in EDGES]
    + [(neighbourhood_bits([d, *BOX[d]]), 1) for d in CORNERS],
    dtype=np.int32,
)
# Rows: bits to look at, and what must not be found there: corners cut off, edges cut off, pits.
_FORBIDDEN = np.array(
    [
        (neighbourhood_bits([d, *TOUCHING[d]]), neighbourhood_bits([d]))
        for d in CORNERS + EDGES
    ]
    + [(neighbourhood_bits([d, *RIM[d]]), neighbourhood_bits(RIM[d])) for d in FACES],
    dtype=np.int32,
)


def peel(
    objects: np.ndarray,
    slopes: np.ndarray | None,
    rounds: int,
    subfields: Iterable[Offset],
    *,
    exact: bool = True,
    by_layer: bool = False,
) -> None:
    """Delete simple voxels that are not end points from every object, in place.

    A round visits the sub-lattices in turn. What counts as an end point is settled when the round
    begins; rounds that would change nothing are not run.

    Args:
        objects: bool (n z y x), contiguous; each of the n volumes is thinned by itself.
        slopes: float (n z y x), contiguous; multiplied in place by the slope of each minimum
            min(object, 1 - deleted), see ``topological_skeleton``. None: not wanted.
        rounds: largest number of rounds.
        subfields: first index of each sub-lattice, in the order of their visits.
        exact: ``boolean_simple`` decides, else ``euler_simple``.
        by_layer: delete only voxels that had a background face neighbour when the round began.
    """
    if slopes is None:
        slopes = np.empty((0, 0, 0, 0), np.float32)
    order = np.array(tuple(subfields))
    # The tables are arguments: as constants they would stay in compiled code after an edit.
    tables = _CELLS, _FORBIDDEN
    in_slabs(_peel, len(objects), objects, slopes, rounds, order, exact, by_layer, *tables)


@compiled
def _peel(
    start: int,
    stop: int,
    objects: np.ndarray,
    slopes: np.ndarray,
    rounds: int,
    order: np.ndarray,
    exact: bool,
    by_layer: bool,
    cells: np.ndarray,
    forbidden: np.ndarray,
) -> None:
    """The volumes ``start`` to ``stop``. Every index is that of ``rows``, the framed box."""
    graded = slopes.size > 0
    for n in range(start, stop):
        low, high = _box(objects[n])
        rows = _rows(objects[n], low, high)
        line, plane = rows.shape[2], rows.shape[1] * rows.shape[2]
        flat = rows.ravel()
        voxels = _candidates(flat, low, high, order, graded)
        waits = np.zeros(voxels.size, np.bool_)
        left, done, repeat = voxels.size, 0, 1
        while left > 0 and done < rounds:
            listed, left = left, 0
            for i in range(listed):
                v = voxels[i]
                code = _code(flat, v, line, plane)
                # Neighbours only get fewer: an end point, once out of the list, stays out.
                if v != _GONE and _several(code & _AROUND):
                    voxels[left] = v
                    waits[left] = by_layer and code & _FACES == _FACES
                    left += 1
            changed = False
            factor = 0.5**repeat
            # One after the other is all at once: no two voxels of a sub-lattice are neighbours.
            for i in range(left):
                v = voxels[i]
                if waits[i] or not _simple(_code(flat, v, line, plane), exact, cells, forbidden):
                    continue
                if flat[v] & 2:
                    flat[v - 1] ^= 4
                    flat[v] ^= 2
                    flat[v + 1] ^= 1
                    voxels[i] = _GONE
                    changed = True
                elif graded:
                    z, y, x = v // plane, v % plane // line, v % line
                    slopes[n, z - 1 + low[0], y - 1 + low[1], x - 1 + low[2]] *= factor
            done += repeat
            if not changed:
                if not graded:
                    break
                repeat = rounds - done  # all that follow are like this one
        for z in range(low[0], high[0]):
            for y in range(low[1], high[1]):
                for x in range(low[2], high[2]):
                    if objects[n, z, y, x]:
                        kept = rows[z - low[0] + 1, y - low[1] + 1, x - low[2] + 1] & 2 > 0
                        objects[n, z, y, x] = kept
                        if graded:
                            slopes[n, z, y, x] *= 0.5**rounds if kept else 0.0


@compiled
def _box(volume: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First and one past the last index of the object's box and a margin of one; (0, 0) if none."""
    low, high = np.array(volume.shape), np.zeros(3, np.int64)
    for z in range(volume.shape[0]):
        for y in range(volume.shape[1]):
            for x in range(volume.shape[2]):
                if volume[z, y, x]:
                    low[0], high[0] = min(low[0], z), max(high[0], z)
                    low[1], high[1] = min(low[1], y), max(high[1], y)
                    low[2], high[2] = min(low[2], x), max(high[2], x)
    for axis in range(3):
        if low[axis] == volume.shape[axis]:
            low[axis] = high[axis] = 0
        else:
            low[axis] = max(low[axis] - 1, 0)
            high[axis] = min(high[axis] + 2, volume.shape[axis])
    return low, high


@compiled
def _rows(volume: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """For each voxel of the box and of a frame around it: left + 2 itself + 4 right."""
    size = high - low + 2
    rows = np.zeros((size[0], size[1], size[2]), np.uint8)
    for z in range(low[0], high[0]):
        for y in range(low[1], high[1]):
            row = rows[z - low[0] + 1, y - low[1] + 1]
            for x in range(low[2], high[2]):
                if volume[z, y, x]:
                    at = x - low[2] + 1
                    row[at - 1] |= 4
                    row[at] |= 2
                    row[at + 1] |= 1
    return rows


@compiled
def _candidates(
    flat: np.ndarray, low: np.ndarray, high: np.ndarray, order: np.ndarray, graded: bool
) -> np.ndarray:
    """Object voxels (and background ones if ``graded``) with several neighbours, by sub-lattice."""
    size = high - low + 2
    line, plane = size[2], size[1] * size[2]
    found = np.empty(flat.size, np.int64)
    count = 0
    for lattice in order:
        first = (lattice - low) % 2 + 1
        for z in range(first[0], size[0] - 1, 2):
            for y in range(first[1], size[1] - 1, 2):
                for x in range(first[2], size[2] - 1, 2):
                    v = z * plane + y * line + x
                    if graded or flat[v] & 2:
                        if _several(_code(flat, v, line, plane) & _AROUND):
                            found[count] = v
                            count += 1
    return found[:count].copy()


@compiled
def _code(flat: np.ndarray, v: int, line: int, plane: int) -> int:
    """The 27 bits around one voxel."""
    code = np.int32(0)
    for row in range(9):
        entry = flat[v + (row // 3 - 1) * plane + (row % 3 - 1) * line]
        code |= np.int32(entry) << np.int32(3 * row)
    return np.int32(code)


@compiled
def _several(bits: int) -> bool:
    """At least two bits are set."""
    return bits & (bits - 1) != 0


@compiled
def _simple(code: int, exact: bool, cells: np.ndarray, forbidden: np.ndarray) -> bool:
    """``boolean_simple`` if ``exact``, else ``euler_simple``, of one neighbourhood."""
    if not exact and code & _CENTRE == 0:
        return True
    faces = ~code & _FACES
    if faces == 0:
        return False
    if exact:
        if not _several(faces) or (code & _AROUND != 0 and not _several(code & _AROUND)):
            return True
        corner_cut_off = False
        for k in range(8):
            corner_cut_off |= code & forbidden[k, 0] == forbidden[k, 1]
        if code & _NEAR != 0 and not _several(code & _NEAR) and not corner_cut_off:
            return True
        if corner_cut_off:
            return False
        for k in range(8, 26):
            if code & forbidden[k, 0] == forbidden[k, 1]:
                return False
    total = 0
    for k in range(26):
        if code & cells[k, 0] == 0:
            total += cells[k, 1]
    return total == 1
