import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import array_shapes, arrays

from tests.geometry import shapes
from tubekit.geometry import betti_numbers, components, euler_number

MASKS = [f"{name}{d}d" for d in (2, 3) for name in ("ring", "two", "single", "empty", "full")]
MASKS += ["tree2d_a", "tree3d_a"]
small_masks = arrays(bool, array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=6))


@pytest.mark.parametrize("connectivity", ["full", "face"])
@pytest.mark.parametrize("case", MASKS)
def test_masks_agree_with_persistent_homology(oracle, case, connectivity):
    mask = oracle("inputs")[case]
    recorded = oracle("betti")
    expected = tuple(recorded[f"{case}__betti_{connectivity}"])
    assert betti_numbers(mask, connectivity) == expected
    assert euler_number(mask, connectivity) == recorded[f"{case}__euler_{connectivity}"]


@pytest.mark.parametrize("connectivity", ["full", "face"])
@pytest.mark.parametrize("case", ["tree2d_a", "ring2d", "two2d", "tree3d_a", "ring3d", "two3d"])
def test_predictions_agree_with_persistent_homology(oracle, case, connectivity):
    mask, pred = oracle("inputs")[case], oracle("inputs")[f"{case}__pred"]
    recorded = oracle("betti")
    ours = betti_numbers(pred, connectivity)
    assert ours == tuple(recorded[f"{case}__pred__betti_{connectivity}"])
    error = np.abs(np.subtract(ours, betti_numbers(mask, connectivity)))
    assert np.array_equal(error, recorded[f"{case}__betti_error_{connectivity}"])


@pytest.mark.parametrize("case", MASKS)
def test_skeletons_agree_with_persistent_homology(oracle, case):
    recorded = oracle("betti")
    for source, key in (("topo_bool", "topo_bool"), ("topo_euler", "topo_euler")):
        skeleton = oracle("topo_skeleton")[f"{case}__{source}__iter12"]
        assert betti_numbers(skeleton) == tuple(recorded[f"{case}__{key}_iter12__betti_full"])
    skeleton = oracle("tubed_skeleton")[f"{case}__skel"] > 0
    assert betti_numbers(skeleton) == tuple(recorded[f"{case}__skimage_skel__betti_full"])


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        (shapes.torus(), (1, 1, 0)),
        (shapes.double_torus(), (1, 2, 0)),
        (shapes.hollow_sphere(), (1, 0, 1)),
        (shapes.ball(8, 21), (1, 0, 0)),
        (shapes.annulus(), (1, 1)),
        (np.concatenate([shapes.ball(4, 11, 2)] * 2), (2, 0)),
        (np.ones((5, 6), bool), (1, 0)),
        (np.ones((5, 6, 1), bool), (1, 0, 0)),
        (np.zeros((5, 6), bool), (0, 0)),
    ],
)
def test_known_shapes(mask, expected):
    assert betti_numbers(mask) == expected
    assert betti_numbers(mask, "face") == expected


def test_diagonal_pixels_depend_on_the_connectivity():
    diagonal = np.eye(2, dtype=bool)
    assert (betti_numbers(diagonal), betti_numbers(diagonal, "face")) == ((1, 0), (2, 0))
    assert [components(diagonal, c)[1] for c in (None, 8, 4)] == [1, 1, 2]
    # Four pixels around one: the hole is closed for 8-connected objects only.
    diamond = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]])
    assert (betti_numbers(diamond), betti_numbers(diamond, "face")) == ((1, 1), (4, 0))
    edge = np.zeros((2, 2, 2), dtype=bool)
    edge[0, 0, 0] = edge[0, 1, 1] = True
    assert [components(edge, c)[1] for c in (26, 18, 6)] == [1, 1, 2]
    edge[0, 1, 1], edge[1, 1, 1] = False, True
    assert [components(edge, c)[1] for c in (26, 18, 6)] == [1, 2, 2]


@settings(max_examples=60, deadline=None)
@given(small_masks)
def test_betti_numbers_do_not_depend_on_the_view(mask):
    for connectivity in ("full", "face"):
        expected = betti_numbers(mask, connectivity)
        assert betti_numbers(np.flip(mask), connectivity) == expected
        assert betti_numbers(mask.T, connectivity) == expected
        assert betti_numbers(np.pad(mask, 2), connectivity) == expected
        alternating = sum((-1) ** i * b for i, b in enumerate(expected))
        assert alternating == euler_number(mask, connectivity)


@settings(max_examples=30, deadline=None)
@given(small_masks)
def test_components_partition_the_mask(mask):
    labels, count = components(mask)
    assert np.array_equal(labels > 0, mask)
    assert set(np.unique(labels[mask])) == set(range(1, count + 1))


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 5, 9), (3, 3, 3), (5, 1, 1), (7, 7), (1, 9)])
def test_scattered_voxels_in_thin_images(shape):
    mask = np.zeros(shape, dtype=bool)
    mask[(slice(None, None, 2),) * len(shape)] = True
    for connectivity in ("full", "face"):
        assert betti_numbers(mask, connectivity)[0] == mask.sum()


@pytest.mark.parametrize("function", [components, euler_number, betti_numbers])
def test_bad_input_is_named(function):
    with pytest.raises(ValueError, match="mask must be binary"):
        function(np.full((3, 3), 2))
    with pytest.raises(ValueError, match="mask must have 2 or 3 axes, got 1"):
        function(np.ones(3, bool))


def test_bad_connectivity_is_named():
    with pytest.raises(ValueError, match="connectivity in 3-D must be one of 6, 18, 26, got 8"):
        components(np.ones((3, 3, 3), bool), 8)
    with pytest.raises(ValueError, match="connectivity must be one of 'full', 'face', got '8'"):
        betti_numbers(np.ones((3, 3), bool), "8")
