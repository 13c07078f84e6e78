"""The named phantoms: exact truth, classes, reproducibility."""

import numpy as np
import pytest
from scipy import ndimage
from test_tree import betti

from tubekit.phantoms import (
    ARTERIES,
    canal_phantom,
    circle_of_willis_phantom,
    fundus_phantom,
    phantom_cases,
    vascular_phantom,
)
from tubekit.phantoms.render import add_noise, bias_field, blur, partial_volume
from tubekit.types import Spec

MAKERS = {
    "fundus": lambda seed: fundus_phantom(128, seed),
    "fundus-loops": lambda seed: fundus_phantom(192, seed, loops=2, classes=3),
    "vascular": lambda seed: vascular_phantom((40, 56, 56), seed, spacing=(1.2, 0.8, 0.8)),
    "vascular-loops": lambda seed: vascular_phantom((48, 64, 64), seed, loops=1, classes=4),
    "canal": lambda seed: canal_phantom((40, 64, 64), seed, classes=2),
    "cow": lambda seed: circle_of_willis_phantom(seed=seed),
}


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", MAKERS)
def test_truth_is_exact(name, seed):
    phantom = MAKERS[name](seed)
    case = phantom.case
    mask = case.label > 0
    assert betti(mask) == phantom.betti == phantom.tree.betti
    assert betti(phantom.centerline) == phantom.betti
    assert not (phantom.centerline & ~mask).any()
    np.testing.assert_array_equal(phantom.branch > 0, mask)
    np.testing.assert_array_equal(phantom.radius_mm > 0, phantom.centerline)
    assert case.image.dtype == np.float32
    assert np.isfinite(case.image).all()


@pytest.mark.parametrize("name", ["fundus", "vascular", "canal", "cow"])
def test_radius_agrees_with_the_distance_transform(name):
    phantom = MAKERS[name](3)
    spacing = phantom.case.spacing
    voxel = max(spacing)
    depth = ndimage.distance_transform_edt(phantom.case.label > 0, sampling=spacing)
    line = phantom.centerline
    # The depth of the voxel next to the course: within a voxel, except inside a wider neighbour.
    difference = (depth - phantom.radius_mm)[line]
    assert difference.min() > -voxel
    assert abs(np.median(difference)) < 0.5 * voxel
    assert np.mean(np.abs(difference) <= voxel) > 0.9


@pytest.mark.parametrize("name", MAKERS)
def test_seeds_are_reproducible_and_differ(name):
    first, again, other = (MAKERS[name](seed).case for seed in (4, 4, 5))
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.label, again.label)
    assert (first.label != other.label).any()
    assert first.id != other.id


def test_fundus_vessels_are_dark_inside_a_round_field():
    phantom = fundus_phantom(192, 7)
    image, mask, valid = phantom.case.image[0], phantom.case.label > 0, phantom.case.valid
    ring = ndimage.binary_dilation(mask, iterations=6) & ~ndimage.binary_dilation(
        mask, iterations=3
    )
    assert image[mask].mean() < image[ring & valid].mean() - 0.05
    assert (image[~valid] == 0).all()
    assert not (mask & ~valid).any()
    assert valid.mean() == pytest.approx(np.pi * 0.48**2, abs=0.01)


def test_contrast_in_volumes():
    for phantom, sign in ((vascular_phantom((40, 56, 56)), 1), (canal_phantom((40, 64, 64)), -1)):
        image, mask = phantom.case.image[0], phantom.case.label > 0
        ring = ndimage.binary_dilation(mask, iterations=4) & ~ndimage.binary_dilation(
            mask, iterations=2
        )
        assert sign * (image[mask].mean() - image[ring].mean()) > 0.03


def test_complete_circle_has_all_arteries_and_one_ring():
    phantom = circle_of_willis_phantom(seed=0, absent=())
    assert set(np.unique(phantom.case.label)) == set(range(14))
    assert len(ARTERIES) == 13
    assert phantom.betti == (1, 1, 0)
    for label in range(1, 14):
        assert ndimage.label(phantom.case.label == label, np.ones((3, 3, 3)))[1] == 1


@pytest.mark.parametrize(
    ("absent", "expected"),
    [
        (("3rd-A2",), (1, 1, 0)),
        (("Acom",), (1, 0, 0)),
        (("R-Pcom",), (1, 0, 0)),
        (("R-Pcom", "L-Pcom"), (2, 0, 0)),
        (("R-Pcom", "L-Pcom", "Acom"), (3, 0, 0)),
    ],
)
def test_absent_arteries_change_the_topology(absent, expected):
    phantom = circle_of_willis_phantom(seed=1, absent=absent)
    gone = set(absent) | ({"3rd-A2"} if "Acom" in absent else set())
    assert phantom.betti == betti(phantom.case.label > 0) == expected
    present = {ARTERIES[i - 1] for i in np.unique(phantom.case.label) if i}
    assert present == set(ARTERIES) - gone


def test_circle_variants_by_seed_and_sides():
    phantoms = [circle_of_willis_phantom(seed=seed) for seed in range(4)]
    assert len({phantom.betti for phantom in phantoms}) > 1
    label = phantoms[0].case.label
    for right, left in (("R-ICA", "L-ICA"), ("R-MCA", "L-MCA"), ("R-PCA", "L-PCA")):
        x = [np.argwhere(label == ARTERIES.index(a) + 1)[:, 2].mean() for a in (right, left)]
        assert x[0] < x[1]
    assert set(np.unique(circle_of_willis_phantom(classes=1).case.label)) == {0, 1}


@pytest.mark.parametrize("name", ["fundus", "vascular", "canal", "cow"])
def test_data_sets_by_name(name):
    size = {"fundus": (128, 128), "cow": (48, 72, 72)}.get(name, (40, 56, 56))
    spec = Spec(phantom_cases, name=name, n=2, seed=0, size=size)
    train, test = spec.build(), phantom_cases(name, 2, 1, size=size)
    assert all(case.image.shape[1:] == size for case in train)
    assert len({case.id for case in train + test}) == 4
    np.testing.assert_array_equal(train[1].label, spec.build()[1].label)
    assert spec.agrees(spec.to_dict())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: phantom_cases("liver", 1, 0), "name must be one of"),
        (lambda: phantom_cases("fundus", -1, 0), "0 or more"),
        (lambda: phantom_cases("fundus", 1, 0, size=(64, 128)), "square"),
        (lambda: fundus_phantom(32), "at least 96"),
        (lambda: vascular_phantom((64, 64)), r"one per axis \(3\)"),
        (lambda: canal_phantom((8, 8, 8)), "at least"),
        (lambda: canal_phantom(classes=3), "1 or 2"),
        (lambda: circle_of_willis_phantom((8, 8, 8)), "at least"),
        (lambda: circle_of_willis_phantom(absent=("BA",)), "absent may name"),
        (lambda: circle_of_willis_phantom(classes=2), "1 or 13"),
        (lambda: add_noise(np.zeros((4, 4)), np.random.default_rng(0), 1.0, "salt"), "kind"),
    ],
)
def test_bad_wishes_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_rendering_parts(rng):
    # Half a voxel outside is empty, half a voxel inside is full, the wall itself is half.
    share = partial_volume(np.array([0.6, 0.0, -0.6]), (1.0,))
    np.testing.assert_allclose(share, [0.0, 0.5, 1.0])
    point = np.zeros((41, 41))
    point[20, 20] = 1
    spread = blur(point, 2.0, (1.0, 0.5))
    y, x = np.mgrid[:41, :41] - 20
    assert np.sqrt((spread * y**2).sum()) == pytest.approx(2.0, rel=0.02)
    assert np.sqrt((spread * x**2).sum()) * 0.5 == pytest.approx(2.0, rel=0.02)
    gain = bias_field((20, 30), rng, 0.3)
    assert np.abs(np.log(gain)).max() == pytest.approx(0.3, rel=1e-5)
    assert (bias_field((20, 30), rng, 0.0) == 1).all()
    # Rician noise of a zero signal is Rayleigh distributed: mean sigma * sqrt(pi / 2).
    silent = add_noise(np.zeros((200, 200)), rng, 0.1, "rician")
    assert silent.mean() == pytest.approx(0.1 * np.sqrt(np.pi / 2), rel=0.02)
    assert add_noise(np.zeros((200, 200)), rng, 0.1).std() == pytest.approx(0.1, rel=0.02)
