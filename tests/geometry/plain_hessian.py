"""The Hessian with SciPy, whole arrays in float64: slow, and easy to read."""

import itertools

import numpy as np
from scipy import ndimage


def plain_hessian(image, sigma, spacing, hessian):
    """Second derivatives by SciPy in float64, whole arrays, matrices of (... d d)."""

    def gauss(array, axis, order, narrow):
        return ndimage.gaussian_filter1d(
            array, narrow / spacing[axis], axis, order, mode="reflect", truncate=9
        )

    def smooth(array, width):
        for axis in range(image.ndim):
            array = gauss(array, axis, 0, width)
        return array

    def slope(array, axis):
        if hessian == "differences":
            small = array.shape[axis] < 2
            return np.zeros_like(array) if small else np.gradient(array, spacing[axis], axis=axis)
        for other in range(image.ndim):
            array = gauss(array, other, int(other == axis), sigma / np.sqrt(2))
        return array / spacing[axis]

    start = image.astype(float)
    if hessian == "differences":
        start = image.astype(float)
        for axis in range(image.ndim):
            start = ndimage.gaussian_filter1d(start, sigma / spacing[axis], axis, truncate=4)
    matrix = np.empty((*image.shape, image.ndim, image.ndim))
    for a, b in itertools.combinations_with_replacement(range(image.ndim), 2):
        matrix[..., a, b] = matrix[..., b, a] = slope(slope(start, a), b)
    return matrix


def plain_eigenvalues(image, sigma, spacing, hessian="gaussian"):
    values = np.linalg.eigvalsh(plain_hessian(image, sigma, spacing, hessian))
    return np.moveaxis(values[..., ::-1], -1, 0)
