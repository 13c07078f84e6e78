"""Masks as runs: unbroken stretches of object voxels along the last axis.

Counting and labelling components over runs needs memory for the runs only, not for the image.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int32, Int64, Integer

from tubekit.geometry.kernels import topology as kernels
from tubekit.geometry.kernels.compiled import in_slabs

# How far apart the runs of two neighbouring rows may lie, see ``kernels.join_runs``.
_REACH = {
    4: (0, -1, 0, -1),
    6: (0, -1, 0, -1),
    8: (1, 1, 1, 1),
    18: (1, 0, 1, 0),
    26: (1, 1, 1, 1),
}


class Runs(NamedTuple):
    """The runs of a 2-D or 3-D mask, in reading order.

    Attributes:
        first: number of the first run of each row, and behind them how many runs there are.
        edges: start and stop of each run along the last axis.
        shape: of the mask.
    """

    first: Int64[np.ndarray, "rows_and_1"]
    edges: Int32[np.ndarray, "runs 2"]
    shape: tuple[int, ...]

    @property
    def rows(self) -> Int64[np.ndarray, "runs"]:
        """Row of each run."""
        return np.repeat(np.arange(self.first.size - 1), np.diff(self.first))

    @property
    def lengths(self) -> Int32[np.ndarray, "runs"]:
        """Voxels of each run."""
        return self.edges[:, 1] - self.edges[:, 0]


def find_runs(mask: Bool[np.ndarray, "*s"]) -> Runs:
    """Runs of a 2-D or 3-D mask."""
    rows = _rows(np.ascontiguousarray(mask).view(np.uint8))
    first = np.zeros(len(rows) + 1, np.int64)
    if rows.size:
        in_slabs(kernels.count_runs, len(rows), rows, first[1:])
    np.cumsum(first, out=first)
    edges = np.empty(2 * first[-1], np.int32)
    if edges.size:
        in_slabs(kernels.write_runs, len(rows), rows, first, edges)
    return Runs(first, edges.reshape(-1, 2), mask.shape)


def background_runs(runs: Runs) -> Runs:
    """Runs of the background: the stretches between the runs of the object."""
    first = np.empty_like(runs.first)
    room = len(runs.edges) + len(first) - 1  # at most one more than its runs in each row
    edges = np.empty(2 * room, np.int32)
    kernels.complement_runs(runs.first, runs.edges.ravel(), runs.shape[-1], first, edges)
    return Runs(first, edges.reshape(-1, 2)[: first[-1]], runs.shape)


def joined(runs: Runs, connectivity: int) -> Int32[np.ndarray, "runs"]:
    """First run of the component that each run belongs to.

    Args:
        runs: of a 2-D or 3-D mask.
        connectivity: 4 or 8 neighbours in 2-D; 6, 18 or 26 in 3-D.
    """
    root = np.empty(len(runs.edges), np.int32)
    reach = np.array(_REACH[connectivity])
    # ravel() copies nothing here; the kernel reads starts and stops in turn.
    kernels.join_runs(runs.first, runs.edges.ravel(), runs.shape[-2], reach, root)
    return root


def is_root(root: Int32[np.ndarray, "runs"]) -> Bool[np.ndarray, "runs"]:
    """True for the first run of each component."""
    return root == np.arange(len(root), dtype=root.dtype)


def numbered(root: Int32[np.ndarray, "runs"]) -> tuple[Int64[np.ndarray, "runs"], int]:
    """Components numbered from 1 in reading order of their first voxel, and how many."""
    number = np.cumsum(is_root(root))
    return number[root], int(number[-1]) if len(number) else 0


def enclosed(gaps: Runs, root: Int32[np.ndarray, "runs"]) -> Bool[np.ndarray, "runs"]:
    """Which background runs belong to a component that nowhere reaches the image border."""
    *slices, height, width = gaps.shape
    y = gaps.rows % height
    border = (y == 0) | (y == height - 1) | (gaps.edges[:, 0] == 0) | (gaps.edges[:, 1] == width)
    if slices:
        z = gaps.rows // height
        border |= (z == 0) | (z == slices[0] - 1)
    open_ = np.zeros(len(root), bool)
    open_[root[border]] = True
    return ~open_[root]


def paint(
    runs: Runs, values: Integer[np.ndarray, "runs"], image: Integer[np.ndarray, "*s"]
) -> None:
    """Write the value of each run into the image (C order), in place."""
    rows = _rows(image)
    in_slabs(kernels.paint_runs, len(rows), runs.first, runs.edges.ravel(), values, rows)


def _rows(image: np.ndarray) -> np.ndarray:
    return image.reshape(int(np.prod(image.shape[:-1])), image.shape[-1])
