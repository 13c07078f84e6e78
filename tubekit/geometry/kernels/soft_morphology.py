"""Loops of the soft skeleton, plane by plane on a volume (z, y, x) of finite values.

Every loop reads where it likes and writes planes ``start`` to ``stop`` only. An image is a volume
of one plane.
"""

import numpy as np

from tubekit.geometry.kernels.compiled import compiled


@compiled
def lower(a: float, b: float) -> float:
    """The smaller number; unlike ``min`` it leaves NaN aside, and compiles to one instruction."""
    return a if a < b else b


@compiled
def higher(a: float, b: float) -> float:
    """The larger number."""
    return a if a > b else b


@compiled
def erode(start: int, stop: int, image: np.ndarray, eroded: np.ndarray) -> None:
    """Minimum over a voxel and its face neighbours."""
    depth, height, width = image.shape
    for z in range(start, stop):
        # Beyond the border stands the border itself, which changes no minimum.
        before, after = image[max(z - 1, 0)], image[min(z + 1, depth - 1)]
        for y in range(height):
            row, result = image[z, y], eroded[z, y]
            above, below = image[z, max(y - 1, 0)], image[z, min(y + 1, height - 1)]
            b, a = before[y], after[y]
            for x in range(width):
                around = lower(lower(above[x], below[x]), lower(b[x], a[x]))
                result[x] = lower(row[x], around)
            for x in range(1, width):
                result[x] = lower(result[x], row[x - 1])
            for x in range(width - 1):
                result[x] = lower(result[x], row[x + 1])


@compiled
def dilate_planes(start: int, stop: int, image: np.ndarray, widest: np.ndarray) -> None:
    """Maximum over the 3 x 3 voxels of a plane: the dilation without its step along z."""
    _, height, width = image.shape
    row = np.empty(width + 2, image.dtype)
    for z in range(start, stop):
        for y in range(height):
            middle, result = image[z, y], widest[z, y]
            above, below = image[z, max(y - 1, 0)], image[z, min(y + 1, height - 1)]
            for x in range(width):
                row[x + 1] = higher(middle[x], higher(above[x], below[x]))
            row[0], row[-1] = row[1], row[-2]
            for x in range(width):
                result[x] = higher(row[x + 1], higher(row[x], row[x + 2]))


@compiled
def add_residue(
    start: int, stop: int, image: np.ndarray, widest: np.ndarray, skeleton: np.ndarray
) -> None:
    """S + relu(R - S R) in the place of S, where R = relu(I - O) is what the opening removes.

    Args:
        image: I.
        widest: ``dilate_planes`` of the eroded image; the maximum along z makes it O.
        skeleton: S.
    """
    depth, height, width = image.shape
    zero = image.dtype.type(0)
    for z in range(start, stop):
        for y in range(height):
            row, s = image[z, y], skeleton[z, y]
            b, m, a = widest[max(z - 1, 0), y], widest[z, y], widest[min(z + 1, depth - 1), y]
            for x in range(width):
                residue = higher(row[x] - higher(m[x], higher(b[x], a[x])), zero)
                s[x] += higher(residue - s[x] * residue, zero)


@compiled
def residue_gradient(
    start: int,
    stop: int,
    image: np.ndarray,
    widest: np.ndarray,
    skeleton: np.ndarray,
    of_skeleton: np.ndarray,
    of_residue: np.ndarray,
) -> None:
    """Backwards through ``add_residue``.

    Args:
        image, widest, skeleton: what ``add_residue`` was given, the skeleton before the sum.
        of_skeleton: gradient of the sum; becomes that of the skeleton before, in place.
        of_residue: result, the gradient of the difference I - O.
    """
    depth, height, width = image.shape
    zero = image.dtype.type(0)
    for z in range(start, stop):
        for y in range(height):
            row, s, g, result = image[z, y], skeleton[z, y], of_skeleton[z, y], of_residue[z, y]
            b, m, a = widest[max(z - 1, 0), y], widest[z, y], widest[min(z + 1, depth - 1), y]
            for x in range(width):
                residue = row[x] - higher(m[x], higher(b[x], a[x]))
                joins = (residue > zero) & (residue - s[x] * residue > zero)
                flow = g[x] if joins else zero
                result[x] = flow - flow * s[x]
                g[x] -= flow * residue


@compiled
def lowest_along_z(volume: np.ndarray, z: int, result: np.ndarray) -> None:
    """Minimum over the planes z - 1 to z + 1."""
    before, own, after = volume[max(z - 1, 0)], volume[z], volume[min(z + 1, len(volume) - 1)]
    for y in range(own.shape[0]):
        for x in range(own.shape[1]):
            result[y, x] = lower(own[y, x], lower(before[y, x], after[y, x]))
