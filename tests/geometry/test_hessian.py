"""Eigenvalues of the Hessian: closed form, derivatives, borders, millimetres."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes
from scipy import ndimage

from tests.geometry.plain_hessian import plain_eigenvalues
from tests.geometry.shapes import as_image
from tests.geometry.tubes import tubes
from tubekit.geometry import hessian_eigenvalues
from tubekit.geometry._derivatives import derivative_weights
from tubekit.geometry.kernels.eigenvalues import eigenvalues_2d, eigenvalues_3d


def symmetric_matrices(rng):
    basis = np.linalg.qr(rng.normal(size=(500, 3, 3)))[0]
    spectra = [
        (3, 1, -2),
        (1, 1, 0),
        (1, 0, 0),
        (2, 2, 2),
        (0, -1, -1),
        (1, 1 - 1e-5, -1),
        (0,) * 3,
    ]
    every = [np.einsum("nij,j,nkj->nik", basis, s, basis) for s in spectra]
    every += [np.eye(3)[None] * np.diag((5, 5, -1)), rng.normal(size=(500, 3, 3))]
    matrices = np.concatenate(every)
    return ((matrices + matrices.swapaxes(1, 2)) / 2).astype(np.float32)


@pytest.mark.parametrize("scale", [1e-6, 1, 1e4])
def test_closed_form_eigenvalues(rng, scale):
    matrices = symmetric_matrices(rng) * np.float32(scale)
    for d, kernel in ((2, eigenvalues_2d), (3, eigenvalues_3d)):
        part = matrices[:, :d, :d].astype(float)
        upper = np.stack([matrices[:, a, b] for a in range(d) for b in range(a, d)])
        ours = np.empty((d, len(part)), np.float32)
        kernel(upper, ours)
        expected = np.linalg.eigvalsh(part)[:, ::-1].T
        size = abs(expected).max(axis=0)
        assert (abs(ours - expected) <= 2e-7 * size + 1e-12 * scale).all()


@settings(max_examples=25, deadline=None)
@given(
    array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=12),
    st.floats(1.3, 4.0),
    st.sampled_from(["gaussian", "differences"]),
    st.integers(0, 9),
)
def test_eigenvalues_are_those_of_the_plain_formulation(shape, sigma, hessian, seed):
    image = np.random.default_rng(seed).random(shape)
    spacing = (1.3, 0.7, 1.0)[: image.ndim]
    ours = hessian_eigenvalues(image, sigma, spacing, hessian=hessian)
    flat = [axis for axis, size in enumerate(shape) if size == 1][: image.ndim - 2]
    steps = np.delete(spacing, flat)
    expected = plain_eigenvalues(as_image(image), sigma, steps, hessian).reshape(ours.shape)
    np.testing.assert_allclose(ours, expected, atol=2e-6)


def test_long_axes_share_the_weights_of_short_ones():
    for hessian in ("gaussian", "differences", "jerman"):
        long, reach = derivative_weights(200, 2.0, 1.0, hessian)
        middle, same = derivative_weights(90, 2.0, 1.0, hessian)
        assert reach == same
        np.testing.assert_allclose(long[:, :45], middle[:, :45], atol=1e-12)
        np.testing.assert_allclose(long[:, -45:], middle[:, -45:], atol=1e-12)
        np.testing.assert_allclose(long[:, 60:140], middle[:, 44:45].repeat(80, 1), atol=1e-12)


@pytest.mark.parametrize("sigma", [0.02, 0.3, 0.6])
def test_below_one_voxel_the_smoothing_stays_and_the_slope_is_corrected(sigma):
    (smooth, slope, curve, _), reach = derivative_weights(41, sigma, 1.0, "gaussian")
    place = np.arange(41.0)[:, None] - reach + np.arange(2 * reach + 1)
    impulse = np.eye(41)[20]
    for _ in range(2):
        impulse = ndimage.gaussian_filter1d(impulse, max(sigma, 0.1) / np.sqrt(2), truncate=9)
    np.testing.assert_allclose(smooth[20], impulse[20 - reach : 21 + reach], atol=1e-7)
    np.testing.assert_allclose((slope * place).sum(1)[10:-10], 1, atol=1e-6)
    np.testing.assert_allclose((curve * place**2).sum(1)[10:-10], 2, atol=1e-4)
    if sigma == 0.02:  # differences of neighbours
        assert reach == 2
        np.testing.assert_allclose(slope[20], [0, -0.5, 0, 0.5, 0], atol=1e-9)


@pytest.mark.parametrize("hessian", ["gaussian", "differences"])
@pytest.mark.parametrize("sigma", [0.05, 0.4, 0.9, 2.0])
def test_second_derivatives_of_a_parabola_are_exact_in_mm(hessian, sigma):
    """Also where sigma is a fraction of a voxel: 0.9 mm is 0.6 of the largest voxel here."""
    spacing = (1.5, 0.5, 1.0)
    curvature = np.array([[0.5, 0.2, 0.0], [0.2, -0.3, 0.1], [0.0, 0.1, 0.8]])
    axes = [(np.arange(n) - n // 2) * h for n, h in zip((31, 61, 41), spacing, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    image = np.einsum("...i,ij,...j->...", points, curvature, points) / 2
    ours = hessian_eigenvalues(image, sigma, spacing, hessian=hessian)[:, 15, 30, 20]
    np.testing.assert_allclose(ours, np.linalg.eigvalsh(curvature)[::-1], atol=3e-4)


@pytest.mark.parametrize("shape", [(30, 33), (16, 18, 20)])
def test_flips_and_transposes(rng, shape):
    image = tubes(shape, rng)
    for hessian in ("gaussian", "differences"):
        values = hessian_eigenvalues(image, 1.2, hessian=hessian, normalise=True)
        for axis in range(image.ndim):
            flipped = hessian_eigenvalues(
                np.flip(image, axis), 1.2, hessian=hessian, normalise=True
            )
            np.testing.assert_allclose(np.flip(flipped, 1 + axis), values, atol=1e-6)
        # Mixed derivatives of "gaussian" depend on the order of axes, but only near the border.
        inner = (
            slice(None),
            *(slice(7, -7) if hessian == "gaussian" else slice(None),) * len(shape),
        )
        for order in itertools.permutations(range(image.ndim)):
            turned = hessian_eigenvalues(
                image.transpose(order), 1.2, hessian=hessian, normalise=True
            )
            back = np.moveaxis(turned, range(1, image.ndim + 1), [1 + a for a in order])
            np.testing.assert_allclose(back[inner], values[inner], atol=1e-6)
