"""Vesselness on tubes, plates and balls with known answers."""

import numpy as np
import pytest

from tests.geometry.tubes import FILTERS, gaussian_tube, name, tubes
from tubekit.geometry import frangi, jerman, sato


@pytest.mark.parametrize("radius", [2.0, 3.0, 4.0])
def test_a_tube_answers_best_at_its_own_scale_with_equal_height(radius):
    """Analytic: sigma² times the curvature is sigma² r² / (r² + sigma²)², 1/4 at sigma = r."""
    image, middle = gaussian_tube((9, 61, 61), (1, 1, 1), radius, (1, 0, 0))
    sigmas = radius * np.array([0.67, 0.85, 1.0, 1.2, 1.5])
    ours = [sato(image, [sigma])[middle] for sigma in sigmas]
    np.testing.assert_allclose(ours, (sigmas * radius / (radius**2 + sigmas**2)) ** 2, rtol=5e-3)
    assert np.argmax(ours) == 2
    raw = [sato(image, [sigma], normalise=False)[middle] for sigma in sigmas]
    np.testing.assert_allclose(raw, ours / sigmas**2, rtol=1e-5)


@pytest.mark.parametrize("function", FILTERS, ids=name)
def test_the_same_tube_on_two_grids_gives_the_same_response(function):
    fine, middle = gaussian_tube((33, 65, 65), (0.5, 0.5, 0.5), 2.0, (0.3, 1, 0.5))
    coarse, centre = gaussian_tube((17, 33, 47), (1.0, 1.0, 0.7), 2.0, (0.3, 1, 0.5))
    options = {"gamma": 0.1} if function is frangi else {}
    a = function(fine, (1.5, 2.0), (0.5, 0.5, 0.5), **options)
    b = function(coarse, (1.5, 2.0), (1.0, 1.0, 0.7), **options)
    np.testing.assert_allclose(b[centre], a[middle], rtol=0.02)
    np.testing.assert_allclose(
        b[5:-5:1, 8:-8, centre[2]], a[10:-10:2, 16:-16:2, middle[2]], atol=0.02
    )


@pytest.mark.parametrize("function", FILTERS, ids=name)
def test_doubled_spacing_and_scales_change_nothing(rng, function):
    image = tubes((10, 12, 14), rng)
    response = function(image, (1.0, 1.5), (1.0, 0.7, 0.5))
    np.testing.assert_array_equal(function(image, (2.0, 3.0), (2.0, 1.4, 1.0)), response)
    assert abs(function(image, (1.0, 1.5)) - response).max() > 0.01


@pytest.mark.parametrize("direction", [(1, 0, 0), (0, 1, 1), (1, 1, 1), (3, 1, -2)])
def test_all_directions_are_equal(direction):
    image, middle = gaussian_tube((41, 41, 41), (1, 1, 1), 2.0, direction)
    assert sato(image, [2.0])[middle] == pytest.approx(0.25, rel=5e-3)
    assert frangi(image, [2.0])[middle] == pytest.approx(0.8646647 * 0.8646647, rel=0.02)
    assert jerman(image, [2.0])[middle] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("function", FILTERS, ids=name)
@pytest.mark.parametrize("shape", [(30, 33), (16, 18, 20)])
def test_filters_follow_flips_and_transposes(rng, function, shape):
    """A share of voxels may differ: equal and opposite eigenvalues are decided by rounding."""
    image = tubes(shape, rng)
    response = function(image, (1, 2), hessian="differences")
    turned = function(np.flip(image.T, 0), (1, 2), hessian="differences")
    assert (abs(np.flip(turned, 0).T - response) > 1e-4).mean() < 1e-3


def test_plates_and_balls_are_suppressed():
    axes = np.meshgrid(*[np.arange(31) - 15.0] * 3, indexing="ij")
    squared = {
        "plate": axes[0] ** 2,
        "tube": axes[0] ** 2 + axes[1] ** 2,
        "ball": sum(a**2 for a in axes),
    }
    middle = (15, 15, 15)
    answers = {
        shape: [f(np.exp(-d / 8), [2.0])[middle] for f in FILTERS] for shape, d in squared.items()
    }
    frangis, satos, jermans, _ = zip(*(answers[s] for s in ("plate", "tube", "ball")), strict=True)
    assert frangis[1] > 0.7
    assert frangis[0] < 0.01
    assert frangis[2] < 0.15
    assert satos[1] > 0.24
    assert satos[0] < 0.01
    assert jermans[1] == 1
    assert jermans[0] < 0.01
    # alpha and beta do what they say
    tube, plate, ball = (np.exp(-squared[s] / 8) for s in ("tube", "plate", "ball"))
    assert frangi(tube, [2.0], alpha=1.0)[middle] < frangi(tube, [2.0])[middle]
    assert frangi(ball, [2.0], beta=1.0)[middle] > 3 * frangi(ball, [2.0])[middle]
    assert frangi(plate, [2.0], alpha=0.1)[middle] < 0.05
    assert (frangi(np.exp(-squared["plate"][:, 15] / 8), [2.0])[15] > 0.8).all()  # 2-D: a line


def test_lower_tau_answers_more():
    faint, middle = gaussian_tube((15, 31, 31), (1, 1, 1), 2.0, (1, 0, 0))
    image = 0.3 * faint
    image[:, :, :6] += faint[:, :, 13:19]
    answers = [jerman(image, [2.0], tau=tau)[middle] for tau in (0.3, 0.6, 1.0)]
    assert answers[0] == 1
    assert answers[0] > answers[1] > answers[2] > 0
