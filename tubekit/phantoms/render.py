"""What a scanner or camera adds: partial volume, blur, uneven gain, noise."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float32
from scipy import ndimage

from tubekit import _check


def partial_volume(
    distance_mm: Float[np.ndarray, "*s"], spacing: Sequence[float]
) -> Float32[np.ndarray, "*s"]:
    """Share of each voxel inside a surface, from its signed distance, in [0, 1].

    Linear over one voxel (the geometric mean of the spacing) across the surface: exact for a flat
    wall parallel to the voxels.
    """
    voxel = float(np.prod(spacing)) ** (1 / len(spacing))
    # In place: at the size of a scan, fetching fresh memory costs more than the arithmetic.
    share = distance_mm / voxel
    np.subtract(0.5, share, out=share)
    return np.clip(share, 0.0, 1.0, out=share).astype(np.float32, copy=False)


def blur(
    image: Float[np.ndarray, "*s"], sigma_mm: float, spacing: Sequence[float]
) -> Float32[np.ndarray, "*s"]:
    """Gaussian point spread of standard deviation ``sigma_mm``."""
    sigma = [sigma_mm / h for h in spacing]
    return ndimage.gaussian_filter(image.astype(np.float32), sigma, mode="nearest")


def smooth_field(
    shape: Sequence[int], rng: np.random.Generator, sigma_voxels: float
) -> Float32[np.ndarray, "*s"]:
    """Smooth random texture with mean 0 and standard deviation 1."""
    field = ndimage.gaussian_filter(
        rng.normal(size=tuple(shape)).astype(np.float32), sigma_voxels, mode="wrap"
    )
    return ((field - field.mean()) / field.std()).astype(np.float32)


def bias_field(
    shape: Sequence[int], rng: np.random.Generator, strength: float
) -> Float32[np.ndarray, "*s"]:
    """Slowly varying gain around 1: the exponential of a random quadratic.

    Args:
        shape: voxels per axis.
        rng: source of the coefficients.
        strength: largest absolute value of the exponent; 0 gives 1 everywhere.
    """
    axes = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij", sparse=True)
    terms = [*axes, *(a * b for i, a in enumerate(axes) for b in axes[i:])]
    field = sum(rng.normal() * term for term in terms) + np.zeros(tuple(shape))
    field -= field.mean()
    return np.exp(strength * field / max(np.abs(field).max(), 1e-12)).astype(np.float32)


def add_noise(
    image: Float[np.ndarray, "*s"], rng: np.random.Generator, sigma: float, kind: str = "gaussian"
) -> Float32[np.ndarray, "*s"]:
    """Add noise of standard deviation ``sigma`` in units of the image.

    Args:
        image: noise-free intensities.
        rng: source of the noise.
        sigma: standard deviation of one channel, 0 or more.
        kind: ``"gaussian"``, or ``"rician"`` for the magnitude of a complex MR signal.
    Raises:
        ValueError: an unknown kind.
    Reference: Gudbjartsson and Patz, Magn. Reson. Med. 34, 1995 (Rician noise).
    """
    _check.option("kind", kind, ("gaussian", "rician"))
    real = image + sigma * rng.normal(size=image.shape)
    if kind == "gaussian":
        return real.astype(np.float32)
    return np.hypot(real, sigma * rng.normal(size=image.shape)).astype(np.float32)
