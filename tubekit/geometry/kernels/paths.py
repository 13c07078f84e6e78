"""Loops over the voxels of a skeleton: who touches whom, clusters, and the paths between them.

Voxels are numbers from 0 in reading order. ``first`` and ``beside`` list the neighbours of voxel v,
ascending: ``beside[first[v] : first[v + 1]]``. ``places`` are flat indices in a grid with an empty
frame, so that no neighbour lies beyond a row; ``row`` and ``plane`` are its strides.
"""

import numpy as np

from tubekit.geometry.kernels.compiled import compiled


@compiled
def touching(places: np.ndarray, row: int, plane: int) -> tuple[np.ndarray, np.ndarray]:
    """Neighbours by face, edge or corner: ``first`` and ``beside``, for ascending places."""
    first = np.zeros(len(places) + 1, np.int64)
    beside = np.zeros(0, np.int64)
    for filling in (False, True):  # counted, then written
        if filling:
            first[1:] = np.cumsum(first[1:])
            beside = np.zeros(first[-1], np.int64)
        # Of each of nine rows of three voxels, the first place that is not before it.
        ahead = np.zeros(9, np.int64)
        for v in range(len(places)):
            count = 0
            for k in range(9):
                left = places[v] + (k // 3 - 1) * plane + (k % 3 - 1) * row - 1
                while ahead[k] < len(places) and places[ahead[k]] < left:
                    ahead[k] += 1
                w = ahead[k]
                while w < len(places) and places[w] <= left + 2:
                    if w != v:
                        if filling:
                            beside[first[v] + count] = w
                        count += 1
                    w += 1
            if not filling:
                first[v + 1] = count
    return first, beside


@compiled
def crowded_voxels(first: np.ndarray, beside: np.ndarray) -> np.ndarray:
    """Which voxels have more than two neighbours, or two that touch each other."""
    crowded = np.diff(first) > 2
    for v in range(len(crowded)):
        if first[v + 1] - first[v] == 2:
            one, other = beside[first[v]], beside[first[v] + 1]
            for w in beside[first[one] : first[one + 1]]:
                crowded[v] |= w == other
    return crowded


@compiled
def groups(first: np.ndarray, beside: np.ndarray, member: np.ndarray) -> tuple[np.ndarray, int]:
    """Number of the group of touching members that each voxel belongs to (-1), and their count."""
    group = np.full(len(member), -1)
    waiting = np.empty(len(member), np.int64)
    count = 0
    for start in range(len(member)):
        if not member[start] or group[start] >= 0:
            continue
        group[start], waiting[0], depth = count, start, 1
        while depth:
            depth -= 1
            v = waiting[depth]
            for w in beside[first[v] : first[v + 1]]:
                if member[w] and group[w] < 0:
                    group[w], waiting[depth] = count, w
                    depth += 1
        count += 1
    return group, count


@compiled
def euler_number_of(
    first: np.ndarray,
    beside: np.ndarray,
    places: np.ndarray,
    row: int,
    plane: int,
    member: np.ndarray,
    table: np.ndarray,
) -> int:
    """Euler number of the members alone; ``table`` as in ``kernels.topology.sum_windows``."""
    total = 0
    around = np.zeros((3, 3, 3), np.uint8)
    for v in range(len(member)):
        if not member[v]:
            continue
        around[:] = 0
        around[1, 1, 1] = 1
        for w in beside[first[v] : first[v + 1]]:
            step = places[w] - places[v] + plane + row + 1
            around[step // plane, step % plane // row, step % plane % row] = member[w]
        for corner in range(8):
            z, y, x = corner // 4, corner // 2 % 2, corner % 2
            index, earlier = 0, False
            for k in range(8):  # in reading order; the window belongs to its first member
                there = around[z + k // 4, y + k // 2 % 2, x + k % 2]
                index |= there << (k // 2 % 2 + 2 * (k // 4) + 4 * (k % 2))
                earlier |= there == 1 and k < 7 - corner
            if not earlier:
                total += table[index]
    return total // 8


@compiled
def follow(
    first: np.ndarray,
    beside: np.ndarray,
    crowded: np.ndarray,
    node: np.ndarray,
    turns: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Follow every path once, from node to node or around.

    Args:
        first, beside: neighbours of the voxels.
        crowded: voxels of clusters; all others have at most two neighbours.
        node: number of a voxel's node, -1 for those of paths and bends.
        turns: (n 2 2), for each neighbour of a path voxel that lies in a bend: the path voxel
            where the bend is left again, and the voxel of the bend before it; else -1.
    Returns:
        The voxels of all paths one after the other, where each ends, and whether it is closed;
        a closed one comes back to its first voxel.
    """
    n = len(crowded)
    course, ends = np.empty(2 * n + 2 * len(beside), np.int64), np.empty(n, np.int64)
    closed, waiting = np.zeros(n, np.bool_), ~crowded
    size = count = 0
    # First the paths that leave a cluster, then those from a free end, at last the closed ones.
    for kind in range(3):
        for start in range(n):
            if crowded[start] or (kind == 1 and node[start] < 0):
                continue
            for before in beside[first[start] : first[start + 1]]:
                leaves = crowded[before] and node[before] >= 0
                if not waiting[start] or (kind == 0 and not leaves):
                    continue
                if kind == 0:
                    course[size] = before
                    size += 1
                if kind == 1:
                    before = -1
                size = _walk(before, start, first, beside, node, turns, waiting, course, size)
                if kind == 2:
                    course[size] = start
                    size += 1
                closed[count], ends[count] = kind == 2, size
                count += 1
    return course[:size], ends[:count], closed[:count]


@compiled
def _walk(
    before: int,
    start: int,
    first: np.ndarray,
    beside: np.ndarray,
    node: np.ndarray,
    turns: np.ndarray,
    waiting: np.ndarray,
    course: np.ndarray,
    size: int,
) -> int:
    """On from ``start``, entered from ``before``, to a node or back; the new end of ``course``."""
    course[size] = voxel = start
    size += 1
    while True:
        waiting[voxel] = False
        slot = first[voxel]
        while slot < first[voxel + 1] and beside[slot] == before:
            slot += 1
        if slot == first[voxel + 1]:
            return size
        after, leaving = turns[voxel, slot - first[voxel], 0], turns[voxel, slot - first[voxel], 1]
        before, voxel = voxel, beside[slot]
        if after >= 0:
            course[size] = voxel
            size += 1
            if leaving != voxel:
                course[size] = leaving
                size += 1
            before, voxel = leaving, after
        if voxel == start:
            return size
        course[size] = voxel
        size += 1
        if node[voxel] >= 0:
            waiting[voxel] = False
            return size
