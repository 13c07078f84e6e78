import itertools
import tracemalloc

import cc3d
import gudhi
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from skimage import measure

from tests.geometry import shapes
from tubekit.geometry import (
    betti_numbers,
    components,
    euler_number,
    fill_holes,
    largest_component,
)

MASKS = [f"{name}{d}d" for d in (2, 3) for name in ("ring", "two", "single", "empty", "full")]
MASKS += ["tree2d_a", "tree3d_a"]
KNOWN = shapes.known_3d()
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


def betti_by_labelling(mask: np.ndarray, connectivity: str) -> tuple[int, ...]:
    """The plain formulation: label object and framed background, tunnels by scikit-image."""
    full, face = {2: 8, 3: 26}[mask.ndim], {2: 4, 3: 6}[mask.ndim]
    inside, outside = (full, face) if connectivity == "full" else (face, full)
    pieces = cc3d.connected_components(np.pad(mask, 1), connectivity=inside, return_N=True)[1]
    frame = np.pad(~mask, 1, constant_values=True)
    enclosed = cc3d.connected_components(frame, connectivity=outside, return_N=True)[1] - 1
    if mask.ndim == 2:
        return pieces, enclosed
    euler = measure.euler_number(mask, 3 if connectivity == "full" else 1) if mask.any() else 0
    return pieces, pieces + enclosed - euler, enclosed


def betti_by_homology(mask: np.ndarray, connectivity: str) -> tuple[int, ...]:
    """Voxels as closed cubes for all neighbours; as points that span cubes for face neighbours."""
    values = np.where(np.pad(mask, 1), 0.0, 1.0)
    kind = "top_dimensional_cells" if connectivity == "full" else "vertices"
    cells = gudhi.CubicalComplex(**{kind: values})
    cells.compute_persistence()
    return tuple(cells.persistent_betti_numbers(0.5, 0.5)[: mask.ndim])


@settings(max_examples=150, deadline=None)
@given(small_masks, st.sampled_from(["full", "face"]))
def test_agrees_with_labelling_and_with_homology(mask, connectivity):
    ours = betti_numbers(mask, connectivity)
    assert ours == betti_by_labelling(mask, connectivity)
    assert ours == betti_by_homology(mask, connectivity)
    rank = mask.ndim if connectivity == "full" else 1
    expected = measure.euler_number(mask, rank) if mask.any() else 0
    assert euler_number(mask, connectivity) == expected
    assert all(type(number) is int for number in (*ours, euler_number(mask, connectivity)))


@pytest.mark.parametrize("connectivity", ["full", "face"])
@pytest.mark.parametrize("density", [0.03, 0.3, 0.7, 0.97])
@pytest.mark.parametrize("shape", [(70, 90), (20, 30, 40)])
def test_agrees_with_labelling_on_noise(rng, shape, density, connectivity):
    mask = rng.random(shape) < density
    assert betti_numbers(mask, connectivity) == betti_by_labelling(mask, connectivity)


def test_every_window_of_eight_voxels():
    for bits in itertools.product([False, True], repeat=8):
        mask = np.array(bits).reshape(2, 2, 2)
        for connectivity in ("full", "face"):
            assert betti_numbers(mask, connectivity) == betti_by_labelling(mask, connectivity)


@pytest.mark.parametrize("connectivity", ["full", "face"])
def test_memory_layout_and_type_change_nothing(rng, connectivity):
    mask = rng.random((9, 14, 21)) < 0.4
    expected = betti_numbers(mask, connectivity)
    wide = np.zeros((9, 28, 63), bool)
    wide[:, ::2, ::3] = mask
    views = [np.asfortranarray(mask), wide[:, ::2, ::3], np.flip(mask.copy(), (0, 2))]
    views += [mask.transpose(order) for order in itertools.permutations(range(3))]
    views += [mask.astype(kind) for kind in (np.uint8, np.int64, np.float32)]
    for view in views:
        assert betti_numbers(view, connectivity) == expected
        assert euler_number(view, connectivity) == expected[0] - expected[1] + expected[2]
    for view in (np.asfortranarray(mask), wide[:, ::2, ::3]):
        assert np.array_equal(components(view)[0], components(mask)[0])
        assert np.array_equal(fill_holes(view), fill_holes(mask))
        assert np.array_equal(largest_component(view), largest_component(mask))


def test_threads_change_nothing(rng):
    mask = rng.random((11, 13, 17)) < 0.3
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 3, 32):
            torch.set_num_threads(threads)
            found.append((betti_numbers(mask), components(mask)[0].tobytes()))
    finally:
        torch.set_num_threads(before)
    assert found[0] == found[1] == found[2]


def test_a_volume_is_never_copied():
    mask = np.zeros((64, 128, 256), bool)
    mask[10:50, 40:90, 30:200] = True
    mask[20:30, 50:60, 40:50] = False
    for view in (mask, mask.T):
        for function in (euler_number, betti_numbers):
            function(view)
            tracemalloc.start()
            function(view)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert peak < 0.5 * mask.nbytes, function


@pytest.mark.parametrize("name", KNOWN)
def test_solid_shapes(name):
    mask, expected = KNOWN[name]
    for connectivity in ("full", "face"):
        assert betti_numbers(mask, connectivity) == expected
        assert betti_numbers(np.flip(mask, 1), connectivity) == expected
        assert betti_numbers(mask.T, connectivity) == expected
        assert betti_numbers(np.pad(mask, 1), connectivity) == expected


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        (shapes.annulus(), (1, 1)),
        (np.concatenate([shapes.ball(4, 11, 2)] * 2), (2, 0)),
        (shapes.mesh(3, 5), (1, 15)),
        (shapes.mesh(1, 1, thickness=1, hole=1), (1, 1)),
        (np.ones((5, 6), bool), (1, 0)),
        (np.ones((1, 1), bool), (1, 0)),
        (np.ones((5, 6, 1), bool), (1, 0, 0)),
        (np.zeros((5, 6), bool), (0, 0)),
        (np.zeros((0, 6), bool), (0, 0)),
        (np.zeros((4, 0, 6), bool), (0, 0, 0)),
    ],
)
def test_flat_and_degenerate_shapes(mask, expected):
    assert betti_numbers(mask) == expected
    assert betti_numbers(mask, "face") == expected


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


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 5, 9), (3, 3, 3), (5, 1, 1), (7, 7), (1, 9)])
def test_scattered_voxels_in_thin_images(shape):
    mask = np.zeros(shape, dtype=bool)
    mask[(slice(None, None, 2),) * len(shape)] = True
    for connectivity in ("full", "face"):
        assert betti_numbers(mask, connectivity)[0] == mask.sum()


@pytest.mark.parametrize(
    "function", [components, euler_number, betti_numbers, fill_holes, largest_component]
)
def test_bad_input_is_named(function):
    with pytest.raises(ValueError, match="mask must be binary"):
        function(np.full((3, 3), 2))
    with pytest.raises(ValueError, match="mask must have 2 or 3 axes, got 1"):
        function(np.ones(3, bool))


def test_bad_connectivity_is_named():
    with pytest.raises(ValueError, match="connectivity in 3-D must be one of 6, 18, 26, got 8"):
        components(np.ones((3, 3, 3), bool), 8)
    for function in (betti_numbers, euler_number):
        with pytest.raises(ValueError, match="connectivity must be one of 'full', 'face', got '8'"):
            function(np.ones((3, 3), bool), "8")
    for function in (fill_holes, largest_component):
        with pytest.raises(ValueError, match="connectivity in 2-D must be one of 4, 8, got 6"):
            function(np.ones((3, 3), bool), 6)


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
