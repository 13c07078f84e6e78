"""The second and third step of branch parsing on maps, as the reference program has them."""

import numpy as np
from jaxtyping import Bool, Int32, Int64

from tubekit.geometry.branch_parsing import _merged, _nearest, _painted


def nearest_piece(
    mask: Bool[np.ndarray, "*s"], pieces: Int32[np.ndarray, "*s"]
) -> Int32[np.ndarray, "*s"]:
    """Piece nearest to each voxel of a mask, 0 outside."""
    voxels, sites = np.flatnonzero(mask), np.flatnonzero(pieces)
    numbers = pieces.reshape(-1)[sites].astype(int)
    return _painted(voxels, _nearest(voxels, sites, numbers, mask.shape), mask.shape)


def merge_regions(
    regions: Int32[np.ndarray, "*s"],
) -> tuple[Int32[np.ndarray, "*s"], Int64[np.ndarray, "branches"]]:
    """Map of the branches, and the generation of each."""
    voxels = np.flatnonzero(regions)
    names = regions.reshape(-1)[voxels].astype(int)
    branch, generation = _merged(voxels, names, regions.shape)
    return _painted(voxels, branch, regions.shape), generation
