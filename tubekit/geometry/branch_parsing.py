"""Cutting a tree-shaped mask into branches, by the rules of the ATM'22 challenge.

Three steps: cut the skeleton at its junctions, give every voxel of the mask to the nearest piece,
and merge the pieces that are no branches of their own. Made for trees; on meshes and loops the
third step knows no parents and merges less.
"""

import itertools

import numpy as np
from jaxtyping import Bool, Int32, Int64
from scipy import spatial
from scipy.sparse import csgraph

from tubekit.geometry.skeleton_paths import neighbours

_Graph = dict[int, set[int]]


def skeleton_pieces(
    skeleton: Bool[np.ndarray, "*s"], shortest: int = 5
) -> tuple[Int32[np.ndarray, "*s"], int]:
    """Cut a skeleton at its junctions.

    Voxels with more than two neighbours (8 in 2-D, 26 in 3-D) are taken out; what stays connected
    is a piece, unless it has fewer than ``shortest`` voxels.

    Args:
        skeleton: 2-D or 3-D.
        shortest: voxels a piece must have.
    Returns:
        A map with 1 to n on the pieces, in the reading order of their first voxels, and n.
    Reference: Zhang et al., Multi-site, multi-domain airway tree modeling (ATM'22), Medical Image
        Analysis 2023.
    """
    voxels = np.argwhere(skeleton)
    touch = neighbours(voxels)
    path = np.flatnonzero(np.diff(touch.indptr) <= 2)
    _, piece = csgraph.connected_components(touch[path][:, path], directed=False)
    long = np.bincount(piece) >= shortest
    number = np.cumsum(long) * long
    pieces = np.zeros(skeleton.shape, np.int32)
    pieces[tuple(voxels[path].T)] = number[piece]
    return pieces, int(np.count_nonzero(long))


def nearest_piece(
    mask: Bool[np.ndarray, "*s"], pieces: Int32[np.ndarray, "*s"]
) -> Int32[np.ndarray, "*s"]:
    """Give every voxel of a mask to the piece that is nearest in a straight line, in voxels.

    Args:
        mask: 2-D or 3-D.
        pieces: at least one voxel above 0. Of equally near voxels the one with the lowest last
            index counts, then the lowest last but one, and so on.
    Returns:
        Map of the piece of each voxel, 0 outside the mask.
    """
    sites, voxels = np.argwhere(pieces), np.argwhere(mask)
    # A shift of the questions by a hair (d) turns |q - s|^2 into |q - s|^2 + 2 d s + const: too
    # little to matter between whole numbers, it decides between equally near sites.
    hair = (1 / (4.0 * max(mask.shape))) ** np.arange(mask.ndim, 0, -1)
    _, nearest = spatial.cKDTree(sites).query(voxels - hair)
    regions = np.zeros(mask.shape, np.int32)
    regions[tuple(voxels.T)] = pieces[tuple(sites[nearest].T)]
    return regions


def merge_regions(
    regions: Int32[np.ndarray, "*s"],
) -> tuple[Int32[np.ndarray, "*s"], Int64[np.ndarray, "branches"]]:
    """Merge the regions of a tree until every fork has two children and every child one parent.

    The largest region is the root. Regions that share faces with a region and lie further from
    the root, counted in regions, are its children. In each round every region takes in its only
    child, unless another region just did; where there is none, the parents of one child become
    one. The rounds end when nothing changes.

    Args:
        regions: 1 to n, 0 in the background. Where not all regions hang together by faces, the
            largest of each group is a root.
    Returns:
        Map with 1 to m, and the generation of each of these branches: 0 for a root.
    """
    count = int(regions.max(initial=0))
    beside = _adjacency(regions, count)
    sizes = np.bincount(regions.ravel(), minlength=count + 1)[1:]
    by_size = (np.argsort(-sizes, kind="stable") + 1).tolist()
    branch = np.arange(count + 1)
    while True:
        generation = _generations(beside, by_size)
        taken = _only_children(beside, generation) or _double_parents(beside, generation)
        if not taken:
            break
        # The keeper of a keeper keeps both; keepers are nearer the root, or lower in number.
        for region in sorted(taken, key=lambda name: (generation[name], name)):
            taken[region] = taken.get(taken[region], taken[region])
        branch = np.array([taken.get(region, region) for region in branch.tolist()])
        joined: dict[int, set[int]] = {region: set() for region in beside if region not in taken}
        for region, others in beside.items():
            keeper = taken.get(region, region)
            joined[keeper] |= {taken.get(other, other) for other in others} - {keeper}
        beside = joined
    names, branch[1:] = np.unique(branch[1:], return_inverse=True)
    branch[1:] += 1
    return branch.astype(np.int32)[regions], np.array([generation[n] for n in names.tolist()], int)


def _adjacency(regions: Int32[np.ndarray, "*s"], count: int) -> _Graph:
    """Regions that share a face with each region."""
    beside: _Graph = {number: set() for number in range(1, count + 1)}
    for axis in range(regions.ndim):
        turned = np.moveaxis(regions, axis, 0)
        low, high = turned[:-1], turned[1:]
        border = (low != high) & (low > 0) & (high > 0)
        for a, b in np.unique(np.stack([low[border], high[border]]), axis=1).T.tolist():
            beside[a].add(b)
            beside[b].add(a)
    return beside


def _generations(beside: _Graph, by_size: list[int]) -> dict[int, int]:
    """Steps from the root of its group to each region."""
    generation: dict[int, int] = {}
    for root in by_size:
        if root in generation or root not in beside:
            continue
        generation[root] = 0
        front = [root]
        for region in front:  # grows while it is read
            for other in beside[region] - generation.keys():
                generation[other] = generation[region] + 1
                front.append(other)
    return generation


def _only_children(beside: _Graph, generation: dict[int, int]) -> dict[int, int]:
    """Each only child and the region that takes it in."""
    taken: dict[int, int] = {}
    for region in sorted(beside):
        children = [o for o in beside[region] if generation[o] > generation[region]]
        if len(children) == 1:
            taken.setdefault(children[0], region)
    return taken


def _double_parents(beside: _Graph, generation: dict[int, int]) -> dict[int, int]:
    """Each parent that shares a child with one of a lower number, and that one."""
    taken: dict[int, int] = {}
    for region in sorted(beside):
        parents = sorted(o for o in beside[region] if generation[o] < generation[region])
        for low, high in itertools.pairwise(parents):
            taken.setdefault(high, low)
    return taken
