"""Thinning that cannot lose an object: only simple voxels are deleted, one layer at a time."""

import sys

import numpy as np
from jaxtyping import Bool

from tubekit.geometry.kernels.peeling import peel
from tubekit.geometry.simple_points import SUBFIELDS


def thin(mask: Bool[np.ndarray, "*s"]) -> Bool[np.ndarray, "*s"]:
    """Peel simple voxels that are not end points, layer by layer, until none is left.

    Components, tunnels and cavities stay as they are (objects 8- or 26-connected), so a solid box
    ends as a voxel or a short line, a bar as a line. Beyond a copy of the mask, time and memory
    grow with the box around the object, not with the image.

    Args:
        mask: object, 2-D or 3-D.
    Returns:
        Centre line, a subset of ``mask``.
    Reference: Bertrand, Pattern Recognition Letters 1996 (simple voxels).
    """
    # Layer by layer: fixing the border and the end points of each round beforehand keeps the
    # corners of a box from leaving spurs.
    line = np.array(mask, order="C")
    volume = line.reshape((1,) * (4 - line.ndim) + line.shape)
    in_order = sorted(SUBFIELDS, reverse=True)
    peel(volume, None, sys.maxsize, in_order, by_layer=True)
    return line
