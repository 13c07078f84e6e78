import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from tests.geometry import shapes
from tubekit.geometry import distance, distance_transform, signed_distance, surface
from tubekit.geometry.distance import nearest_distances
from tubekit.plain.surface import distances as plain_distances

SPACING = {2: (0.7, 1.3), 3: (2.0, 0.8, 0.5)}
MASKS = ["tree2d_a", "ring2d", "two2d", "single2d", "tree3d_a", "ring3d", "two3d", "single3d"]
small_masks = arrays(bool, array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=7))


@pytest.mark.parametrize("case", [*MASKS, "empty2d", "empty3d"])
def test_signed_distance_agrees_with_the_boundary_loss(oracle, case):
    expected = oracle("boundary_hausdorff")[f"{case}__sdm_kervadec_c1"]
    ours = signed_distance(oracle("inputs")[case])
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("case", ["tree2d_a", "ring2d", "two2d", "single2d"])
def test_signed_distance_of_the_background_channel(oracle, case):
    expected = oracle("boundary_hausdorff")[f"{case}__sdm_kervadec_c0"]
    ours = signed_distance(1 - oracle("inputs")[case])
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("case", ["tree2d_a", "ring2d", "two2d"])
def test_signed_distance_agrees_with_monai(oracle, case):
    expected = oracle("boundary_hausdorff")[f"{case}__monai_sdm_c1"]
    np.testing.assert_allclose(signed_distance(oracle("inputs")[case]), expected, atol=1e-5)


@pytest.mark.parametrize("case", MASKS)
def test_released_code_makes_fine_inner_voxels_positive(oracle, case):
    """Defect: the step of one voxel is taken as 1 mm, so a spacing under 1 mm flips signs."""
    mask = oracle("inputs")[case] > 0
    expected = oracle("boundary_hausdorff")[f"{case}__sdm_kervadec_c1_aniso"]
    released = signed_distance(mask, SPACING[mask.ndim], as_released=True)
    np.testing.assert_allclose(released, expected, rtol=1e-5, atol=1e-5)
    ours = signed_distance(mask, SPACING[mask.ndim])
    np.testing.assert_allclose(ours[~mask], expected[~mask], rtol=1e-5)
    assert released[mask].max() > 0
    assert ours[mask].max() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("case", ["tree2d_a", "ring2d"])
def test_released_code_truncates_integer_masks(oracle, case):
    """Defect: the map takes the integer type of the mask; ours has fractions for any mask."""
    truncated = oracle("boundary_hausdorff")[f"{case}__sdm_kervadec_c1_intdtype"]
    ours = signed_distance(oracle("inputs")[case].astype(np.int32))
    assert ours.dtype == np.float32
    assert np.array_equal(np.trunc(ours), truncated)
    assert (ours != truncated).any()


@pytest.mark.parametrize("shape", [(4, 5), (1, 4, 5)])
def test_masks_without_a_boundary(shape):
    """The reference's map of a full mask comes from a transform without any zero: undefined."""
    full, empty = np.ones(shape, bool), np.zeros(shape, bool)
    assert not signed_distance(full).any()
    assert not signed_distance(empty).any()
    assert np.isinf(distance_transform(full)).all()
    assert not distance_transform(empty).any()


@settings(max_examples=60, deadline=None)
@given(small_masks, st.sampled_from([None, 0.5, 3.0]))
def test_distance_agrees_with_scipy(mask, scale):
    spacing = None if scale is None else tuple(scale * (i + 1) for i in range(mask.ndim))
    if mask.all():
        return
    expected = ndimage.distance_transform_edt(mask, sampling=spacing)
    np.testing.assert_allclose(distance_transform(mask, spacing), expected, rtol=1e-6)


@settings(max_examples=60, deadline=None)
@given(small_masks)
def test_signed_distance_properties(mask):
    spacing = (0.5, 1.0, 2.0)[: mask.ndim]
    ours = signed_distance(mask, spacing)
    doubled = signed_distance(mask, tuple(2 * s for s in spacing))
    np.testing.assert_allclose(doubled, 2 * ours, rtol=1e-6)
    np.testing.assert_array_equal(signed_distance(np.flip(mask), spacing), np.flip(ours))
    np.testing.assert_allclose(signed_distance(mask.T, spacing[::-1]), ours.T, rtol=1e-6)
    if mask.any() and not mask.all():
        assert (ours[mask] <= 0).all()
        assert (ours[~mask] >= 0.5).all()


@settings(max_examples=60, deadline=None)
@given(small_masks)
def test_surface_is_the_mask_without_its_erosion(mask):
    image = shapes.as_image(mask)
    cross = ndimage.generate_binary_structure(image.ndim, 1)
    expected = image & ~ndimage.binary_erosion(image, cross, border_value=0)
    assert np.array_equal(surface(mask), expected.reshape(mask.shape))


def test_surface_of_a_ball_is_closed_and_thin():
    mask = shapes.ball(6, 17)
    shell = surface(mask)
    assert (distance_transform(mask)[shell] < 2**0.5).all()
    assert shell.any()


@pytest.mark.parametrize("function", [distance_transform, signed_distance])
def test_bad_spacing_is_named(function):
    for spacing in ((1.0,), (1.0, 0.0), (1.0, np.nan)):
        with pytest.raises(ValueError, match="spacing needs one positive value per axis"):
            function(np.eye(3, dtype=bool), spacing)


@pytest.mark.parametrize("function", [distance_transform, signed_distance, surface])
def test_bad_masks_are_named(function):
    with pytest.raises(ValueError, match="mask must be binary"):
        function(np.array([[0.0, np.nan], [1.0, 0.5]]))
    with pytest.raises(ValueError, match="mask must have 2 or 3 axes, got 4"):
        function(np.ones((1, 1, 3, 3), bool))


@settings(max_examples=80, deadline=None)
@given(
    small_masks,
    st.integers(0, 2**32 - 1),
    st.sampled_from([0, 1, 20, 1500]),
    st.sampled_from([0, 10**9]),
)
def test_nearest_distances_agree_with_every_pair(points, seed, nearby, few):
    """All three ways of searching, alone and together."""
    others = np.random.default_rng(seed).random(points.shape) > 0.8
    spacing = (0.7, 1.3, 2.0)[: points.ndim]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distance, "_NEARBY", nearby)
        patch.setattr(distance, "_FEW", few)
        distance._ball.cache_clear()
        ours = nearest_distances(points, others, spacing)
    distance._ball.cache_clear()
    assert ours.dtype == np.float64
    np.testing.assert_allclose(ours, plain_distances(points, others, spacing), rtol=1e-15)


@pytest.mark.parametrize("few", [0, 10**9])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (5.0, 0.3, 0.3), (0.1, 1.0, 40.0)])
def test_nearest_distances_agree_with_the_transform(rng, spacing, few, monkeypatch):
    monkeypatch.setattr(distance, "_FEW", few)
    points, others = rng.random((2, 12, 40, 33)) > 0.9995
    others[0, :3] = True
    points[-1, -2:] = True
    expected = distance_transform(~others, spacing)[points]
    ours = nearest_distances(points, others, spacing)
    np.testing.assert_allclose(ours, expected, rtol=1e-6)
    np.testing.assert_allclose(ours, plain_distances(points, others, spacing), rtol=1e-15)


@pytest.mark.parametrize("shape", [(50, 60), (3, 40, 50)])
@pytest.mark.parametrize("few", [0, 10**9])
def test_far_distances_agree_with_every_pair(rng, shape, few, monkeypatch):
    """Parabolas of many rows meet between every two rows, so none may be dropped too soon."""
    monkeypatch.setattr(distance, "_NEARBY", 1)
    monkeypatch.setattr(distance, "_FEW", few)
    distance._ball.cache_clear()
    points, others = rng.random(shape) > 0.7, rng.random(shape) > 0.98
    for spacing in ((1.0, 1.0, 1.0), (0.3, 5.0, 1.7), (4.0, 0.25, 0.5)):
        spacing = spacing[: len(shape)]
        ours = nearest_distances(points, others, spacing)
        np.testing.assert_allclose(ours, plain_distances(points, others, spacing), rtol=1e-15)
    distance._ball.cache_clear()


def test_nearest_distances_to_nothing_and_from_nothing():
    some, none = np.eye(4, dtype=bool), np.zeros((4, 4), bool)
    assert np.isinf(nearest_distances(some, none)).all()
    assert nearest_distances(none, some).shape == (0,)
    with pytest.raises(ValueError, match="expected equal shapes"):
        nearest_distances(some, none[1:])


def test_nearest_distances_use_threads_without_a_difference(rng):
    points, others = rng.random((2, 30, 31, 32)) > 0.99
    before = torch.get_num_threads()
    alone = nearest_distances(points, others)
    torch.set_num_threads(3)
    try:
        assert np.array_equal(nearest_distances(points, others), alone)
    finally:
        torch.set_num_threads(before)


def backwards(array: np.ndarray) -> np.ndarray:
    """The same values, stored from the far corner."""
    return array[::-1, :, ::-1].copy()[::-1, :, ::-1]


@pytest.mark.parametrize("turned", [np.asfortranarray, backwards])
def test_nearest_distances_do_not_depend_on_the_order_in_memory(rng, turned):
    points, others = rng.random((2, 6, 7, 8)) < 0.05
    expected = nearest_distances(points, others)
    assert np.array_equal(nearest_distances(turned(points), turned(others)), expected)
