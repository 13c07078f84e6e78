"""Smoothing and differentiating along one axis, as weights of neighbouring samples."""

import math

import numpy as np
from jaxtyping import Float, Int

DISCRETISATIONS = ("gaussian", "differences")

SMOOTH, SLOPE_THEN_SMOOTH, CURVE, SMOOTH_THEN_SLOPE = range(4)
"""The operators along one axis: derivative of order 0, 1, 2 and 1 of the smoothed line. The two
slopes differ near the border only; a mixed derivative takes the first along its first axis."""

NEGLIGIBLE = 1e-8
"""Weights below this share of the largest are dropped; float32 has 6e-8."""


def derivative_weights(
    length: int, sigma: float, step: float, discretisation: str
) -> tuple[Float[np.ndarray, "4 length taps"], int]:
    """Weights of the four operators for every place on a line, border included.

    Args:
        length: samples on the line.
        sigma: standard deviation of the Gaussian in the unit of ``step``.
        step: distance of two samples.
        discretisation: one of ``DISCRETISATIONS``, or ``"jerman"`` for that of the authors' code.
    Returns:
        Weights and their reach: place i takes ``weights[:, i, k]`` of sample i - reach + k. What
        the border rule takes from beyond the border is folded onto samples inside.
    """
    in_samples = sigma / step
    # A Gaussian is two narrower ones in a row, so that each can carry one derivative.
    half = max(in_samples / math.sqrt(2), 0.1)
    radius = math.ceil(6.5 * half) + 1
    # Away from the border all places are alike: a short line shows all that a long one has.
    short = min(length, 4 * radius + 1)
    if discretisation == "gaussian":
        smooth = _reflecting(_gaussian(half, radius), short)
        slope = _reflecting(_gaussian_slope(half, radius), short)
        stages = (smooth @ smooth, smooth @ slope, slope @ slope, slope @ smooth)
    else:
        if discretisation == "jerman":
            kernel = _gaussian(in_samples, math.ceil(3 * in_samples))
            smooth = _reflecting(kernel, short, repeat_edge=True)
        else:
            kernel = _gaussian(in_samples, int(4 * in_samples + 0.5))
            smooth = _reflecting(kernel, short)
        difference = np.gradient(np.eye(short), axis=0) if short > 1 else np.zeros((1, 1))
        slope = difference @ smooth
        stages = (smooth, slope, difference @ slope, slope)
    unit = 1.0 if discretisation == "jerman" else step
    return _bands(np.stack(stages) / np.reshape([1, unit, unit**2, unit], (4, 1, 1)), length)


def _gaussian(sigma: float, radius: int) -> Float[np.ndarray, " taps"]:
    places = np.arange(-radius, radius + 1)
    weights = np.exp(-0.5 * (places / sigma) ** 2)
    return weights / weights.sum()


def _gaussian_slope(sigma: float, radius: int) -> Float[np.ndarray, " taps"]:
    """First derivative of the Gaussian, sampled.

    Below one voxel (0.7 after the split in two) so few samples carry weight that the slope of a
    ramp would come out too small, a quarter of it at half a voxel. There the weights are scaled to
    return it exactly, and for small sigma become the central difference.
    """
    places = np.arange(-radius, radius + 1)
    weights = places * _gaussian(sigma, radius) / sigma**2
    return weights / (weights @ places) if sigma < math.sqrt(0.5) * (1 - 1e-9) else weights


def _reflecting(
    kernel: Float[np.ndarray, " taps"], length: int, repeat_edge: bool = False
) -> Float[np.ndarray, "length length"]:
    """Matrix that correlates a line, mirrored at its ends, with ``kernel``."""
    places = np.arange(length)[:, None]
    read = places + np.arange(kernel.size) - kernel.size // 2
    if repeat_edge:
        read = read.clip(0, length - 1)
    else:
        read = read % (2 * length)
        read = np.minimum(read, 2 * length - 1 - read)
    matrix = np.zeros((length, length))
    np.add.at(matrix, (places, read), kernel)
    return matrix


def _bands(
    short: Float[np.ndarray, "4 m m"], length: int
) -> tuple[Float[np.ndarray, "4 length taps"], int]:
    """Rows of the short line's matrices as weights around each place of the long line."""
    m = short.shape[1]
    largest = abs(short).max(axis=(1, 2), keepdims=True)
    _, row, column = np.nonzero(abs(short) > NEGLIGIBLE * largest)
    reach = int(abs(row - column).max())
    of_place: Int[np.ndarray, " length"] = np.arange(length)
    of_place = np.where(of_place < m // 2, of_place, np.maximum(m // 2, of_place - (length - m)))
    padded = np.pad(short, ((0, 0), (0, 0), (reach, reach)))
    taps = of_place[:, None] + np.arange(2 * reach + 1)
    return padded[:, of_place[:, None], taps], reach
