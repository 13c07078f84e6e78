"""Vesselness filters against scikit-image, on a bright tree in a noisy volume."""

import functools
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float32

from tubekit import geometry
from tubekit._extras import extra
from tubekit.benchmarks.measure import Row
from tubekit.phantoms import fundus_phantom, vascular_phantom
from tubekit.types import Spacing

with extra("test", __name__):
    from skimage import filters
    from skimage.feature import hessian_matrix, hessian_matrix_eigvals

Image = Float32[np.ndarray, "*s"]

SIGMAS = (1.0, 2.0, 3.0)
SPACING = (1.0, 0.8, 0.8)
TAU = 0.75


def rows() -> Iterator[Row]:
    """Frangi, Sato and Jerman at 128³, Frangi in 2-D; three scales each.

    scikit-image has no spacing, so the first rows use voxels of 1 mm for both sides. The Jerman
    row gives each axis its own sigma in voxels, which scikit-image's Hessian accepts.
    """
    volume = vascular_phantom((128, 128, 128), seed=0).case.image[0]
    photograph = 1 - fundus_phantom(1000, seed=0).case.image[0]  # its vessels are dark
    leak = (
        "in all of them ours is lower: the peer clips negative eigenvalues to 1e-10, so a voxel "
        "with a wrong sign and a third eigenvalue near 0 keeps a response where the paper asks 0"
    )
    yield Row(
        instrument="Frangi 128³, 3 scales",
        peer="scikit-image, one call per scale",
        ours=functools.partial(geometry.frangi, volume, SIGMAS, (1.0, 1.0, 1.0)),
        peer_run=functools.partial(largest_of_single_scales, volume),
        difference=differing_per_million,
        equality="voxels per million that differ by more than 1e-4",
        tolerance=500,
        time_target=0.1,
        memory_target=0.5,
        repeats=1,
        note=leak,
    )
    yield Row(
        instrument="Sato 128³, 3 scales",
        peer="scikit-image",
        ours=functools.partial(geometry.sato, volume, SIGMAS, (1.0, 1.0, 1.0)),
        peer_run=functools.partial(filters.sato, volume, SIGMAS, black_ridges=False),
        difference=largest_difference,
        equality="largest difference of the response, in grey values",
        tolerance=1e-5,
        time_target=0.1,
        memory_target=0.5,
        repeats=1,
    )
    yield Row(
        instrument="Jerman 128³, 3 scales, with spacing",
        peer="its formula in NumPy on scikit-image's Hessian",
        ours=functools.partial(geometry.jerman, volume, SIGMAS, SPACING, tau=TAU),
        peer_run=functools.partial(plain_jerman, volume, SPACING),
        difference=largest_difference,
        equality="largest difference of the response",
        tolerance=1e-4,
        time_target=0.1,
        memory_target=0.5,
        repeats=1,
    )
    yield Row(
        instrument="Frangi 1000², 3 scales",
        peer="scikit-image, one call per scale",
        ours=functools.partial(geometry.frangi, photograph, SIGMAS),
        peer_run=functools.partial(largest_of_single_scales, photograph),
        difference=differing_per_million,
        equality="voxels per million that differ by more than 1e-4",
        tolerance=50,
        time_target=None,
        note="float32 decides differently where the two eigenvalues are equal and opposite",
    )


def largest_of_single_scales(image: Image) -> Image:
    """The paper's rule from the peer's parts; its own multi-scale call depends on the order."""
    single = [filters.frangi(image, [sigma], black_ridges=False) for sigma in SIGMAS]
    return functools.reduce(np.maximum, single)


def plain_jerman(image: Image, spacing: Spacing) -> Image:
    """Jerman's enhancement, one array operation after the other."""
    response = np.zeros_like(image)
    for sigma in SIGMAS:
        in_voxels = tuple(sigma / step for step in spacing)
        elements = hessian_matrix(image, in_voxels, mode="reflect", use_gaussian_derivatives=True)
        steps = [a * b for i, a in enumerate(spacing) for b in spacing[i:]]
        in_mm = [element * (sigma**2 / step) for element, step in zip(elements, steps, strict=True)]
        e = -hessian_matrix_eigvals(in_mm)[::-1]
        tube = (e[1] > 0) & (abs(e[2]) <= e[1])
        limit = TAU * e[0][e[0] >= -e[2]].max()
        share = np.where(tube, e[1], 0) / np.maximum(e[0], limit)
        single = np.where(share >= 0.5, 1, share**2 * (1 - share) * (3 / (1 + share)) ** 3)
        response = np.maximum(response, single)
    return response


def largest_difference(ours: Image, theirs: Image) -> float:
    return float(abs(ours - theirs).max())


def differing_per_million(ours: Image, theirs: Image) -> float:
    return float((abs(ours - theirs) > 1e-4).mean() * 1e6)
