"""Sampling along the curves of a snake convolution, and its transpose, as compiled loops.

Features are rows (r p q c): r runs over samples and the snake's own axis, p and q are the other
axes (q has size 1 in images), c the channels. A tap moves whole steps along r and fractions along p
and q, so a sample is a mean of 2 or 4 neighbours, each a contiguous run of channels.
"""

import math

import numpy as np

from tubekit.geometry.kernels.compiled import compiled, compiled_reordered


@compiled
def neighbours(deviation: float, at: int, size: int) -> tuple[int, int, float, float, float]:
    """Two readable indices, the fraction between them, and for each 1 if it is inside, else 0."""
    # Far outside is as good as just outside, and fits an integer.
    floor = math.floor(min(max(deviation, -2.0 - size), 2.0 + size))
    low = at + int(floor)
    low_inside = 1.0 if 0 <= low < size else 0.0
    high_inside = 1.0 if 0 <= low + 1 < size else 0.0
    last = size - 1
    indices = min(max(low, 0), last), min(max(low + 1, 0), last)
    return indices[0], indices[1], deviation - floor, low_inside, high_inside


@compiled_reordered
def gather(
    count: int,
    features: np.ndarray,
    curve: np.ndarray,
    period: int,
    first: int,
    columns: np.ndarray,
) -> None:
    """Write the samples of all taps of the voxels in ``count`` rows from ``first`` on.

    Args:
        count: rows.
        features: (r p q c).
        curve: (r p q m k), deviation of tap k along p (and q, if m is 2) in voxels.
        period: rows per sample.
        first: row of the first voxel in ``columns``.
        columns: (n k c), n = rows * p * q; 0 where a tap leaves the sample.
    """
    _, height, width, channels = features.shape
    axes, taps = curve.shape[3:]
    kind = features.dtype.type
    for row in range(first, first + count):
        for p in range(height):
            for q in range(width):
                for tap in range(taps):
                    sample = columns[((row - first) * height + p) * width + q, tap]
                    at = row + tap - taps // 2
                    if at < 0 or at // period != row // period:
                        sample[:] = kind(0)
                        continue
                    p0, p1, f, in0, in1 = neighbours(curve[row, p, q, 0, tap], p, height)
                    a0, a1 = (1 - f) * in0, f * in1
                    if axes == 1:
                        w0, w1 = kind(a0), kind(a1)
                        x0, x1 = features[at, p0, 0], features[at, p1, 0]
                        for c in range(channels):
                            sample[c] = w0 * x0[c] + w1 * x1[c]
                        continue
                    q0, q1, f, in0, in1 = neighbours(curve[row, p, q, 1, tap], q, width)
                    b0, b1 = (1 - f) * in0, f * in1
                    w00, w01, w10, w11 = kind(a0 * b0), kind(a0 * b1), kind(a1 * b0), kind(a1 * b1)
                    x00, x01 = features[at, p0, q0], features[at, p0, q1]
                    x10, x11 = features[at, p1, q0], features[at, p1, q1]
                    for c in range(channels):
                        sample[c] = w00 * x00[c] + w01 * x01[c] + w10 * x10[c] + w11 * x11[c]


@compiled_reordered
def scatter(
    features: np.ndarray,
    curve: np.ndarray,
    period: int,
    first: int,
    columns: np.ndarray,
    lowest: int,
    beyond: int,
    to_features: np.ndarray,
    to_curve: np.ndarray,
) -> None:
    """Transpose of ``gather``: gradients of the samples to gradients of features and curve.

    Args:
        features, curve, period, first: as in ``gather``.
        columns: (n k c), gradient of the samples.
        lowest, beyond: first row that the taps of these voxels can reach, and the one after the
            last.
        to_features: (r p q c), added to.
        to_curve: (r p q m k), written where the tap stays in the sample.
    """
    _, height, width, channels = features.shape
    axes, taps = curve.shape[3:]
    count = len(columns) // (height * width)
    kind = features.dtype.type
    for at in range(lowest, beyond):
        for tap in range(taps):
            row = at - tap + taps // 2
            if row < first or row >= first + count or row // period != at // period:
                continue
            for p in range(height):
                for q in range(width):
                    g = columns[((row - first) * height + p) * width + q, tap]
                    p0, p1, f, a_in0, a_in1 = neighbours(curve[row, p, q, 0, tap], p, height)
                    a0, a1 = (1 - f) * a_in0, f * a_in1
                    if axes == 1:
                        w0, w1 = kind(a0), kind(a1)
                        x0, x1 = features[at, p0, 0], features[at, p1, 0]
                        y0, y1 = to_features[at, p0, 0], to_features[at, p1, 0]
                        s0 = s1 = kind(0)
                        for c in range(channels):
                            s0 += g[c] * x0[c]
                            s1 += g[c] * x1[c]
                        for c in range(channels):
                            y0[c] += w0 * g[c]
                            y1[c] += w1 * g[c]
                        to_curve[row, p, q, 0, tap] = a_in1 * s1 - a_in0 * s0
                        continue
                    q0, q1, f, b_in0, b_in1 = neighbours(curve[row, p, q, 1, tap], q, width)
                    b0, b1 = (1 - f) * b_in0, f * b_in1
                    w00, w01, w10, w11 = kind(a0 * b0), kind(a0 * b1), kind(a1 * b0), kind(a1 * b1)
                    x00, x01 = features[at, p0, q0], features[at, p0, q1]
                    x10, x11 = features[at, p1, q0], features[at, p1, q1]
                    y00, y01 = to_features[at, p0, q0], to_features[at, p0, q1]
                    y10, y11 = to_features[at, p1, q0], to_features[at, p1, q1]
                    s00 = s01 = s10 = s11 = kind(0)
                    for c in range(channels):
                        s00 += g[c] * x00[c]
                        s01 += g[c] * x01[c]
                        s10 += g[c] * x10[c]
                        s11 += g[c] * x11[c]
                    for c in range(channels):
                        y00[c] += w00 * g[c]
                        y01[c] += w01 * g[c]
                        y10[c] += w10 * g[c]
                        y11[c] += w11 * g[c]
                    along_p = a_in1 * (b0 * s10 + b1 * s11) - a_in0 * (b0 * s00 + b1 * s01)
                    along_q = b_in1 * (a0 * s01 + a1 * s11) - b_in0 * (a0 * s00 + a1 * s10)
                    to_curve[row, p, q, 0, tap] = along_p
                    to_curve[row, p, q, 1, tap] = along_q
