"""Compiled peeling: the sub-lattices of a thinning, over a list of the few voxels that matter.

Every voxel holds its neighbourhood as a number of 27 bits, one for each voxel of the 3 x 3 x 3 box
around it, so the conditions of ``tubekit.geometry.simple_points`` look at all neighbours at once.
A deletion changes one bit in 27 numbers. All of it is one file because compiled code, which is kept
from run to run, does not notice changes in another file.
"""

from collections.abc import Iterable
from operator import index

import numpy as np

from tubekit.geometry.kernels.compiled import compiled, in_slabs
from tubekit.geometry.simple_points import CENTRE, CORNERS, EDGES, FACES, OFFSETS, Offset


def neighbourhood_bits(offsets: Iterable[Offset]) -> int:
    """The neighbourhood whose object voxels are ``offsets``, as a number."""
    return sum(1 << (9 * (z + 1) + 3 * (y + 1) + x + 1) for z, y, x in offsets)


def _where(axis: int, *steps: int) -> int:
    return neighbourhood_bits(o for o in (CENTRE, *OFFSETS) if o[axis] in steps)


_CENTRE, _FACES, _EDGES, _CORNERS = map(neighbourhood_bits, ([CENTRE], FACES, EDGES, CORNERS))
_NEAR, _AROUND = _FACES | _EDGES, _FACES | _EDGES | _CORNERS
_Z0, _Y0, _X0 = (_where(axis, 0) for axis in range(3))
# From these a step along the axis, up or down, stays in the box.
_UP_Y, _UP_X = (_where(axis, -1, 0) for axis in (1, 2))
_DOWN_Y, _DOWN_X = (_where(axis, 0, 1) for axis in (1, 2))
# Two more bits, for what is known of the voxel itself.
_WAITS, _GONE = 1 << 27, 1 << 28


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
    wanted = np.empty((0, 0, 0, 0), np.float32) if slopes is None else slopes
    order = np.array(tuple(subfields))
    in_slabs(_peel, len(objects), objects, wanted, index(rounds), order, exact, by_layer)


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
) -> None:
    """The volumes ``start`` to ``stop``, each within the box around its object."""
    graded = slopes.size > 0
    for n in range(start, stop):
        low, high = _box(objects[n])
        codes = _codes(objects[n], low, high)
        plane, line = codes.shape[1] * codes.shape[2], codes.shape[2]
        flat = codes.ravel()
        voxels = _candidates(codes, low, order, graded)
        left, done, repeat = voxels.size, 0, 1
        while left > 0 and done < rounds:
            listed, left = left, 0
            for v in voxels[:listed]:
                code = flat[v]
                # Neighbours only get fewer: an end point, once out of the list, stays out.
                if code & _GONE == 0 and _several(code & _AROUND):
                    voxels[left] = v
                    left += 1
                    if by_layer:
                        inside = code & _FACES == _FACES
                        flat[v] = code | _WAITS if inside else code & ~_WAITS
            changed, factor = False, 0.5**repeat
            # One after the other is all at once: no two voxels of a sub-lattice are neighbours.
            for i in range(left):
                v = voxels[i]
                code = flat[v]
                if code & _WAITS or not (_boolean_simple(code) if exact else _euler_simple(code)):
                    continue
                if code & _CENTRE:
                    _flip(flat, v, plane, line)
                    flat[v] |= _GONE
                    changed = True
                else:
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
                        kept = codes[z - low[0] + 1, y - low[1] + 1, x - low[2] + 1] & _CENTRE != 0
                        objects[n, z, y, x] = kept
                        if graded:
                            slopes[n, z, y, x] *= 0.5**rounds if kept else 0.0


@compiled
def _box(volume: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First and one past the last index of the object and a margin of one; 0 if there is none."""
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
def _codes(volume: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The neighbourhood of each voxel of the box and of a frame around it."""
    size = high - low + 2
    codes = np.zeros((size[0], size[1], size[2]), np.int32)
    flat, plane, line = codes.ravel(), size[1] * size[2], size[2]
    for z in range(low[0], high[0]):
        for y in range(low[1], high[1]):
            first = (z - low[0] + 1) * plane + (y - low[1] + 1) * line + 1
            for x in range(low[2], high[2]):
                if volume[z, y, x]:
                    _flip(flat, first + x - low[2], plane, line)
    return codes


@compiled
def _flip(flat: np.ndarray, v: int, plane: int, line: int) -> None:
    """Object becomes background or the reverse, in all 27 neighbourhoods that hold the voxel."""
    bit = 1 << 26  # the first neighbour has the voxel last
    for level in (v - plane, v, v + plane):
        for middle in (level - line, level, level + line):
            for u in (middle - 1, middle, middle + 1):
                flat[u] ^= bit
                bit >>= 1


@compiled
def _candidates(codes: np.ndarray, low: np.ndarray, order: np.ndarray, graded: bool) -> np.ndarray:
    """Object voxels (and background ones if ``graded``) with several neighbours, by sub-lattice."""
    depth, height, width = codes.shape
    found = np.empty(codes.size, np.int64)
    count = 0
    for lattice in order:
        first = (lattice - low) % 2 + 1
        for z in range(first[0], depth - 1, 2):
            for y in range(first[1], height - 1, 2):
                for x in range(first[2], width - 1, 2):
                    code = codes[z, y, x]
                    if (graded or code & _CENTRE) and _several(code & _AROUND):
                        found[count] = (z * height + y) * width + x
                        count += 1
    return found[:count]


@compiled
def _several(bits: int) -> bool:
    """At least two bits are set."""
    return bits & (bits - 1) != 0


@compiled
def _one(bits: int) -> bool:
    """Exactly one bit is set."""
    return bits != 0 and bits & (bits - 1) == 0


@compiled
def _count(bits: int) -> int:
    """How many bits are set."""
    count = 0
    while bits:
        bits &= bits - 1
        count += 1
    return count


@compiled
def _new_cells(code: int) -> int:
    """Edges - squares + cubes that the background gains with the voxel."""
    cells = ~code | _CENTRE
    # Keep what is background together with the whole box between it and the centre.
    middle = cells & _X0
    cells &= middle | middle << 1 | middle >> 1
    middle = cells & _Y0
    cells &= middle | middle << 3 | middle >> 3
    middle = cells & _Z0
    cells &= middle | middle << 9 | middle >> 9
    return _count(cells & (_FACES | _CORNERS)) - _count(cells & _EDGES)


@compiled
def _euler_simple(code: int) -> bool:
    """``euler_simple`` of one neighbourhood."""
    return code & _CENTRE == 0 or _new_cells(code) == 1


@compiled
def _boolean_simple(code: int) -> bool:
    """``boolean_simple`` of one neighbourhood."""
    if _one(~code & _FACES) or _one(code & _AROUND):
        return True
    # What touches a face or edge neighbour that is object: one step along x, then y, then z.
    near = code & _NEAR
    beside = (near & _UP_X) << 1 | (near & _DOWN_X) >> 1
    line = near | beside
    above = (line & _UP_Y) << 3 | (line & _DOWN_Y) >> 3
    plane = line | above
    cut_off = code & _AROUND & ~(beside | above | plane << 9 | plane >> 9)
    if _one(near):
        return cut_off & _CORNERS == 0
    # Both neighbours along an axis are object; a rim is two such pairs.
    x, y, z = code << 1 & code >> 1, code << 3 & code >> 3, code << 9 & code >> 9
    pits = ~code & (y & x & _FACES & ~_Z0 | z & x & _FACES & ~_Y0 | z & y & _FACES & ~_X0)
    return cut_off & (_EDGES | _CORNERS) == 0 and pits == 0 and _new_cells(code) == 1
