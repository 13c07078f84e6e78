"""Overlap by calibre against its plain formulation, and under change of grid."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial.distance import cdist

from tubekit import metrics
from tubekit.geometry import skeletonize
from tubekit.metrics.calibre import calibre_scores

from .test_contract import masks


def plain(pred, target, spacing, bounds_mm) -> tuple[float, ...]:
    """The definition with maps and a table of all distances."""
    line, cube = skeletonize(target), np.ones((3,) * target.ndim)
    inner = (slice(1, -1),) * target.ndim
    depth = ndimage.distance_transform_edt(np.pad(target, 1), sampling=spacing)[inner]
    width = 2 * ndimage.maximum_filter(depth, 3, mode="constant")
    path = line & (ndimage.convolve(line.astype(int), cube, mode="constant") <= 3)
    pieces, count = ndimage.label(path, cube)
    diameter = np.zeros(target.shape)
    for piece in (pieces == n for n in range(1, count + 1)):
        at = np.argwhere(piece) * spacing
        length = np.linalg.norm(at.max(axis=0) - at.min(axis=0))
        if len(at) >= 5 and length > width[piece].max():
            diameter[piece] = np.median(width[piece])
    objects, count = ndimage.label(line, cube)
    for own in (objects == n for n in range(1, count + 1)):
        if not diameter[own].any():
            diameter[own] = np.median(width[own])
    places, sites = np.argwhere(pred | target), np.argwhere(diameter)
    distance = cdist(places * spacing, sites * spacing)
    near = distance <= distance.min(axis=1, keepdims=True) + 1e-9
    here = np.where(near, diameter[diameter > 0], 0).max(axis=1)
    p, t = (mask[tuple(places.T)] for mask in (pred, target))
    scores = []
    for low, high in zip((0, *bounds_mm), (*bounds_mm, np.inf), strict=True):
        own = (low <= here) & (here < high)
        size = (p & own).sum() + (t & own).sum()
        scores.append(2 * (p & t & own).sum() / size if size else np.nan)
    return tuple(scores)


@settings(max_examples=60, deadline=None)
@given(pair=masks, bound=st.floats(0.5, 4.0))
def test_equals_the_plain_formulation(pair, bound):
    pred, target = pair
    spacing = (0.7, 1.3, 2.0)[: pred.ndim]
    bounds = (bound, bound + 1.1)
    if not target.any():
        return
    found = metrics.dice_by_diameter(pred, target, spacing=spacing, bounds_mm=bounds)
    assert found == pytest.approx(plain(pred, target, spacing, bounds), nan_ok=True)


@pytest.mark.parametrize("shape", [(40, 44), (20, 24, 22)])
@pytest.mark.parametrize("seed", range(4))
def test_equals_the_plain_formulation_on_vessels(shape, seed):
    rng = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(rng.normal(size=shape), 1.6)
    target = np.abs(noise) < 0.3 * noise.std()
    pred = np.roll(target, 1, 0) & (rng.random(shape) < 0.9)
    for spacing in ((1.0, 1.0, 1.0), (0.6, 1.0, 1.5)):
        steps, bounds = spacing[: len(shape)], (2.1, 3.1)
        found = metrics.dice_by_diameter(pred, target, spacing=steps, bounds_mm=bounds)
        assert found == pytest.approx(plain(pred, target, steps, bounds), nan_ok=True)


@settings(max_examples=40, deadline=None)
@given(pair=masks, axis=st.integers(0, 1), bound=st.floats(0.5, 4.0))
def test_flips_and_transposes_with_the_skeleton_change_nothing(pair, axis, bound):
    pred, target = pair
    spacing, bounds = (0.7, 1.3, 2.0)[: pred.ndim], (bound, bound + 1)
    line = skeletonize(target)
    expected = calibre_scores(pred, target, line, spacing, bounds)
    flipped = [np.flip(m, axis) for m in (pred, target, line)]
    turned = [m.T for m in (pred, target, line)]
    assert calibre_scores(*flipped, spacing, bounds) == pytest.approx(expected, nan_ok=True)
    assert calibre_scores(*turned, spacing[::-1], bounds) == pytest.approx(expected, nan_ok=True)


@settings(max_examples=40, deadline=None)
@given(pair=masks, bound=st.floats(0.5, 4.0))
def test_doubled_spacing_doubles_diameters(pair, bound):
    pred, target = pair
    spacing = (0.7, 1.3, 2.0)[: pred.ndim]
    double, bounds = tuple(2 * s for s in spacing), (bound, bound + 1)
    widths = metrics.diameter_map(target, spacing=spacing)
    assert np.array_equal(metrics.diameter_map(target, spacing=double), 2 * widths)
    assert np.array_equal(widths > 0, target)
    found = metrics.dice_by_diameter(pred, target, spacing=spacing, bounds_mm=bounds)
    doubled = tuple(2 * b for b in bounds)
    again = metrics.dice_by_diameter(pred, target, spacing=double, bounds_mm=doubled)
    assert again == pytest.approx(found, nan_ok=True)
