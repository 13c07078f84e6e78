"""The airway phantom: exact tree, Hounsfield units, walls that fade."""

import numpy as np
import pytest
from scipy import ndimage
from test_tree import betti

from tubekit.phantoms import airway_phantom, phantom_cases
from tubekit.phantoms.ct import Scanner


@pytest.fixture(scope="module")
def phantom():
    return airway_phantom(seed=0)


@pytest.mark.parametrize(
    ("size", "spacing", "seed"),
    [((96, 96, 96), (1.0, 1.0, 1.0), 1), ((48, 80, 72), (1.8, 1.0, 1.1), 2)],
)
def test_truth_is_exact(size, spacing, seed):
    phantom = airway_phantom(size, seed, spacing=spacing)
    mask = phantom.case.label > 0
    assert betti(mask) == betti(phantom.centerline) == phantom.betti == (1, 0, 0)
    assert not (phantom.centerline & ~mask).any()
    np.testing.assert_array_equal(phantom.branch > 0, mask)
    assert phantom.case.image.shape == (1, *size)
    assert np.isfinite(phantom.case.image).all()
    again = airway_phantom(size, seed, spacing=spacing)
    np.testing.assert_array_equal(again.case.image, phantom.case.image)


def test_trachea_enters_from_the_last_slice_and_forks_once(phantom):
    tree = phantom.tree
    assert [b.parent for b in tree.branches].count(-1) == 1
    assert tree.branches[0].generation == 0
    assert len(tree.children(0)) == 2
    assert phantom.branch[-1].max() == 1  # nothing but the trachea in the last slice
    assert phantom.centerline[-1].any()
    assert not phantom.case.label[0].any()
    for i, branch in enumerate(tree.branches[1:], 1):
        parent = tree.branches[branch.parent]
        assert branch.parent < i
        assert branch.generation == parent.generation + 1
        assert branch.nodes[0] == parent.nodes[1]
        np.testing.assert_allclose(branch.points_mm[0], parent.points_mm[-1])
        assert branch.radius_mm.max() < parent.radius_mm.min()
    right, left = (tree.branches[i].points_mm[-1][2] for i in tree.children(0))
    assert right < 47.5 < left
    assert len(tree.branches) >= 15
    assert tree.branches[0].radius_mm[0] > 3.9
    assert min(b.radius_mm.min() for b in tree.branches) < 1.5


def test_lumen_is_air_lung_is_lung_and_mediastinum_soft(phantom):
    image = phantom.case.image[0]
    lumen = ndimage.binary_erosion(phantom.branch == 1, iterations=2)
    assert image[lumen].mean() == pytest.approx(-1000, abs=30)
    assert ((image > -920) & (image < -760)).mean() > 0.1
    assert ((image > 0) & (image < 100)).mean() > 0.1
    assert image.max() > 250


def test_walls_fade_from_branch_to_branch():
    still = Scanner(noise_hu=(0.0, 0.0))
    phantom = airway_phantom(seed=0, scanner=still)
    image, mask = phantom.case.image[0], phantom.case.label > 0
    shell = ndimage.binary_dilation(mask, iterations=1) & ~mask
    owner = phantom.branch[
        tuple(ndimage.distance_transform_edt(phantom.branch == 0, return_indices=True)[1])
    ]
    # Medians, since arteries touch some walls; branches that leave the mediastinum only.
    wall = {}
    for generation in (2, 5):
        numbers = [i + 1 for i, b in enumerate(phantom.tree.branches) if b.generation == generation]
        wall[generation] = np.median(image[shell & np.isin(owner, numbers)])
    assert -850 < wall[5] < wall[2] - 50


def test_data_set_by_name_and_bad_wishes():
    first, second = phantom_cases("airway", 2, 0, size=(64, 72, 72))
    assert first.id != second.id
    assert first.image.shape == (1, 64, 72, 72)
    assert (first.label != second.label).any()
    with pytest.raises(ValueError, match="48 mm or more"):
        airway_phantom((32, 96, 96))
    with pytest.raises(ValueError, match="one per axis"):
        airway_phantom((96, 96))
    with pytest.raises(ValueError, match="classes of airway must be 1"):
        phantom_cases("airway", 1, 0, classes=2)
