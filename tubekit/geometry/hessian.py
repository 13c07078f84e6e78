"""Hessian eigenvalues of an image smoothed with a Gaussian, in millimetres."""

import numpy as np
from jaxtyping import Float32, Shaped

from tubekit import _check
from tubekit._accept import Array, SpacingLike
from tubekit.geometry._derivatives import DISCRETISATIONS
from tubekit.geometry._scale_space import ScaleSpace


def hessian_eigenvalues(
    image: Shaped[Array, "*s"],
    sigma_mm: float,
    spacing: SpacingLike | None = None,
    *,
    hessian: str = "gaussian",
    normalise: bool = False,
) -> Float32[np.ndarray, "d *s"]:
    """Eigenvalues of the matrix of second derivatives at one scale, largest first.

    Args:
        image: 2-D or 3-D, real.
        sigma_mm: standard deviation of the Gaussian that smooths first, > 0.
        spacing: millimetres per voxel in array order; ``None`` means voxels.
        hessian: how derivatives are taken, both ways as in scikit-image.
            ``"gaussian"`` convolves with the slope of a narrower Gaussian (sigma / √2) once for
            each order and mirrors the image before each. Mixed derivatives begin with the first
            axis, so within the reach of the border the result depends on the order of the axes.
            ``"differences"`` takes central differences of the smoothed image, which are weaker
            where sigma is small, and do not depend on the order of the axes.
            An axis whose voxels are larger than sigma: ``"gaussian"`` scales its weights so that
            the slope of a ramp stays right; below about half a voxel both ways become the plain
            differences of neighbours, hardly smoothed along that axis.
        normalise: multiply by sigma², so that tubes of all widths answer alike, each at its scale.
    Returns:
        d = 2 or 3 eigenvalues in grey values per mm² (in grey values if normalised); 2 for a
        volume of one slice, which is an image.
    Raises:
        ValueError: ``image`` not 2-D or 3-D, empty, not real or not finite; a bad ``sigma_mm``,
            ``spacing`` or ``hessian``.
    Equation: :eq:`eq-hessian`
    Reference: Lindeberg, Edge detection and ridge detection with automatic scale selection,
        IJCV 30(2), 1998: sigma² is its normalisation with gamma = 1.
    """
    _check.option("hessian", hessian, DISCRETISATIONS)
    space = ScaleSpace(image, [sigma_mm], spacing, bright=False, hessian=hessian)
    sigma = space.sigmas[0]
    factor = np.float32(space.unit / (1 if normalise else sigma**2))
    maps = space.measure(sigma, space.ndim, lambda eigenvalues: list(eigenvalues * factor))
    return maps.reshape(space.ndim, *image.shape)
