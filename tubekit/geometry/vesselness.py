"""Filters that answer on tubes: Frangi, Sato, Jerman, Meijering.

All look at the eigenvalues of the Hessian. Along a tube the grey value hardly bends, across it
bends strongly. With the sign chosen so that tubes are positive, e1 >= e2 >= e3 (in 2-D e1 >= e2):
a tube has e1 = e2 > 0 and e3 = 0, a plate e1 > 0 and e2 = e3 = 0, a ball e1 = e2 = e3 > 0.

Scales are in millimetres. Second derivatives of a wide smooth tube are small; multiplied by sigma²
(Lindeberg 1998, gamma = 1), tubes of all widths answer alike, each at the scale that fits it. The
result over several scales is the largest of the single results, whatever their order. Maxima that
the formulas need are those of one scale, inside the mask.
"""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float32, Shaped

from tubekit import _check
from tubekit._accept import Array, SpacingLike
from tubekit.geometry._derivatives import DISCRETISATIONS
from tubekit.geometry._scale_space import ScaleSpace, largest_over_scales
from tubekit.geometry._tube import tube_at


def frangi(
    image: Shaped[Array, "*s"],
    sigmas_mm: Iterable[float],
    spacing: SpacingLike | None = None,
    *,
    alpha: float = 0.5,
    beta: float = 0.5,
    gamma: float | None = None,
    bright: bool = True,
    mask: Shaped[Array, "..."] | None = None,
    normalise: bool = True,
    hessian: str = "gaussian",
) -> Float32[np.ndarray, "*s"]:
    """Frangi's vesselness: tube, not plate, not ball, and strong enough.

    Args:
        image: 2-D or 3-D, real.
        sigmas_mm: scales in millimetres (voxels without ``spacing``), about the tubes' radii.
        spacing: millimetres per voxel in array order; ``None`` means voxels.
        alpha: > 0, 3-D only; the larger, the more plates are suppressed.
        beta: > 0; the smaller, the more balls are suppressed.
        gamma: > 0, strength at which a structure counts, in grey values (grey values per mm² with
            ``normalise=False``). ``None``: half of the largest strength at each scale (the
            paper leaves open of which); scikit-image carries that of the first scale to all others.
        bright: tubes are brighter than what surrounds them.
        mask: the organ. The response outside is 0, the largest strength is sought inside.
        normalise: multiply by sigma²; matters only for a given ``gamma``. scikit-image does not.
        hessian: ``"gaussian"`` or ``"differences"``, see ``hessian_eigenvalues``.
    Returns:
        Vesselness in [0, 1]; 0 where a sign is wrong, and at a scale that shows nothing above
        rounding. (scikit-image clips a wrong sign to 1e-10, which leaves single voxels alight.)
    Raises:
        ValueError: a bad image, scale, spacing, mask or parameter.
    Equation: :eq:`eq-frangi`
    Reference: Frangi et al., Multiscale vessel enhancement filtering, MICCAI 1998,
        equations 10 to 15.
    """
    _check.option("hessian", hessian, DISCRETISATIONS)
    _positive(alpha=alpha, beta=beta, gamma=1.0 if gamma is None else gamma)
    space = ScaleSpace(image, sigmas_mm, spacing, bright=bright, hessian=hessian, mask=mask)

    def measure(e: np.ndarray) -> tuple[np.ndarray, ...]:
        tube = tube_at(e)
        ball = tube.along**2 / (tube.strongest * tube.second)
        shape = np.exp(ball * np.float32(-0.5 / beta**2))
        if len(e) == 3:
            plate = (tube.second / tube.strongest) ** 2
            shape *= -np.expm1(plate * np.float32(-0.5 / alpha**2))
        return shape * tube.found, np.sqrt(np.einsum("d...,d...->...", e, e))

    def respond(maps: np.ndarray, largest: float, sigma: float) -> np.ndarray:
        shape, strength = maps
        half = largest / 2
        if gamma is not None:
            half = gamma / space.unit * (1 if normalise else sigma**2)
        return shape * -np.expm1(-0.5 * (strength / np.float32(half)) ** 2)

    return largest_over_scales(space, 2, measure, respond)


def sato(
    image: Shaped[Array, "*s"],
    sigmas_mm: Iterable[float],
    spacing: SpacingLike | None = None,
    *,
    bright: bool = True,
    mask: Shaped[Array, "..."] | None = None,
    normalise: bool = True,
    hessian: str = "gaussian",
) -> Float32[np.ndarray, "*s"]:
    """Sato's tubeness: the geometric mean of the curvatures across the tube, √(e1 e2).

    Balls are not suppressed: this is the filter with exponents γ23 = 1/2 and γ12 = 0. In 2-D it is
    e1, and 0 where that is negative.

    Args:
        image, sigmas_mm, spacing, bright, mask, hessian: see ``frangi``.
        normalise: multiply by sigma², else wide tubes vanish beside thin ones.
    Returns:
        Tubeness >= 0 in grey values (grey values per mm² with ``normalise=False``): it follows
        the contrast of the tube and has no upper bound.
    Raises:
        ValueError: a bad image, scale, spacing or mask.
    Equation: :eq:`eq-sato`
    Reference: Sato et al., Three-dimensional multi-scale line filter, Medical Image Analysis
        2(2), 1998, equations 9 and 22.
    """
    _check.option("hessian", hessian, DISCRETISATIONS)
    space = ScaleSpace(image, sigmas_mm, spacing, bright=bright, hessian=hessian, mask=mask)

    def measure(e: np.ndarray) -> tuple[np.ndarray, ...]:
        across = np.maximum(e[:-1], 0)
        return (across[0] if len(across) == 1 else np.sqrt(across[0] * across[1]),)

    def respond(maps: np.ndarray, largest: float, sigma: float) -> np.ndarray:
        return maps[0] * np.float32(space.unit / (1 if normalise else sigma**2))

    return largest_over_scales(space, 1, measure, respond)


def jerman(
    image: Shaped[Array, "*s"],
    sigmas_mm: Iterable[float],
    spacing: SpacingLike | None = None,
    *,
    tau: float = 0.75,
    bright: bool = True,
    mask: Shaped[Array, "..."] | None = None,
    hessian: str = "gaussian",
    as_released: bool = False,
) -> Float32[np.ndarray, "*s"]:
    """Jerman's enhancement: nearly 1 across the whole tube, at junctions too, and for weak tubes.

    With r = max(e1, tau · largest e1 of the scale) and q = min(e2 / r, 1/2), the response is
    27 q² (1 - q) / (1 + q)³. In 2-D both e1 and e2 of the formula are the larger eigenvalue.

    Args:
        image, sigmas_mm, spacing, bright, mask: see ``frangi``.
        tau: in (0, 1]; the lower, the more do weak tubes count (0.5 to 1 in the paper).
        hessian: ``"gaussian"`` or ``"differences"``, see ``hessian_eigenvalues``.
        as_released: what the authors' code returns; overrules ``hessian``: Gaussians cut at 3
            sigma, differences per voxel even where a spacing is given, eigenvalues below 1e-4
            grey values and responses below 0.01 set to 0, division by the largest response.
    Returns:
        Enhancement in [0, 1]; 0 at a scale that shows nothing above rounding.
    Raises:
        ValueError: a bad image, scale, spacing, mask or ``tau``.
    Equation: :eq:`eq-jerman`
    Reference: Jerman et al., Enhancement of vascular structures in 3D and 2D angiographic images,
        IEEE TMI 35(9), 2016: λρ and V_P.
    """
    _check.option("hessian", hessian, DISCRETISATIONS)
    _positive(tau=tau)
    if tau > 1:
        raise ValueError(f"tau must lie in (0, 1], got {tau}; 0.5 to 1 is the paper's range")
    way = "jerman" if as_released else hessian
    space = ScaleSpace(image, sigmas_mm, spacing, bright=bright, hessian=way, mask=mask)

    def measure(e: np.ndarray) -> tuple[np.ndarray, ...]:
        if as_released:
            e = np.where(abs(e) < np.float32(1e-4 / space.unit), np.float32(0), e)
        tube = tube_at(e)
        return tube.second * tube.found, e[0] * (e[0] >= -e[-1])

    def respond(maps: np.ndarray, largest: float, sigma: float) -> np.ndarray:
        second, strongest = maps
        q = second / np.maximum(strongest, np.float32(tau * largest))
        np.minimum(q, np.float32(0.5), out=q)
        return 27 * q**2 * (1 - q) / (1 + q) ** 3

    response = largest_over_scales(space, 2, measure, respond)
    if as_released and response.any():
        response /= response.max()
        response[response < 0.01] = 0
    return response


def meijering(
    image: Shaped[Array, "*s"],
    sigmas_mm: Iterable[float],
    spacing: SpacingLike | None = None,
    *,
    alpha: float | None = None,
    bright: bool = True,
    mask: Shaped[Array, "..."] | None = None,
    hessian: str = "gaussian",
) -> Float32[np.ndarray, "*s"]:
    """Meijering's neuriteness: curvature across, corrected by that of the other directions.

    Each eigenvalue gains alpha times the sum of the others. Of these, the largest in magnitude
    counts where it has the tube's sign, divided by the largest of the scale.

    Args:
        image, sigmas_mm, spacing, bright, mask, hessian: see ``frangi``.
        alpha: in (-1, 1). ``None``: -1/3 in 2-D and -1/4 in 3-D, which make the filter's kernel as
            flat as possible along the tube (its second derivative there vanishes). scikit-image
            takes +1/3 and +1/4, against its own description.
    Returns:
        Neuriteness in [0, 1]; the best point of each scale has 1, however weak it is, so several
        scales are comparable in rank only.
    Raises:
        ValueError: a bad image, scale, spacing, mask or ``alpha``.
    Reference: Meijering et al., Design and validation of a tool for neurite tracing and analysis
        in fluorescence microscopy images, Cytometry A 58(2), 2004.
    """
    _check.option("hessian", hessian, DISCRETISATIONS)
    space = ScaleSpace(image, sigmas_mm, spacing, bright=bright, hessian=hessian, mask=mask)
    share = -1 / (space.ndim + 1) if alpha is None else alpha
    if not -1 < share < 1:
        raise ValueError(
            f"alpha must lie in (-1, 1), got {alpha}; None chooses the flattest filter"
        )

    def measure(e: np.ndarray) -> tuple[np.ndarray, ...]:
        others = e.sum(axis=0) * np.float32(share)
        first, last = (e[i] * np.float32(1 - share) + others for i in (0, -1))
        return (first * (first >= abs(last)),)

    def respond(maps: np.ndarray, largest: float, sigma: float) -> np.ndarray:
        return maps[0] / np.float32(largest)

    return largest_over_scales(space, 1, measure, respond)


def _positive(**parameters: float) -> None:
    for name, value in parameters.items():
        if not (np.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be positive, got {value}; pass a positive number")
