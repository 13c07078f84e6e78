"""Gradients of the soft skeleton's minima and maxima, plane by plane.

The ties are those of max pooling and ``torch.minimum``: among equal values the first voxel of a
window, in array order, takes the whole gradient; equal minima along two axes take half each.
A window of 27 is three windows of 3, one per axis: the first of the best planes, in it the first
of the best rows, in it the first of the best voxels. Every loop gathers what a voxel receives.
"""

import numpy as np

from tubekit.geometry.kernels.compiled import compiled
from tubekit.geometry.kernels.soft_morphology import higher, lower, lowest_along_z

# A voxel stands in windows one voxel away, and competes there with voxels two away.
MARGIN = 2

Three = tuple[np.ndarray, np.ndarray, np.ndarray]
Five = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


@compiled
def dilation_gradient(
    start: int,
    stop: int,
    image: np.ndarray,
    widest: np.ndarray,
    gradient: np.ndarray,
    result: np.ndarray,
) -> None:
    """Backwards through the dilation of ``image``; ``result`` loses what its maxima receive.

    Args:
        image: what was dilated.
        widest: its ``dilate_planes``.
        gradient: of I - O, where O is the dilated image; hence the minus.
        result: gradient of ``image``, in place.
    """
    height, width = image.shape[1:]
    low, zero = image.dtype.type(-np.inf), image.dtype.type(0)
    received = np.empty((height, width), image.dtype)
    plane, rows = framed(image[0], low), framed(image[0], low)
    flow, along_y, along_x = framed(image[0], zero), framed(image[0], zero), framed(image[0], zero)
    values, row_values, pitch = plane.reshape(-1), rows.reshape(-1), plane.shape[1]
    for z in range(start, stop):
        flows = five_planes(gradient, z, zero)[1:4]
        give(five_planes(widest, z, low), flows, 1, received.reshape(-1))
        put(received, flow)
        put(image[z], plane)
        for i in range(1, len(values) - 1):
            row_values[i] = higher(values[i], higher(values[i - 1], values[i + 1]))
        give_along(row_values, flow.reshape(-1), pitch, 1, along_y.reshape(-1))
        give_along(values, along_y.reshape(-1), 1, 1, along_x.reshape(-1))
        for y in range(height):
            got, out = along_x[y + MARGIN], result[z, y]
            for x in range(width):
                out[x] -= got[x + MARGIN]


@compiled
def erosion_gradient(
    start: int,
    stop: int,
    image: np.ndarray,
    flat: bool,
    gradient: np.ndarray,
    result: np.ndarray,
) -> None:
    """Backwards through the erosion of ``image``; ``result`` gains what its minima receive.

    Args:
        image: what was eroded.
        flat: the image has two axes only: z takes no part, not even in a tie.
        gradient: of the eroded image.
        result: gradient of ``image``, in place.
    """
    depth, height, width = image.shape
    high, zero = image.dtype.type(np.inf), image.dtype.type(0)
    lowest_z, received = np.full((height, width), high), np.empty(height * width, image.dtype)
    plane, lowest, flow = framed(image[0], high), framed(image[0], high), framed(image[0], zero)
    to_x, to_y, to_z = framed(image[0], zero), framed(image[0], zero), framed(image[0], zero)
    along_x, along_y = framed(image[0], zero), framed(image[0], zero)
    values, pitch = plane.reshape(-1), plane.shape[1]
    sent = np.zeros((3, height, width), image.dtype)  # along z, from the last three planes
    # One plane more on either side: the windows of its voxels reach into this slab.
    for z in range(start - 1, stop + 1):
        if 0 <= z < depth:
            if not flat:
                lowest_along_z(image, z, lowest_z)
            put(image[z], plane)
            put(lowest_z, lowest)
            put(gradient[z], flow)
            share(
                values,
                lowest.reshape(-1),
                flow.reshape(-1),
                pitch,
                (to_x.reshape(-1), to_y.reshape(-1), to_z.reshape(-1)),
            )
            take(to_z, sent[(z + 1) % 3])
        else:
            sent[(z + 1) % 3].fill(zero)
        if start <= z < stop:
            give_along(values, to_x.reshape(-1), 1, -1, along_x.reshape(-1))
            give_along(values, to_y.reshape(-1), pitch, -1, along_y.reshape(-1))
            for y in range(height):
                one, other, out = along_x[y + MARGIN], along_y[y + MARGIN], result[z, y]
                for x in range(width):
                    out[x] += one[x + MARGIN] + other[x + MARGIN]
        last = z - 1  # now both its neighbours have sent
        if last >= start and not flat:
            flows = (
                sent[last % 3].reshape(-1),
                sent[(last + 1) % 3].reshape(-1),
                sent[(last + 2) % 3].reshape(-1),
            )
            give(five_planes(image, last, high), flows, -1, received)
            out = result[last].reshape(-1)
            for i in range(len(out)):
                out[i] += received[i]


@compiled
def share(
    values: np.ndarray, lowest_z: np.ndarray, flow: np.ndarray, pitch: int, result: Three
) -> None:
    """Split a gradient between the lines along x, y and z whose minimum is the lowest.

    That is ``minimum(minimum(z, y), x)``, where the two sides of a tie take half each.
    """
    n = len(values) - 2 * pitch
    half, zero = flow.dtype.type(0.5), flow.dtype.type(0)
    above, below = values[:n], values[2 * pitch :]
    left, right = values[pitch - 1 : pitch - 1 + n], values[pitch + 1 : pitch + 1 + n]
    own, line_z, whole = values[pitch:-pitch], lowest_z[pitch:-pitch], flow[pitch:-pitch]
    to_x, to_y, to_z = result[0][pitch:-pitch], result[1][pitch:-pitch], result[2][pitch:-pitch]
    for i in range(n):
        x = lower(own[i], lower(left[i], right[i]))
        y = lower(own[i], lower(above[i], below[i]))
        z, g = line_z[i], whole[i]
        zy = lower(z, y)
        to_x[i] = g if x < zy else half * g if x == zy else zero
        g -= to_x[i]
        to_z[i] = g if z < y else half * g if z == y else zero
        to_y[i] = g - to_z[i]


@compiled
def give(values: Five, flows: Three, sign: int, result: np.ndarray) -> None:
    """What a voxel receives from the windows of 3 along a line before, around and after it.

    Args:
        values: on the line, from two voxels before to two after.
        flows: gradients of the windows' extremes, from one before to one after.
        sign: 1 where the windows take their maximum, -1 for the minimum.
        result: the sum of what this voxel is the (first) extreme of.
    """
    a0, a1, a2, a3, a4 = values
    g1, g2, g3 = flows
    up, zero = result.dtype.type(sign), result.dtype.type(0)
    for i in range(len(result)):
        v, before, around, after = up * a2[i], g1[i], g2[i], g3[i]
        # An earlier voxel wins a tie, so it must be beaten; a later one need only be reached.
        beats, holds = v > up * a1[i], v >= up * a3[i]
        total = before if beats & (v > up * a0[i]) else zero
        total += around if beats & holds else zero
        total += after if holds & (v >= up * a4[i]) else zero
        result[i] = total


@compiled
def give_along(
    values: np.ndarray, flow: np.ndarray, step: int, sign: int, result: np.ndarray
) -> None:
    """``give`` within a framed plane, flattened: ``step`` is 1 along x, the pitch along y."""
    n = len(values) - 4 * step
    windows = (
        values[:n],
        values[step : step + n],
        values[2 * step : 2 * step + n],
        values[3 * step : 3 * step + n],
        values[4 * step :],
    )
    flows = (flow[step : step + n], flow[2 * step : 2 * step + n], flow[3 * step : 3 * step + n])
    give(windows, flows, sign, result[2 * step : 2 * step + n])


@compiled
def five_planes(volume: np.ndarray, z: int, beyond: float) -> Five:
    """Planes z - 2 to z + 2, flattened; those outside hold ``beyond``."""
    missing = np.full(volume[0].size, beyond, volume.dtype)
    depth = len(volume)
    return (
        volume[z - 2].reshape(-1) if z > 1 else missing,
        volume[z - 1].reshape(-1) if z > 0 else missing,
        volume[z].reshape(-1),
        volume[z + 1].reshape(-1) if z + 1 < depth else missing,
        volume[z + 2].reshape(-1) if z + 2 < depth else missing,
    )


@compiled
def framed(plane: np.ndarray, value: float) -> np.ndarray:
    """An array wider than ``plane`` by the margin on every side, full of ``value``."""
    height, width = plane.shape
    return np.full((height + 2 * MARGIN, width + 2 * MARGIN), value, plane.dtype)


@compiled
def put(plane: np.ndarray, frame: np.ndarray) -> None:
    """Copy a plane into the middle of its frame."""
    height, width = plane.shape
    for y in range(height):
        row, result = plane[y], frame[y + MARGIN]
        for x in range(width):
            result[x + MARGIN] = row[x]


@compiled
def take(frame: np.ndarray, plane: np.ndarray) -> None:
    """Copy a plane out of its frame."""
    height, width = plane.shape
    for y in range(height):
        row, result = frame[y + MARGIN], plane[y]
        for x in range(width):
            result[x] = row[x + MARGIN]
