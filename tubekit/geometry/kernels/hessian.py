"""Second derivatives of a smoothed image, plane by plane, straight to their eigenvalues."""

import numpy as np

from tubekit.geometry.kernels.compiled import compiled
from tubekit.geometry.kernels.eigenvalues import eigenvalues_2d, eigenvalues_3d


@compiled
def _across(
    weights: np.ndarray, first: int, rows: np.ndarray, column: int, out: np.ndarray
) -> None:
    """out = sum over k of weights[k] · rows[first + k, column]; rows that do not exist count 0."""
    out[:] = 0
    k = max(0, -first)
    end = min(weights.size, rows.shape[0] - first)
    while k + 4 <= end:  # four at a time: one load and store of ``out`` for four products
        w0, w1, w2, w3 = weights[k], weights[k + 1], weights[k + 2], weights[k + 3]
        r0, r1 = rows[first + k, column], rows[first + k + 1, column]
        r2, r3 = rows[first + k + 2, column], rows[first + k + 3, column]
        for x in range(out.size):
            out[x] += (w0 * r0[x] + w1 * r1[x]) + (w2 * r2[x] + w3 * r3[x])
        k += 4
    while k < end:
        w0 = weights[k]
        r0 = rows[first + k, column]
        for x in range(out.size):
            out[x] += w0 * r0[x]
        k += 1


@compiled
def _along(weights: np.ndarray, row: np.ndarray, out: np.ndarray) -> None:
    """out[x] = sum over k of weights[k, x] · row[x + k]."""
    n = out.size
    out[:] = 0
    k = 0
    while k + 4 <= weights.shape[0]:
        w0, w1, w2, w3 = weights[k], weights[k + 1], weights[k + 2], weights[k + 3]
        r0, r1, r2, r3 = row[k : k + n], row[k + 1 :], row[k + 2 :], row[k + 3 :]
        for x in range(n):
            out[x] += (w0[x] * r0[x] + w1[x] * r1[x]) + (w2[x] * r2[x] + w3[x] * r3[x])
        k += 4
    while k < weights.shape[0]:
        w0 = weights[k]
        r0 = row[k : k + n]
        for x in range(n):
            out[x] += w0[x] * r0[x]
        k += 1


@compiled
def hessian_eigenvalues_in_planes(
    start: int,
    image: np.ndarray,
    terms: np.ndarray,
    weights_z: np.ndarray,
    weights_y: np.ndarray,
    weights_x: np.ndarray,
    first: np.ndarray,
    eigenvalues: np.ndarray,
) -> None:
    """Eigenvalues of a few planes; the second derivatives exist for one row at a time.

    Args:
        start: first plane of the output, counted where the weights begin.
        image: (z y x) float32, the part of the image that is read.
        terms: (3 3) or (6 3); for each second derivative the operator taken along z, y and x.
        weights_z, weights_y: (operator, place, tap), what a place takes from its neighbours.
        weights_x: the same as (operator, tap, place).
        first: index into ``image`` of the first tap of the first place, along z, y, x.
        eigenvalues: (z y d x) float32, written; d is 2 for three terms, 3 for six.
    """
    planes = np.empty((weights_z.shape[0], image.shape[1], 1, image.shape[2]), np.float32)
    # Zeros on both sides, so that no tap falls off the line.
    before = max(0, -first[2])
    line = np.zeros(weights_x.shape[1] + weights_x.shape[2] + image.shape[2], np.float32)
    inner = line[before : before + image.shape[2]]
    second = np.empty((terms.shape[0], eigenvalues.shape[3]), np.float32)
    for plane in range(eigenvalues.shape[0]):
        z = start + plane
        for operator in range(weights_z.shape[0]):
            for y in range(image.shape[1]):
                _across(weights_z[operator, z], first[0] + z, image, y, planes[operator, y, 0])
        for y in range(eigenvalues.shape[1]):
            for term in range(terms.shape[0]):
                of_z, of_y, of_x = terms[term, 0], terms[term, 1], terms[term, 2]
                _across(weights_y[of_y, y], first[1] + y, planes[of_z], 0, inner)
                _along(weights_x[of_x], line[before + first[2] :], second[term])
            if terms.shape[0] == 3:
                eigenvalues_2d(second, eigenvalues[plane, y])
            else:
                eigenvalues_3d(second, eigenvalues[plane, y])
