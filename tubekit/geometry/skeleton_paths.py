"""Following the paths of a skeleton from junction to junction.

Voxels are rows of coordinates. ``touch`` is their symmetric neighbour matrix, ``crowded`` says
which belong to clusters; all others lie on paths. A link is a path voxel and a voxel of a cluster
that touch.
"""

import numpy as np
from jaxtyping import Bool, Int64
from scipy import sparse, spatial
from scipy.sparse import csgraph

Link = tuple[int, int]
Walk = tuple[list[int], tuple[int, int] | None]


def neighbours(voxels: Int64[np.ndarray, "n d"]) -> sparse.csr_array:
    """Symmetric matrix with 1 where two voxels share a face, edge or corner."""
    pairs = np.empty((0, 2), int)
    if len(voxels) > 1:
        pairs = spatial.cKDTree(voxels).query_pairs(1, p=np.inf, output_type="ndarray")
    i, j = np.concatenate([pairs, pairs[:, ::-1]]).T
    return sparse.csr_array((np.ones(len(i), np.int32), (i, j)), shape=(len(voxels),) * 2)


def clusters(
    touch: sparse.csr_array, crowded: Bool[np.ndarray, "n"]
) -> tuple[Int64[np.ndarray, "n"], int]:
    """Number of the cluster of each crowded voxel, -1 for the others, and how many there are."""
    cluster = np.full(len(crowded), -1)
    inside = touch[crowded][:, crowded]
    count, cluster[crowded] = csgraph.connected_components(inside, directed=False)
    return cluster, int(count)


def links(touch: sparse.csr_array, crowded: Bool[np.ndarray, "n"]) -> Int64[np.ndarray, "k 2"]:
    """Pairs of touching voxels, the first on a path and the second in a cluster."""
    first, second = touch.nonzero()
    leaving = ~crowded[first] & crowded[second]
    return np.stack([first[leaving], second[leaving]], axis=1).astype(int)


def bends(
    links: Int64[np.ndarray, "k 2"],
    cluster: Int64[np.ndarray, "n"],
    exits: Int64[np.ndarray, "clusters"],
) -> dict[Link, Link]:
    """For each link into a cluster with two links: the other one."""
    own = cluster[links[:, 1]]
    order = np.argsort(own, kind="stable")
    pairs = links[order[exits[own[order]] == 2]].reshape(-1, 2, 2).tolist()
    there = {tuple(one): tuple(other) for one, other in pairs}
    return there | {other: one for one, other in there.items()}


def walks(
    touch: sparse.csr_array,
    crowded: Bool[np.ndarray, "n"],
    node: Int64[np.ndarray, "n"],
    links: Int64[np.ndarray, "k 2"],
    bends: dict[Link, Link],
) -> list[Walk]:
    """Follow every path once: its voxels, and the nodes at its ends (None when it is closed)."""
    beside = [row.tolist() for row in np.split(touch.indices, touch.indptr[1:-1])]
    unwalked = dict.fromkeys(np.flatnonzero(~crowded).tolist())  # in order, fast to remove from

    def walk(before: int, start: int) -> list[int]:
        """On from ``start``, which was entered from ``before``, to a node or back to the start."""
        path, voxel = [start], start
        while True:
            unwalked.pop(voxel, None)
            ahead = [other for other in beside[voxel] if other != before]
            if not ahead:
                return path
            before, voxel = voxel, ahead[0]
            if (before, voxel) in bends:
                path.append(voxel)
                after, before_after = bends[before, voxel]
                path += [before_after] * (before_after != voxel)
                before, voxel = before_after, after
            if voxel == start:
                return path
            path.append(voxel)
            if node[voxel] >= 0:
                unwalked.pop(voxel, None)
                return path

    found: list[Walk] = []
    at_node = [(b, a) for a, b in links.tolist() if node[b] >= 0]
    free = [(-1, v) for v in unwalked if node[v] >= 0 and beside[v]]
    for before, start in at_node + free:
        if start in unwalked:
            path = [before] * (before >= 0) + walk(before, start)
            found.append((path, (int(node[path[0]]), int(node[path[-1]]))))
    while unwalked:
        start = next(iter(unwalked))
        if beside[start]:
            found.append((walk(beside[start][0], start), None))
        else:
            del unwalked[start]  # a speck
    return found
