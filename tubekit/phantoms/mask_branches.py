"""The branches of a vessel mask whose tree is not known, from its skeleton."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float32, Int32, Int64, Shaped
from scipy.spatial import cKDTree

from tubekit import _check
from tubekit.geometry import (
    SkeletonGraph,
    components,
    distance_transform,
    skeleton_graph,
    skeletonize,
)


@dataclasses.dataclass(frozen=True, eq=False)
class Branches:
    """A forest as plain graph; branch ``i`` of the lists has the number ``i + 1`` in the maps.

    Attributes:
        nodes: the two end nodes of each branch; equal numbers for a closed branch.
        trunk: whether a branch must stay.
        length_mm: of each branch.
        owner: number of the branch at each voxel of the mask, 0 in the background.
        courses: voxels of each branch from node to node; branches that meet
            share theirs.
        hubs: voxels of junctions that no branch runs through.
        depth_mm: distance of each mask voxel to the background, 0 outside.
        spacing: millimetres per voxel in array order.
    """

    nodes: list[tuple[int, int]]
    trunk: list[bool]
    length_mm: list[float]
    owner: Int32[np.ndarray, "*s"]
    courses: list[Int64[np.ndarray, "_ d"]]
    hubs: Bool[np.ndarray, "*s"]
    depth_mm: Float32[np.ndarray, "*s"]
    spacing: tuple[float, ...]


def branches_of_mask(
    mask: Shaped[np.ndarray, "*s"], spacing: Sequence[float] | None = None
) -> Branches:
    """Branches of a binary mask: those of its skeleton, without spurs.

    A spur is a branch with a free end that is no longer than the tube is wide at the junction
    where it leaves: a dent of the wall, not a vessel. Each voxel of the mask belongs to the branch
    of its own piece whose skeleton is nearest; specks without a branch belong to none.

    Args:
        mask: binary, 2-D or 3-D.
        spacing: millimetres per voxel in array order; ``None`` means 1.
    Raises:
        ValueError: ``mask`` not binary or not 2-D or 3-D, or a bad spacing.
    """
    _check.dimensions("mask", mask, (2, 3))
    steps = _check.spacing(spacing, mask.ndim)
    mask = _check.binary("mask", mask)
    depth = np.minimum(distance_transform(mask, steps), np.float32(1e6))
    skeleton = skeletonize(mask)
    graph = _pruned(skeleton, depth, steps)
    line = graph.labels
    owner = _nearest_in_piece(mask, line, steps)
    free = len(graph.nodes)
    nodes = [b.nodes or (free + i, free + i) for i, b in enumerate(graph.branches)]
    return Branches(
        nodes=nodes,
        trunk=_trunks(graph, nodes, depth),
        length_mm=[b.length_mm for b in graph.branches],
        owner=owner,
        courses=[b.voxels for b in graph.branches],
        hubs=skeleton & (line == 0),
        depth_mm=depth,
        spacing=steps,
    )


def voxels_removed(known: Branches, dropped: Sequence[int]) -> Int32[np.ndarray, "*s"]:
    """Number of the dropped branch at each voxel that goes with it, 0 elsewhere.

    Voxels inside the largest balls along the branches that stay remain: the skeleton of a side
    branch begins on the axis of its parent, and without this it would take a notch out of it.
    Crumbs that hang on nothing afterwards go too.
    """
    removed = np.where(np.isin(known.owner, dropped), known.owner, 0)
    stays = np.zeros(removed.shape, dtype=bool)
    for number, course in enumerate(known.courses, 1):
        if number not in dropped:
            stays[tuple(course.T)] = True
    steps = np.array(known.spacing)
    for place in np.argwhere(stays | known.hubs):
        radius = float(known.depth_mm[tuple(place)])
        low = np.maximum(np.ceil(place - radius / steps).astype(int), 0)
        box = tuple(map(slice, low, np.floor(place + radius / steps).astype(int) + 1))
        if removed[box].any():
            offsets = (np.indices(removed[box].shape).T + low - place) * steps
            removed[box][radius**2 > (offsets**2).sum(axis=-1).T] = 0
    pieces, count = components((known.owner > 0) & (removed == 0))
    held = np.zeros(count + 1, dtype=bool)
    held[pieces[stays]] = True
    crumbs = (pieces > 0) & ~held[pieces]
    if crumbs.any():
        taken = np.argwhere(removed)
        nearest = cKDTree(taken * steps).query(np.argwhere(crumbs) * steps)[1]
        removed[crumbs] = removed[tuple(taken[nearest].T)]
    return removed


def _nearest_in_piece(
    mask: Bool[np.ndarray, "*s"], line: Int32[np.ndarray, "*s"], steps: tuple[float, ...]
) -> Int32[np.ndarray, "*s"]:
    owner = np.zeros(mask.shape, np.int32)
    if not line.any():
        return owner
    # The number of the piece is one more coordinate, so far apart that no other piece is nearest.
    far = 2 * float(np.linalg.norm(np.array(mask.shape) * steps))
    pieces = components(mask)[0].astype(float)
    voxels, sites = np.argwhere(mask), np.argwhere(line)
    points, known = (
        np.column_stack([p * steps, far * pieces[tuple(p.T)]]) for p in (voxels, sites)
    )
    distance, nearest = cKDTree(known).query(points)
    owner[mask] = np.where(distance < far, line[tuple(sites[nearest].T)], 0)
    return owner


def _pruned(
    skeleton: Bool[np.ndarray, "*s"], depth: Float32[np.ndarray, "*s"], steps: tuple[float, ...]
) -> SkeletonGraph:
    """Cut spurs off the skeleton, the shortest of each junction first, until none is left."""
    while True:
        graph = skeleton_graph(skeleton, steps)
        cut = False
        touched: set[int] = set()
        for branch in sorted(graph.branches, key=lambda b: b.length_mm):
            if branch.nodes is None:
                continue
            degree = graph.degrees[list(branch.nodes)]
            if degree.min() != 1 or degree.max() < 3:
                continue
            at = int(np.argmax(degree))
            junction = branch.nodes[at]
            voxels = branch.voxels if at == 0 else branch.voxels[::-1]
            if junction in touched or branch.length_mm > 2 * depth[tuple(voxels[0])]:
                continue
            touched.add(junction)
            skeleton[tuple(voxels[1:].T)] = False
            cut = True
        if not cut:
            return graph


def _trunks(graph: SkeletonGraph, nodes: list[tuple[int, int]], depth: np.ndarray) -> list[bool]:
    """The widest branch of every piece that forks, and of the largest piece."""
    piece = list(range(len(nodes)))
    first: dict[int, int] = {}
    for i, ends in enumerate(nodes):
        for node in ends:
            j = first.setdefault(node, i)
            low, high = sorted((piece[i], piece[j]))
            piece = [low if p == high else p for p in piece]
    width = [float(depth[tuple(b.voxels.T)].mean()) for b in graph.branches]
    volume = [w**2 * b.length_mm for w, b in zip(width, graph.branches, strict=True)]
    trunk = [False] * len(nodes)
    groups = [[i for i, p in enumerate(piece) if p == root] for root in sorted(set(piece))]
    largest = max(groups, key=lambda g: sum(volume[i] for i in g), default=[])
    for group in groups:
        if len(group) > 1 or group is largest:
            trunk[max(group, key=lambda i: width[i])] = True
    return trunk
