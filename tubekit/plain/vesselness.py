"""Vesselness at one scale, on the eigenvalues of the Hessian."""

import numpy as np


def gauss(image: np.ndarray, sigma: float) -> np.ndarray:
    """Smooth along each axis with a Gaussian; the image is mirrored at its border."""
    radius = int(4 * sigma + 0.5)
    weights = np.exp(-(np.arange(-radius, radius + 1) ** 2) / (2 * sigma**2))
    weights /= weights.sum()
    for axis in range(image.ndim):
        around = [(radius, radius) if a == axis else (0, 0) for a in range(image.ndim)]
        mirrored = np.pad(image, around, mode="symmetric")
        image = np.apply_along_axis(np.convolve, axis, mirrored, weights, "valid")
    return image


def hessian_eigenvalues(image: np.ndarray, sigma: float) -> np.ndarray:
    """Equation ``eq-hessian`` by central differences; (d *s), smallest magnitude first."""
    slopes = np.gradient(gauss(image.astype(float), sigma))
    matrix = sigma**2 * np.array([np.gradient(slope) for slope in slopes])  # (d d *s)
    values = np.linalg.eigvalsh(np.moveaxis(matrix, (0, 1), (-2, -1)))
    order = np.argsort(np.abs(values), axis=-1, kind="stable")
    return np.moveaxis(np.take_along_axis(values, order, -1), -1, 0)


def frangi(image: np.ndarray, sigma: float) -> np.ndarray:
    """Equation ``eq-frangi`` in 3-D: bright tubes, alpha = beta = 1/2."""
    l1, l2, l3 = hessian_eigenvalues(image, sigma)
    strength = np.sqrt(l1**2 + l2**2 + l3**2)
    half = strength.max() / 2
    with np.errstate(divide="ignore", invalid="ignore"):  # 0 / 0 where the sign is wrong anyway
        plate, ball = l2**2 / l3**2, l1**2 / np.abs(l2 * l3)
        response = (1 - np.exp(-2 * plate)) * np.exp(-2 * ball)
    response = response * (1 - np.exp(-(strength**2) / (2 * half**2)))
    return np.where((l2 < 0) & (l3 < 0), response, 0)


def jerman(image: np.ndarray, sigma: float) -> np.ndarray:
    """Equation ``eq-jerman`` in 3-D: bright tubes, tau = 3/4."""
    _, l2, l3 = -hessian_eigenvalues(image, sigma)
    with np.errstate(divide="ignore", invalid="ignore"):
        q = np.minimum(l2 / np.maximum(l3, 0.75 * l3.max()), 0.5)
        response = 27 * q**2 * (1 - q) / (1 + q) ** 3
    return np.where((l2 > 0) & (l3 > 0), response, 0)
