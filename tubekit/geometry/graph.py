"""A skeleton as a graph: end points and junctions joined by branches with a length.

Voxels that share a face, edge or corner are neighbours. A voxel with at most two neighbours that
do not touch each other lies on a path. All others are crowded; touching crowded voxels form one
cluster. A cluster that no path, one path, or three and more paths leave is a node; with two it is
a mere bend and becomes part of the branch.
"""

import dataclasses
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int32, Int64, Shaped
from scipy.sparse import csgraph

from tubekit import _check
from tubekit._accept import Array, SpacingLike
from tubekit.geometry import skeleton_paths as paths
from tubekit.geometry._input import binary_image
from tubekit.geometry.topology import euler_number
from tubekit.types import Spacing


class SkeletonBranch(NamedTuple):
    """An unbranched course.

    Attributes:
        voxels: in order from the first node to the second, both included (the voxels of a
            junction where the branch arrives); around the cycle for a closed branch.
        length_mm: sum of the steps between them; a closed branch includes the step that closes it.
        nodes: numbers of its end nodes, the same number twice for a loop at one junction; None
            for a closed branch, which has no ends.
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
    """
    skeleton = binary_image(skeleton)
    steps = _check.spacing(spacing, skeleton.ndim)
    voxels = np.argwhere(skeleton)
    touch = paths.neighbours(voxels)
    degree = np.diff(touch.indptr)
    # With two neighbours, a triangle through the voxel means that they touch each other.
    crowded = (degree > 2) | ((touch @ touch).multiply(touch).sum(axis=1) > 0)
    cluster, clusters = paths.clusters(touch, crowded)
    links = paths.links(touch, crowded)
    exits = np.bincount(cluster[links[:, 1]], minlength=clusters)
    ends = np.flatnonzero(~crowded & (degree < 2))
    node = np.full(len(voxels), -1)
    node[crowded] = np.where(exits == 2, -1, np.cumsum(exits != 2) - 1)[cluster[crowded]]
    node[ends] = np.arange(len(ends)) + np.count_nonzero(exits != 2)
    walks = paths.walks(touch, crowded, node, links, paths.bends(links, cluster, exits))
    branches = tuple(
        SkeletonBranch(voxels[path], _length(voxels[path] * steps, pair is None), pair)
        for path, pair in walks
    )
    nodes, degrees = _nodes(voxels, node, branches)
    return SkeletonGraph(
        nodes=nodes,
        degrees=degrees,
        branches=branches,
        pieces=int(csgraph.connected_components(touch, directed=False)[0]),
        hidden_loops=clusters - _euler_number(voxels[crowded]),
        shape=skeleton.shape,
        spacing=steps,
    )


def _nodes(
    voxels: Int64[np.ndarray, "n d"],
    node: Int64[np.ndarray, "n"],
    branches: tuple[SkeletonBranch, ...],
) -> tuple[Float[np.ndarray, "nodes d"], Int64[np.ndarray, "nodes"]]:
    """Centre of each node, and how many branch ends meet there."""
    count = int(node.max(initial=-1)) + 1
    members = node >= 0
    sums = np.zeros((count, voxels.shape[1]))
    np.add.at(sums, node[members], voxels[members])
    sizes = np.bincount(node[members], minlength=count)
    ends = [number for branch in branches if branch.nodes for number in branch.nodes]
    return sums / sizes[:, None], np.bincount(np.array(ends, int), minlength=count)


def _length(points_mm: Float[np.ndarray, "n d"], closed: bool) -> float:
    if closed:
        points_mm = np.concatenate([points_mm, points_mm[:1]])
    return float(np.linalg.norm(np.diff(points_mm, axis=0), axis=1).sum())


def _euler_number(voxels: Int64[np.ndarray, "n d"]) -> int:
    if not len(voxels):
        return 0
    inside = voxels - voxels.min(axis=0)
    image = np.zeros(inside.max(axis=0) + 1, bool)
    image[tuple(inside.T)] = True
    return euler_number(image)
