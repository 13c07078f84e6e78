"""Eigenvalues of many small symmetric matrices, in closed form and without branches.

The largest root of 4 t³ - 3 t = r is t = cos(arccos(r) / 3). In the variable s = √((1 + r) / 2),
the cosine of half the angle, it is cos(⅔ arccos s): smooth on the whole of 0..1, so a polynomial
in s gives it to 13 digits and the loop below runs on several voxels at once. Computed in float64:
where two eigenvalues nearly agree, half of the digits are lost, which leaves float32 its own.
"""

import numpy as np
from numpy.polynomial import Chebyshev, Polynomial

from tubekit.geometry.kernels.compiled import compiled

TINY = 1e-290  # keeps 0 / 0 at 0 where all eigenvalues agree

# Lowest power first. A tuple, so that the compiled loop carries the numbers themselves.
_T = tuple(
    float(c)
    for c in Chebyshev.interpolate(lambda s: np.cos(2 / 3 * np.arccos(s)), 15, domain=(0, 1))
    .convert(kind=Polynomial)
    .coef
)


@compiled
def _largest_root(s: float) -> float:
    low = _T[0] + s * (_T[1] + s * (_T[2] + s * (_T[3] + s * (_T[4] + s * (_T[5] + s * _T[6])))))
    high = _T[11] + s * (_T[12] + s * (_T[13] + s * (_T[14] + s * _T[15])))
    middle = _T[7] + s * (_T[8] + s * (_T[9] + s * (_T[10] + s * high)))
    seventh = s * s * s
    seventh *= seventh * s
    return low + seventh * middle


@compiled
def eigenvalues_2d(second: np.ndarray, eigenvalues: np.ndarray) -> None:
    """Rows (yy, yx, xx) of matrices (3 n) to eigenvalues (2 n), largest first."""
    for i in range(second.shape[1]):
        a = np.float64(second[0, i])
        b = np.float64(second[1, i])
        d = np.float64(second[2, i])
        mean = 0.5 * (a + d)
        half = 0.5 * (a - d)
        radius = np.sqrt(half * half + b * b)
        eigenvalues[0, i] = mean + radius
        eigenvalues[1, i] = mean - radius


@compiled
def eigenvalues_3d(second: np.ndarray, eigenvalues: np.ndarray) -> None:
    """Rows (zz, zy, zx, yy, yx, xx) of matrices (6 n) to eigenvalues (3 n), largest first."""
    for i in range(second.shape[1]):
        a = np.float64(second[0, i])
        zy = np.float64(second[1, i])
        zx = np.float64(second[2, i])
        b = np.float64(second[3, i])
        yx = np.float64(second[4, i])
        c = np.float64(second[5, i])
        mean = (a + b + c) * (1.0 / 3.0)
        a -= mean
        b -= mean
        c -= mean
        p2 = (a * a + b * b + c * c + 2.0 * (zy * zy + zx * zx + yx * yx)) * (1.0 / 6.0)
        p = np.sqrt(p2)
        determinant = a * (b * c - yx * yx) - zy * (zy * c - yx * zx) + zx * (zy * yx - b * zx)
        # np.divide: Python's division checks for zero and stops, which would forbid vectors
        r = np.divide(0.5 * determinant, p2 * p + TINY)
        r = r if r < 1.0 else 1.0
        r = r if r > -1.0 else -1.0
        largest = mean + 2.0 * p * _largest_root(np.sqrt(0.5 + 0.5 * r))
        smallest = mean - 2.0 * p * _largest_root(np.sqrt(0.5 - 0.5 * r))
        eigenvalues[0, i] = largest
        eigenvalues[1, i] = 3.0 * mean - largest - smallest
        eigenvalues[2, i] = smallest
