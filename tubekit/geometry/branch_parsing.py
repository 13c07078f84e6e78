"""Cutting a tree-shaped mask into branches, by the rules of the ATM'22 challenge.

Three steps: cut the skeleton at its junctions, give every voxel of the mask to the nearest piece,
and merge the pieces that are no branches of their own. Made for trees; on meshes and loops the
third step knows no parents and merges less.

All work is done on sorted lists of flat indices, with a number for each voxel: tubes fill so little
of their box that lists are far smaller than maps. ``skeleton_pieces`` alone paints one.
"""

import itertools
import math

import numpy as np
from jaxtyping import Bool, Int32, Int64
from scipy import spatial
from scipy.sparse import csgraph

from tubekit.geometry.skeleton_paths import neighbours

_Graph = dict[int, set[int]]
_AT_ONCE = 1 << 15
"""How many voxels are looked at together; more would only need more memory."""


def branches_along(
    voxels: Int64[np.ndarray, "n"], line: Bool[np.ndarray, "n"], shape: tuple[int, ...]
) -> Int64[np.ndarray, "k"]:
    """Branch of each skeleton voxel of one connected object: all three steps, without a map.

    Args:
        voxels: of the object, sorted flat indices.
        line: which of them belong to its skeleton, k in all.
        shape: of the image.
    Returns:
        Numbers from 1 without a gap.
    """
    sites = voxels[line]
    piece = _pieces(_coordinates(sites, shape), 5)
    if piece.max(initial=0) < 2:  # the largest region is the root, and there is no other
        return np.ones(len(sites), int)
    inside = piece > 0
    names = _nearest(voxels, sites[inside], piece[inside], shape)
    return _merged(voxels, names, shape)[0][line]


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
    voxels = np.flatnonzero(skeleton)
    number = _pieces(_coordinates(voxels, skeleton.shape), shortest)
    return _painted(voxels, number, skeleton.shape), int(number.max(initial=0))


def _pieces(voxels: Int64[np.ndarray, "n d"], shortest: int) -> Int64[np.ndarray, "n"]:
    """Piece of each skeleton voxel, 0 for those of none."""
    touch = neighbours(voxels)
    path = np.flatnonzero(np.diff(touch.indptr) <= 2)
    _, piece = csgraph.connected_components(touch[path][:, path], directed=False)
    long = np.bincount(piece) >= shortest
    number = np.zeros(len(voxels), int)
    number[path] = (np.cumsum(long) * long)[piece]
    return number


def _nearest(
    voxels: Int64[np.ndarray, "n"],
    sites: Int64[np.ndarray, "k"],
    numbers: Int64[np.ndarray, "k"],
    shape: tuple[int, ...],
) -> Int64[np.ndarray, "n"]:
    """Number of the site nearest to each voxel, in a straight line and in voxels.

    Of equally near sites the one with the lowest last index counts, then the lowest last but one.
    """
    known = _coordinates(sites, shape)
    # A shift of the questions by a hair (d) turns |q - s|^2 into |q - s|^2 + 2 d s + const: too
    # little to matter between whole numbers, it decides between equally near sites.
    widest = int(np.ptp(known, axis=0).max()) + 1
    hair = (1 / (4.0 * widest)) ** np.arange(len(shape), 0, -1)
    tree = spatial.cKDTree(known)
    names = np.empty(len(voxels), int)
    for start in range(0, len(voxels), _AT_ONCE):
        asked = slice(start, start + _AT_ONCE)
        names[asked] = numbers[tree.query(_coordinates(voxels[asked], shape) - hair)[1]]
    return names


def _merged(
    voxels: Int64[np.ndarray, "n"], names: Int64[np.ndarray, "n"], shape: tuple[int, ...]
) -> tuple[Int64[np.ndarray, "n"], Int64[np.ndarray, "branches"]]:
    """Branch of each voxel with a region, and the generation of each branch, 0 for a root.

    The largest region is the root, or of each group that hangs together by faces. Regions that
    share faces with a region and lie further from the root, counted in regions, are its children.
    In each round every region takes in its only child, unless another region just did; where there
    is none, the parents of one child become one. The rounds end when nothing changes.
    """
    count = int(names.max(initial=0))
    beside = _adjacency(voxels, names, shape)
    sizes = np.bincount(names, minlength=count + 1)[1:]
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
    kept, branch[1:] = np.unique(branch[1:], return_inverse=True)
    branch[1:] += 1
    return branch[names], np.array([generation[n] for n in kept.tolist()], int)


def _adjacency(
    voxels: Int64[np.ndarray, "n"], names: Int64[np.ndarray, "n"], shape: tuple[int, ...]
) -> _Graph:
    """Regions that share a face with each region."""
    beside: _Graph = {number: set() for number in range(1, int(names.max(initial=0)) + 1)}
    for axis, size in enumerate(shape):
        step = math.prod(shape[axis + 1 :])
        for start in range(0, len(voxels), _AT_ONCE):
            here, own = (values[start : start + _AT_ONCE] for values in (voxels, names))
            at = np.searchsorted(voxels[:-1], here + step)  # beyond all: sent to the last
            border = np.flatnonzero((voxels[at] == here + step) & (names[at] != own))
            border = border[here[border] // step % size < size - 1]  # else the next row begins
            pairs = np.stack([own[border], names[at[border]]])
            for a, b in np.unique(pairs, axis=1).T.tolist():
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


def _coordinates(
    voxels: Int64[np.ndarray, "n"], shape: tuple[int, ...]
) -> Int64[np.ndarray, "n d"]:
    return np.stack(np.unravel_index(voxels, shape), axis=1)


def _painted(
    voxels: Int64[np.ndarray, "n"], numbers: Int64[np.ndarray, "n"], shape: tuple[int, ...]
) -> Int32[np.ndarray, "*s"]:
    image = np.zeros(shape, np.int32)
    image.reshape(-1)[voxels] = numbers
    return image
