"""The naive geometry and the library's agree, on random and on edge cases."""

import numpy as np
import pytest
from scipy import ndimage

from tubekit import geometry
from tubekit.geometry.kernels import thinning2d
from tubekit.plain import skeleton, surface, topology, vesselness


def masks(ndim: int) -> list[np.ndarray]:
    """Noise and blobs, and what has an edge: empty, full, one voxel, one row, a diagonal."""
    rng, grid = np.random.default_rng(ndim), (9, 12, 7)[:ndim]
    noise = [rng.random(grid) < share for share in (0.1, 0.3, 0.6, 0.9)]
    smooth = [ndimage.gaussian_filter(rng.normal(size=grid), 1.2) > 0 for _ in range(3)]
    single, diagonal = np.zeros(grid, bool), np.zeros(grid, bool)
    single[(3,) * ndim] = True
    diagonal[(np.arange(5),) * ndim] = True
    edges = [np.zeros(grid, bool), np.ones(grid, bool), single, diagonal, np.ones((1, 9), bool)]
    return noise + smooth + edges


def test_betti_numbers():
    for mask in masks(2) + masks(3):
        assert topology.betti_numbers(mask) == geometry.betti_numbers(mask)


def test_euler_number():
    for mask in masks(2) + masks(3):
        assert topology.euler_number(mask) == geometry.euler_number(mask)


def test_tubed_skeleton():
    rng = np.random.default_rng(0)
    for mask in masks(2) + masks(3):
        label = mask * rng.integers(1, 4, mask.shape)
        line = geometry.skeletonize(mask)
        assert np.array_equal(skeleton.tubed_skeleton(label, line), geometry.tubed_skeleton(label))


@pytest.mark.parametrize("half", [0, 1])
def test_each_half_of_the_thinning_deletes_what_the_paper_says(half: int):
    """All 256 rings: those of the library but for the ones where scikit-image left the paper."""
    revised = {
        sum(1 << thinning2d._NAMES.index(name) for name in names.split())
        for rings in thinning2d._REVISED.values()
        for names in rings
    }
    differing = set()
    for key in range(256):
        block = np.zeros((3, 3), bool)
        block[1, 1] = True
        for bit, (y, x) in enumerate(skeleton.RING):
            block[1 + y, 1 + x] = key >> bit & 1
        kept = skeleton.peel(block, half)[1, 1]
        if kept == bool(thinning2d._HALVES[key] >> half & 1):
            differing.add(key)
    assert differing
    assert differing <= revised


def test_thinning_goes_on_until_nothing_changes():
    for mask in masks(2):
        line = skeleton.zhang_suen(mask)
        assert not (line & ~mask).any()
        assert np.array_equal(skeleton.peel(skeleton.peel(line, 0), 1), line)
    bar = np.zeros((9, 20), bool)
    bar[2:7, 2:18] = True
    assert (skeleton.zhang_suen(bar).sum(0) <= 1).all()


def test_surface():
    for mask in masks(2) + masks(3):
        assert np.array_equal(surface.surface(mask), geometry.surface(mask))


@pytest.mark.parametrize("name", ["frangi", "jerman"])
def test_vesselness(name: str):
    rng = np.random.default_rng(3)
    for sigma in (0.8, 1.5):
        image = ndimage.gaussian_filter(rng.normal(size=(11, 12, 13)), 1.2)
        naive = getattr(vesselness, name)(image, sigma)
        ours = getattr(geometry, name)(image, [sigma], hessian="differences")
        assert naive.max() > 0.3
        np.testing.assert_allclose(ours, naive, atol=1e-5)
