"""Vessel trees as plain data: branches with points, radii and the graph that joins them."""

import dataclasses

import numpy as np
from jaxtyping import Float

from tubekit.types import Spacing


@dataclasses.dataclass(frozen=True, eq=False)
class Branch:
    """One unbranched tube between two nodes of a tree.

    Attributes:
        points_mm: course of the centre line, array order, from the first node to the second.
        radius_mm: radius at each point, positive.
        nodes: numbers of the two end nodes; branches that meet share a node.
        parent: index of the branch it grows from; -1 for a root.
        generation: 0 for a root, one more than its parent otherwise.
        label: class in the label map, from 1.

    Example:
        >>> from tubekit.phantoms import vascular_phantom
        >>> phantom = vascular_phantom((20, 24, 24), seed=1)
        >>> phantom.tree.branches[0].parent, phantom.tree.branches[0].label
        (-1, 1)
    """

    points_mm: Float[np.ndarray, "n d"]
    radius_mm: Float[np.ndarray, "n"]
    nodes: tuple[int, int]
    parent: int
    generation: int
    label: int = 1

    @property
    def length_mm(self) -> float:
        return float(np.linalg.norm(np.diff(self.points_mm, axis=0), axis=1).sum())


@dataclasses.dataclass(frozen=True, eq=False)
class Tree:
    """Branches on a voxel grid; the centre of voxel ``i`` lies at ``i * spacing``.

    Attributes:
        branches: parents stand before their children.
        shape: voxels per axis of the grid the tree was grown for.
        spacing: millimetres per voxel in array order.

    Example:
        >>> from tubekit.phantoms import vascular_phantom
        >>> phantom = vascular_phantom((20, 24, 24), seed=1)
        >>> phantom.tree.shape, phantom.tree.betti
        ((20, 24, 24), (1, 0, 0))
    """

    branches: tuple[Branch, ...]
    shape: tuple[int, ...]
    spacing: Spacing

    @property
    def betti(self) -> tuple[int, ...]:
        """Exact Betti numbers of the rasterised mask: pieces, loops (and, in 3-D, cavities).

        They follow from the graph alone: with V nodes, E branches and c pieces, the graph holds
        E - V + c independent loops, and a union of solid tubes encloses no cavity.
        """
        piece: dict[int, int] = {}

        def find(node: int) -> int:
            while piece.setdefault(node, node) != node:
                node = piece[node]
            return node

        for branch in self.branches:
            piece[find(branch.nodes[0])] = find(branch.nodes[1])
        pieces = sum(node == root for node, root in piece.items())
        loops = len(self.branches) - len(piece) + pieces
        return (pieces, loops, 0)[: len(self.shape)]

    def children(self, index: int) -> tuple[int, ...]:
        """Indices of the branches that grow from branch ``index``."""
        return tuple(i for i, branch in enumerate(self.branches) if branch.parent == index)

    def leaves(self) -> tuple[int, ...]:
        """Indices of the branches with a free end, so that removing one splits nothing."""
        ends = [node for branch in self.branches for node in branch.nodes]
        return tuple(
            i for i, branch in enumerate(self.branches) if ends.count(branch.nodes[1]) == 1
        )

    def without(self, removed: set[int]) -> "Tree":
        """The tree that is left when branches are taken out; orphans become roots."""
        kept = [i for i in range(len(self.branches)) if i not in removed]
        new = {old: i for i, old in enumerate(kept)} | {-1: -1}
        branches = tuple(
            dataclasses.replace(self.branches[i], parent=new.get(self.branches[i].parent, -1))
            for i in kept
        )
        return Tree(branches, self.shape, self.spacing)
