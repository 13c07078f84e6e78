"""The graph of a skeleton with sparse matrices and lists, and another meaning of a branch."""

import numpy as np
from scipy import sparse, spatial
from scipy.sparse import csgraph

from tubekit.geometry import SkeletonBranch, SkeletonGraph, euler_number


def touching(voxels):
    """Symmetric matrix with 1 where two voxels share a face, edge or corner."""
    pairs = np.empty((0, 2), int)
    if len(voxels) > 1:
        pairs = spatial.cKDTree(voxels).query_pairs(1, p=np.inf, output_type="ndarray")
    i, j = np.concatenate([pairs, pairs[:, ::-1]]).T
    return sparse.csr_array((np.ones(len(i), np.int32), (i, j)), shape=(len(voxels),) * 2)


def plain_graph(skeleton, spacing):
    voxels = np.argwhere(skeleton)
    touch = touching(voxels)
    degree = np.diff(touch.indptr)
    # With two neighbours, a triangle through the voxel means that they touch each other.
    crowded = (degree > 2) | ((touch @ touch).multiply(touch).sum(axis=1) > 0)
    cluster = np.full(len(voxels), -1)
    inside = touch[crowded][:, crowded]
    clusters, cluster[crowded] = csgraph.connected_components(inside, directed=False)
    first, second = touch.nonzero()
    leaving = ~crowded[first] & crowded[second]
    links = np.stack([first[leaving], second[leaving]], axis=1).astype(int)
    exits = np.bincount(cluster[links[:, 1]], minlength=clusters)
    ends = np.flatnonzero(~crowded & (degree < 2))
    node = np.full(len(voxels), -1)
    node[crowded] = np.where(exits == 2, -1, np.cumsum(exits != 2) - 1)[cluster[crowded]]
    node[ends] = np.arange(len(ends)) + np.count_nonzero(exits != 2)
    branches = []
    for path, pair in walks(touch, crowded, node, links, bends(links, cluster, exits)):
        course = voxels[path + path[:1] * (pair is None)] * spacing
        length = np.linalg.norm(np.diff(course, axis=0), axis=1).sum()
        branches.append(SkeletonBranch(voxels[path], float(length), pair))
    count = int(node.max(initial=-1)) + 1
    meeting = [number for branch in branches for number in branch.nodes or ()]
    return SkeletonGraph(
        nodes=np.array([voxels[node == n].mean(axis=0) for n in range(count)]).reshape(
            count, skeleton.ndim
        ),
        degrees=np.bincount(np.array(meeting, int), minlength=count),
        branches=tuple(branches),
        pieces=int(csgraph.connected_components(touch, directed=False)[0]),
        hidden_loops=clusters - euler_of(voxels[crowded], skeleton.shape),
        shape=skeleton.shape,
        spacing=spacing,
    )


def euler_of(voxels, shape):
    image = np.zeros(shape, bool)
    image[tuple(voxels.T)] = True
    return euler_number(image)


def bends(links, cluster, exits):
    """For each link into a cluster with two links: the other one."""
    own = cluster[links[:, 1]]
    order = np.argsort(own, kind="stable")
    pairs = links[order[exits[own[order]] == 2]].reshape(-1, 2, 2).tolist()
    there = {tuple(one): tuple(other) for one, other in pairs}
    return there | {other: one for one, other in there.items()}


def walks(touch, crowded, node, links, bends):
    """Follow every path once: its voxels, and the nodes at its ends (None when it is closed)."""
    beside = [row.tolist() for row in np.split(touch.indices, touch.indptr[1:-1])]
    unwalked = dict.fromkeys(np.flatnonzero(~crowded).tolist())  # in order, fast to remove from

    def walk(before, start):
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

    found = []
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


def branches_between_voxels(skeleton):
    """How many branches skan 0.13 counts: each voxel without exactly two neighbours is a node.

    Voxels with three and more neighbours that touch each other are first joined by a minimum
    spanning tree only. So within a junction of several voxels there are branches of one step.
    """
    voxels = np.argwhere(skeleton)
    touch = touching(voxels).tocoo()
    lengths = np.linalg.norm(voxels[touch.row] - voxels[touch.col], axis=1)
    graph = sparse.csr_array((lengths, (touch.row, touch.col)), touch.shape)
    junction = np.diff(graph.indptr) > 2
    within = graph.multiply(junction[:, None] & junction).tocsr()
    within.eliminate_zeros()
    tree = csgraph.minimum_spanning_tree(within)
    graph = graph - (within - (tree + tree.T))
    graph.eliminate_zeros()
    degree = np.diff(graph.tocsr().indptr)
    _, piece = csgraph.connected_components(graph, directed=False)
    rings = set(piece[degree == 2]) - set(piece[degree != 2])
    return int(degree[degree != 2].sum()) // 2 + len(rings)
