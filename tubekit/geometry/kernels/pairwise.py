"""Sums over the similar voxels of a window, one pair of voxels at a time."""

import numpy as np
from numpy.polynomial import Chebyshev, Polynomial

from tubekit.geometry.kernels.compiled import compiled_reordered

# exp(-u) is p(u / 16) to the power of 16, which vector instructions can do and a call of exp
# cannot. With a polynomial of degree 6 the error stays below 1e-6 for u in [0, 16]; beyond, where
# exp(-u) is below 1.2e-7, u counts as 16.
REACH = 16.0
COEFFICIENTS = (
    Chebyshev.interpolate(lambda s: np.exp(-s), 6, domain=[0, 1]).convert(kind=Polynomial).coef
)


@compiled_reordered
def similar_sums(
    start: int,
    stop: int,
    features: np.ndarray,
    fields: np.ndarray,
    shifts: np.ndarray,
    shares: np.ndarray,
    coefficients: np.ndarray,
    sums: np.ndarray,
) -> None:
    """Add to ``sums[:, i]`` the weight of (i, j) times ``fields[:, j]``, for i in these planes.

    The weight is ``shares[s] * exp(-|features[:, i] - features[:, j]|^2)`` with j = i + shift s or
    i = j + shift s: every pair is weighed once and serves both of its voxels.

    Args:
        start, stop: planes of ``sums`` to write.
        features: (c z y x), scaled so that the exponent needs no factor.
        fields: (m z y x).
        shifts: (n 3), each at least (0, 0, 1) in lexicographic order, so no two are opposite.
        shares: (n,), weight of the distance alone.
        coefficients: of the polynomial above, lowest first, in the type of ``features``.
        sums: (m z y x).
    """
    channels, depth, height, width = features.shape
    reach = shifts[:, 0].max()
    weights = np.empty(width, features.dtype)
    limit = coefficients.dtype.type(REACH)
    scale = coefficients.dtype.type(1 / REACH)
    p0, p1, p2, p3, p4, p5, p6 = coefficients
    for z in range(max(start - reach, 0), stop):
        for y in range(height):
            for s in range(shifts.shape[0]):
                z2, y2, dx = z + shifts[s, 0], y + shifts[s, 1], shifts[s, 2]
                if z2 >= depth or y2 < 0 or y2 >= height:
                    continue
                here, there = z >= start, start <= z2 < stop
                if not (here or there):
                    continue
                # The part of the row whose partner lies inside the grid, and the partners.
                a, b = max(0, -dx), max(0, dx)
                n = width - a - b
                if n <= 0:
                    continue
                share, w = shares[s], weights[:n]
                w[:] = 0
                for c in range(channels):
                    p, q = features[c, z, y, a : a + n], features[c, z2, y2, b : b + n]
                    for x in range(n):
                        w[x] += (p[x] - q[x]) * (p[x] - q[x])
                for x in range(n):
                    t = min(w[x], limit) * scale
                    e = p0 + t * (p1 + t * (p2 + t * (p3 + t * (p4 + t * (p5 + t * p6)))))
                    e *= e
                    e *= e
                    e *= e
                    e *= e
                    w[x] = share * e
                for m in range(fields.shape[0]):
                    if here:
                        to, of = sums[m, z, y, a : a + n], fields[m, z2, y2, b : b + n]
                        for x in range(n):
                            to[x] += w[x] * of[x]
                    if there:
                        to, of = sums[m, z2, y2, b : b + n], fields[m, z, y, a : a + n]
                        for x in range(n):
                            to[x] += w[x] * of[x]
