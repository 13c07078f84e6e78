"""A skeleton as a graph: end points and junctions joined by branches with a length.

Voxels that share a face, edge or corner are neighbours. A voxel with at most two neighbours that
do not touch each other lies on a path. All others are crowded; touching crowded voxels form one
cluster. A cluster that no path, one path, or three and more paths leave is a node; with two it is
a mere bend and becomes part of the branch.

Others count otherwise. To skan every voxel without exactly two neighbours is a node, so that in a
junction of several voxels there are branches of one step, and in a corner of face steps as well.
Pieces and loops are the same.
"""

import dataclasses
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int32, Int64, Shaped

from tubekit import _check
from tubekit._accept import Array, SpacingLike
from tubekit.geometry._input import binary_image
from tubekit.geometry.kernels.paths import (
    crowded_voxels,
    euler_number_of,
    follow,
    groups,
    touching,
)
from tubekit.geometry.skeleton_paths import framed
from tubekit.geometry.topology import window_table
from tubekit.types import Spacing


class SkeletonBranch(NamedTuple):
    """An unbranched course.

    Attributes:
        voxels: in order from the first node to the second, both included (the voxels of a
            junction where the branch arrives); around the cycle for a closed branch.
        length_mm: sum of the steps between them; a closed branch includes the step that closes it.
        nodes: numbers of its end nodes, the same number twice for a loop at one junction; None
            for a closed branch, which has no ends.
    Example:
        >>> line = skeleton_graph(np.eye(4, dtype=bool), spacing=(3.0, 4.0)).branches[0]
        >>> line.length_mm, line.nodes
        (15.0, (0, 1))
    """

    voxels: Int64[np.ndarray, "n d"]
    length_mm: float
    nodes: tuple[int, int] | None


@dataclasses.dataclass(frozen=True, eq=False)
class SkeletonGraph:
    """Nodes and branches of a skeleton.

    Attributes:
        nodes: centre of each node in voxels: of an end point, a junction, or an isolated speck.
        degrees: how many branch ends meet in each node: 0 a speck, 1 an end point, 3 and more a
            junction.
        branches: between nodes, or closed.
        pieces: connected components.
        hidden_loops: loops so small that they lie inside one junction or bend.
        shape, spacing: of the image; spacing in mm per voxel, array order.
    Example:
        >>> cross = np.eye(7, dtype=bool) | np.eye(7, dtype=bool)[::-1]
        >>> graph = skeleton_graph(cross)
        >>> sorted(graph.degrees.tolist()), graph.loops
        ([1, 1, 1, 1, 4], 0)
    """

    nodes: Float[np.ndarray, "nodes d"]
    degrees: Int64[np.ndarray, "nodes"]
    branches: tuple[SkeletonBranch, ...]
    pieces: int
    hidden_loops: int
    shape: tuple[int, ...]
    spacing: Spacing

    @property
    def loops(self) -> int:
        """Independent loops: branches - nodes + pieces over the open branches, and the closed.

        Equal to the first Betti number of the skeleton (8- or 26-connected) when it encloses no
        cavity.
        """
        open_branches = sum(branch.nodes is not None for branch in self.branches)
        return open_branches - len(self.nodes) + self.pieces + self.hidden_loops

    @property
    def length_mm(self) -> float:
        """Sum over all branches."""
        return sum(branch.length_mm for branch in self.branches)

    @cached_property
    def labels(self) -> Int32[np.ndarray, "*s"]:
        """Map with i + 1 on the voxels of branch i, 0 elsewhere.

        Where branches arrive at one voxel of a junction, the last of them has it; voxels of a
        junction or bend that no branch runs through have none.
        """
        image = np.zeros(self.shape, np.int32)
        for number, branch in enumerate(self.branches, 1):
            image[tuple(branch.voxels.T)] = number
        return image


def skeleton_graph(
    skeleton: Shaped[Array, "*s"], spacing: SpacingLike | None = None
) -> SkeletonGraph:
    """Nodes and branches of a thin skeleton.

    Args:
        skeleton: binary, 2-D or 3-D, about one voxel thin, as ``skeletonize`` makes it. Thick
            parts are taken for large junctions.
        spacing: mm per voxel in array order; ``None`` means 1.
    Returns:
        The graph; no nodes and branches for an empty skeleton.
    Raises:
        ValueError: ``skeleton`` not binary or not 2-D or 3-D, or a bad spacing.
    Example:
        >>> mask = np.zeros((5, 9), bool)
        >>> mask[2] = True
        >>> graph = skeleton_graph(mask, spacing=(1.0, 0.5))
        >>> len(graph.nodes), graph.length_mm
        (2, 4.0)
    """
    skeleton = binary_image(skeleton)
    steps = _check.spacing(spacing, skeleton.ndim)
    voxels = np.stack(np.unravel_index(np.flatnonzero(skeleton), skeleton.shape), axis=1)
    places, row, plane = framed(voxels)
    first, beside = touching(places, row, plane)
    crowded = crowded_voxels(first, beside)
    cluster, clusters = groups(first, beside, crowded)
    pieces = groups(first, beside, np.ones(len(voxels), bool))[1]
    inside = euler_number_of(first, beside, places, row, plane, crowded, window_table("full"))
    turns, exits = _turns(first, beside, crowded, cluster, clusters)
    ends = np.flatnonzero(~crowded & (np.diff(first) < 2))
    node = np.full(len(voxels), -1)
    node[crowded] = np.where(exits == 2, -1, np.cumsum(exits != 2) - 1)[cluster[crowded]]
    node[ends] = np.arange(len(ends)) + np.count_nonzero(exits != 2)
    branches = _branches(voxels, steps, node, *follow(first, beside, crowded, node, turns))
    nodes, degrees = _nodes(voxels, node, branches)
    return SkeletonGraph(
        nodes=nodes,
        degrees=degrees,
        branches=branches,
        pieces=pieces,
        hidden_loops=clusters - inside,
        shape=skeleton.shape,
        spacing=steps,
    )


def _turns(
    first: Int64[np.ndarray, " n_and_1"],
    beside: Int64[np.ndarray, "k"],
    crowded: Bool[np.ndarray, "n"],
    cluster: Int64[np.ndarray, "n"],
    clusters: int,
) -> tuple[Int64[np.ndarray, "n 2 2"], Int64[np.ndarray, " clusters"]]:
    """Where a path goes on behind a bend, as ``follow`` asks, and how many leave each cluster."""
    voxel = np.repeat(np.arange(len(crowded)), np.diff(first))
    links = np.flatnonzero(~crowded[voxel] & crowded[beside])
    own = cluster[beside[links]]
    exits = np.bincount(own, minlength=clusters)
    order = np.argsort(own, kind="stable")
    pairs = links[order[exits[own[order]] == 2]].reshape(-1, 2)
    turns = np.full((len(crowded), 2, 2), -1)
    for here, there in (pairs.T, pairs[:, ::-1].T):
        goal = np.stack([voxel[there], beside[there]], axis=1)
        turns[voxel[here], here - first[voxel[here]]] = goal
    return turns, exits


def _branches(
    voxels: Int64[np.ndarray, "n d"],
    spacing: Spacing,
    node: Int64[np.ndarray, "n"],
    course: Int64[np.ndarray, " m"],
    ends: Int64[np.ndarray, "p"],
    closed: Bool[np.ndarray, "p"],
) -> tuple[SkeletonBranch, ...]:
    """The paths that ``follow`` found, with their lengths."""
    along = voxels[course]
    step_mm = np.linalg.norm(np.diff(along * spacing, axis=0), axis=1)
    branches, start = [], 0
    for stop, is_closed in zip(ends.tolist(), closed.tolist(), strict=True):
        nodes = None if is_closed else (int(node[course[start]]), int(node[course[stop - 1]]))
        length = float(step_mm[start : stop - 1].sum())
        branches.append(SkeletonBranch(along[start : stop - is_closed], length, nodes))
        start = stop
    return tuple(branches)


def _nodes(
    voxels: Int64[np.ndarray, "n d"],
    node: Int64[np.ndarray, "n"],
    branches: tuple[SkeletonBranch, ...],
) -> tuple[Float[np.ndarray, "nodes d"], Int64[np.ndarray, "nodes"]]:
    """Centre of each node, and how many branch ends meet there."""
    count = int(node.max(initial=-1)) + 1
    members = node >= 0
    sums = [np.bincount(node[members], axis[members], count) for axis in voxels.T]
    sizes = np.bincount(node[members], minlength=count)
    ends = [number for branch in branches if branch.nodes for number in branch.nodes]
    return np.stack(sums, axis=1) / sizes[:, None], np.bincount(
        np.array(ends, int), minlength=count
    )
