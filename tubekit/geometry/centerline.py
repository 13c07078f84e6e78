"""The voxels of a hard skeleton as a list: what `skeletonize` and `tubed_skeleton` share."""

import numpy as np
from jaxtyping import Int, Shaped

from tubekit.geometry.kernels.boxes import foreground_box
from tubekit.geometry.kernels.flood import flood_objects
from tubekit.geometry.kernels.thinning2d import thin_image
from tubekit.geometry.kernels.thinning3d import thin_volume
from tubekit.geometry.thinning import thin


def centerline(objects: Shaped[np.ndarray, "z y x"], ndim: int) -> Int[np.ndarray, "3 n"]:
    """Voxels of the skeleton, with at least one for every object.

    Only the box around the objects is copied, and only a list of their voxels is thinned.

    Args:
        objects: mask or class map (z y x), not 0 in objects; an image (y x) is one slice.
        ndim: 2 thins after Zhang and Suen, 3 after Lee, Kashyap and Chu.
    Returns:
        The coordinates (z, y, x) of n voxels.
    """
    box = foreground_box(objects, 0)
    if box is None:
        return np.zeros((3, 0), np.int64)
    inside = objects[box]
    framed = np.zeros(tuple(side + 2 for side in inside.shape), np.uint8)
    interior = framed[1:-1, 1:-1, 1:-1]
    np.not_equal(inside, 0, out=interior.view(bool))
    image, (plane, row, _) = framed.reshape(-1), framed.strides
    voxels = np.flatnonzero(framed[1:-1].view(bool)) + plane
    last = voxels[:0]
    if ndim == 2:
        count = thin_image(image, voxels, row)
    else:
        count, last = thin_volume(image, voxels, row, plane)
    found = [_coordinates(voxels[:count], framed.shape)]
    if len(last):
        np.not_equal(inside, 0, out=interior.view(bool))
        lost, ends = flood_objects(image, last, row, plane)
        pieces = np.split(_coordinates(lost, framed.shape), ends[:-1], axis=1)
        found += [_rethinned(piece) for piece in pieces]
    return np.concatenate(found, axis=1) + np.array([[side.start] for side in box])


def _rethinned(voxels: Int[np.ndarray, "3 n"]) -> Int[np.ndarray, "3 k"]:
    """Voxels of one object, thinned by deleting simple voxels only.

    Thinning treats even and odd coordinates differently. They are counted from the object's own
    corner, so that its skeleton does not depend on where in the image it lies.
    """
    corner = voxels.min(axis=1, keepdims=True)
    voxels = voxels - corner
    mask = np.zeros(voxels.max(axis=1) + 1, dtype=bool)
    mask[tuple(voxels)] = True
    return np.stack(np.nonzero(thin(mask))) + corner


def _coordinates(flat: Int[np.ndarray, "n"], framed: tuple[int, ...]) -> Int[np.ndarray, "3 n"]:
    """Of indices into a flat, framed volume: where they lie within the frame."""
    return np.stack(np.unravel_index(flat, framed)) - 1
