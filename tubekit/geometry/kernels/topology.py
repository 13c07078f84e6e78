"""Loops over windows and runs, behind Euler numbers and connected components.

A run is an unbroken stretch of object voxels along the last axis. An image of n rows stores them
as ``edges`` (start and stop of each run, in reading order) and ``first``, n + 1 numbers: row r
holds the runs from ``first[r]`` up to, not including, ``first[r + 1]``.
"""

import numpy as np

from tubekit.geometry.kernels.compiled import compiled


@compiled
def sum_windows(
    start: int, stop: int, volume: np.ndarray, table: np.ndarray, sums: np.ndarray
) -> None:
    """Add up ``table`` over the windows of 2 x 2 x 2 voxels whose second slice is z.

    The windows overhang the image by one voxel, where there is background, so z runs from 0 to
    the number of slices. Bit i of the index into the table is the voxel (z, y, x) of the window
    with i = y + 2 z + 4 x.

    Args:
        start, stop: which z; ``sums[z]`` is written.
        volume: uint8 0 or 1, (z, y, x).
        table: 256 integers; the first, of the empty window, must be 0.
        sums: int64, one for each z.
    """
    depth, height, width = volume.shape
    columns = np.zeros(width + 2, np.uint8)  # four voxels across, bits 0 to 3, at x + 1
    for z in range(start, stop):
        total = 0
        for y in range(height + 1):
            columns[:] = 0
            for bit in range(4):
                row, slab = y - 1 + bit % 2, z - 1 + bit // 2
                if 0 <= row < height and 0 <= slab < depth:
                    values = volume[slab, row]
                    for x in range(width):
                        columns[x + 1] |= values[x] << bit
            found = 0
            for x in range(width):
                found |= columns[x + 1]
            if found:
                for x in range(width + 1):
                    total += table[columns[x] | columns[x + 1] << 4]
        sums[z] = total


@compiled
def count_runs(start: int, stop: int, rows: np.ndarray, counts: np.ndarray) -> None:
    """Number of runs in each row (uint8 0 or 1): every one has two edges."""
    width = rows.shape[1]
    for r in range(start, stop):
        row = rows[r]
        edges = np.int32(row[0]) + row[width - 1]
        for x in range(1, width):
            edges += np.int32(row[x] ^ row[x - 1])
        counts[r] = edges // 2


@compiled
def write_runs(
    start: int, stop: int, rows: np.ndarray, first: np.ndarray, edges: np.ndarray
) -> None:
    """Start and stop of the runs of each row, after ``count_runs`` has made room for them."""
    width = rows.shape[1]
    for r in range(start, stop):
        row, i = rows[r], 2 * first[r]
        if i == 2 * first[r + 1]:
            continue
        inside = 0
        for x in range(width):
            if row[x] != inside:
                inside = row[x]
                edges[i] = x
                i += 1
        if inside:
            edges[i] = width


@compiled
def complement_runs(
    first: np.ndarray, edges: np.ndarray, width: int, gaps_first: np.ndarray, gaps: np.ndarray
) -> None:
    """The runs of the background: what lies between the runs of each row.

    ``gaps`` needs room for one run a row more than there are; ``gaps_first`` says what is used.
    """
    i = 0
    for r in range(first.size - 1):
        gaps_first[r] = i // 2
        begin = 0
        for j in range(first[r], first[r + 1] + 1):
            end = edges[2 * j] if j < first[r + 1] else width
            if begin < end:
                gaps[i], gaps[i + 1] = begin, end
                i += 2
            begin = edges[2 * j + 1] if j < first[r + 1] else width
    gaps_first[first.size - 1] = i // 2


@compiled
def join_runs(
    first: np.ndarray, edges: np.ndarray, height: int, reach: np.ndarray, root: np.ndarray
) -> None:
    """Union-find over runs of neighbouring rows: ``root`` becomes the first run of each component.

    Args:
        first, edges: the runs of rows in (z, y) order.
        height: rows in a slice.
        reach: how far runs of row (z, y) may lie apart from those of (z, y - 1),
            (z - 1, y - 1), (z - 1, y) and (z - 1, y + 1): 0 they must share a column, 1 they may
            touch by a diagonal, -1 never joined.
        root: int32, one for each run; written.
    """
    for i in range(root.size):
        root[i] = i
    for r in range(first.size - 1):
        if first[r] == first[r + 1]:
            continue
        z, y = r // height, r % height
        for k in range(4):
            beside = y + k - 2 if k else y - 1
            above = z - 1 if k else z
            if reach[k] < 0 or above < 0 or beside < 0 or beside >= height:
                continue
            other = above * height + beside
            i, j = first[r], first[other]
            while i < first[r + 1] and j < first[other + 1]:
                if (
                    edges[2 * i] < edges[2 * j + 1] + reach[k]
                    and edges[2 * j] < edges[2 * i + 1] + reach[k]
                ):
                    a, b = i, j
                    while root[a] != a:
                        root[a] = root[root[a]]
                        a = root[a]
                    while root[b] != b:
                        root[b] = root[root[b]]
                        b = root[b]
                    root[max(a, b)] = min(a, b)
                if edges[2 * i + 1] < edges[2 * j + 1]:
                    i += 1
                else:
                    j += 1
    # A root comes before its runs, so one pass in order settles all.
    for i in range(root.size):
        root[i] = root[root[i]]


@compiled
def paint_runs(
    start: int,
    stop: int,
    first: np.ndarray,
    edges: np.ndarray,
    values: np.ndarray,
    rows: np.ndarray,
) -> None:
    """Write one value for each run into rows; what lies between is left as it is."""
    for r in range(start, stop):
        for i in range(first[r], first[r + 1]):
            rows[r, edges[2 * i] : edges[2 * i + 1]] = values[i]
