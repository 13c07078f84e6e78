"""The coronary phantom: two exact trees on a heart, in Hounsfield units."""

import dataclasses

import numpy as np
import pytest
from scipy import ndimage
from test_tree import betti

from tubekit.phantoms import coronary_phantom, phantom_cases
from tubekit.phantoms.ct import Scanner
from tubekit.phantoms.heart import Heart

STILL = Scanner(psf_mm=(0.01, 0.01), slice_share=(1.0, 1.0), noise_hu=(0.0, 0.0))


@pytest.fixture(scope="module")
def phantom():
    return coronary_phantom(seed=0)


@pytest.mark.parametrize(
    ("size", "spacing", "seed"),
    [
        ((64, 72, 80), (1.0, 1.0, 1.0), 19),  # the first draw touches and is refused
        ((64, 88, 96), (1.4, 1.0, 0.9), 2),
    ],
)
def test_truth_is_exact(size, spacing, seed):
    phantom = coronary_phantom(size, seed, spacing=spacing)
    mask = phantom.case.label > 0
    assert betti(mask) == betti(phantom.centerline) == phantom.betti == (2, 0, 0)
    assert not (phantom.centerline & ~mask).any()
    np.testing.assert_array_equal(phantom.branch > 0, mask)
    assert phantom.case.image.shape == (1, *size)
    again = coronary_phantom(size, seed, spacing=spacing)
    np.testing.assert_array_equal(again.case.image, phantom.case.image)
    assert np.isfinite(phantom.case.image).all()


def test_left_tree_starts_with_a_stem_and_the_right_at_the_aorta(phantom):
    tree = phantom.tree
    roots = [i for i, b in enumerate(tree.branches) if b.parent < 0]
    assert roots == [0, 3]
    assert len(tree.children(0)) == 2
    for branch in tree.branches:
        if branch.parent >= 0:
            parent = tree.branches[branch.parent]
            assert branch.generation == parent.generation + 1
            np.testing.assert_allclose(branch.points_mm[0], parent.points_mm[-1], atol=0.05)
    assert len(tree.branches) >= 14
    radii = [b.radius_mm for b in tree.branches]
    assert 1.4 < max(r.max() for r in radii) < 2.5
    assert 0.5 < min(r.min() for r in radii) < 1.2


def test_arteries_lie_just_above_the_heart_and_stand_out():
    phantom = coronary_phantom(seed=0, scanner=STILL, plaques=(0, 0))
    image, mask = phantom.case.image[0], phantom.case.label > 0
    core = image[phantom.centerline & (phantom.radius_mm > 1.2)]
    assert 280 < np.median(core) < 470
    assert np.std(core) < 40
    ring = ndimage.binary_dilation(mask, iterations=3) & ~ndimage.binary_dilation(
        mask, iterations=2
    )
    assert np.median(image[ring]) < 120
    heart = Heart.drawn(np.full(3, 95.0), np.random.default_rng(0))
    line = np.argwhere(phantom.centerline).astype(float)
    part = (line - heart.centre) @ heart.axes.T / heart.radii
    height = np.linalg.norm(part, axis=1)
    assert (height > 0.97).all()
    assert np.percentile(height, 95) < 1.2


def test_plaques_are_calcium_on_the_arteries():
    none, some = (coronary_phantom(seed=0, scanner=STILL, plaques=(n, n)).case for n in (0, 6))
    np.testing.assert_array_equal(none.label, some.label)
    change = some.image[0] - none.image[0]
    assert none.image[none.label[None] > 0].max() < 600
    assert some.image[0].max() > 700
    assert not change[~ndimage.binary_dilation(some.label > 0, iterations=2)].any()


def test_chambers_myocardium_fat_and_lung(phantom):
    image = phantom.case.image[0]
    for low, high in ((-1000, -750), (-140, -50), (60, 140), (280, 470)):
        assert ((image > low) & (image < high)).mean() > 0.03
    blurred = ndimage.uniform_filter(image, 5)
    assert blurred.max() > 280  # a chamber or the aorta, not single voxels


def test_surface_points_lie_on_the_ellipsoid(rng):
    heart = Heart.drawn(np.full(3, 95.0), rng)
    polar, azimuth = rng.uniform(0, np.pi, 50), rng.uniform(-np.pi, np.pi, 50)
    part = (heart.surface(polar, azimuth) - heart.centre) @ heart.axes.T / heart.radii
    np.testing.assert_allclose(np.linalg.norm(part, axis=1), 1, atol=1e-9)
    above = heart.surface(polar, azimuth, 2.0)
    gap = np.linalg.norm(above - heart.surface(polar, azimuth), axis=1)
    np.testing.assert_allclose(gap, 2.0)
    outward = (above - heart.surface(polar, azimuth)) @ heart.axes.T
    np.testing.assert_allclose(np.cross(outward, part / heart.radii), 0, atol=1e-9)
    round_heart = dataclasses.replace(heart, radii=np.full(3, 30.0))
    north = round_heart.surface(np.array(0.0), np.array(0.0))
    np.testing.assert_allclose(north, heart.centre + 30 * heart.axes[0])
    front = round_heart.surface(np.array(np.pi / 2), np.array(0.0))
    np.testing.assert_allclose(front, heart.centre + 30 * heart.axes[1], atol=1e-9)


def test_data_set_by_name_and_bad_wishes():
    first, second = phantom_cases("coronary", 2, 0, size=(72, 80, 80))
    assert first.id != second.id
    assert first.image.shape == (1, 72, 80, 80)
    assert (first.label != second.label).any()
    with pytest.raises(ValueError, match="64 mm or more"):
        coronary_phantom((32, 96, 96))
    with pytest.raises(ValueError, match="plaques must be"):
        coronary_phantom(plaques=(3, 1))
    with pytest.raises(ValueError, match="classes of coronary must be 1"):
        phantom_cases("coronary", 1, 0, classes=2)
