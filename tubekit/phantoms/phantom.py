"""A phantom: a case like any other, and everything that is known about it exactly."""

import dataclasses

import numpy as np
from jaxtyping import Bool, Float32, Int32

from tubekit.phantoms.raster import Raster
from tubekit.phantoms.tree import Tree
from tubekit.types import Case


@dataclasses.dataclass(frozen=True, eq=False)
class Phantom:
    """A synthetic image with its exact truth.

    Attributes:
        case: image, label map, spacing and field of view.
        centerline: voxels of the tubes' courses, one voxel wide, always inside the label.
        radius_mm: radius of the tube on the centre line, 0 elsewhere.
        branch: 1 + index into ``tree.branches`` on the mask, 0 in the background.
        tree: the branches, in millimetres.
        betti: exact Betti numbers of ``case.label > 0``, (b0, b1) or (b0, b1, b2).

    Example:
        >>> from tubekit.phantoms import vascular_phantom
        >>> phantom = vascular_phantom((20, 24, 24), seed=1)
        >>> len(phantom.tree.branches) == int(phantom.branch.max())
        True
    """

    case: Case
    centerline: Bool[np.ndarray, "*s"]
    radius_mm: Float32[np.ndarray, "*s"]
    branch: Int32[np.ndarray, "*s"]
    tree: Tree
    betti: tuple[int, ...]


def assemble(
    id: str,
    tree: Tree,
    raster: Raster,
    image: Float32[np.ndarray, "c *s"],
    valid: Bool[np.ndarray, "*s"] | None = None,
) -> Phantom:
    """Join an image, the raster it was rendered from, and the tree into a phantom."""
    case = Case(id, image, class_map(tree, raster), tree.spacing, valid)
    return Phantom(case, raster.centerline, raster.radius_mm, raster.owner, tree, tree.betti)


def class_map(tree: Tree, raster: Raster) -> Int32[np.ndarray, "*s"]:
    """Label of the owning branch at every voxel of the mask, 0 in the background."""
    return np.array([0, *(branch.label for branch in tree.branches)], dtype=np.int32)[raster.owner]
