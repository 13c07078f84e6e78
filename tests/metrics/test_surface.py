"""Surface metrics against known answers and five recorded libraries."""

import itertools

import numpy as np
import pytest

from tubekit import metrics
from tubekit.metrics.surface_distance import _element_sizes, surface_distances

ANISOTROPIC = {2: (0.7, 1.3), 3: (2.0, 0.8, 0.5)}
PAIRS = {
    **{
        n: (f"{n}__pred", n) for n in ["tree2d_a", "ring2d", "two2d", "tree3d_a", "ring3d", "two3d"]
    },
    "tree2d_a_other": ("two2d", "tree2d_a"),
    "single2d_tree": ("tree2d_a", "single2d"),
    "full2d_tree": ("tree2d_a", "full2d"),
    "ring3d_single": ("single3d", "ring3d"),
    "tree3d_a_full": ("full3d", "tree3d_a"),
}


def planes(distance: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Two parallel plates, one voxel thick, a known distance apart along the first axis."""
    pred, target = np.zeros((10, 6, 5), bool), np.zeros((10, 6, 5), bool)
    pred[1], target[1 + distance] = True, True
    return pred, target


def test_distance_of_two_plates_in_millimetres():
    """Spacing is in array order: only the first value counts here."""
    pair = planes()
    for metric in (metrics.hausdorff, metrics.hd95, metrics.assd):
        assert metric(*pair, spacing=(2.5, 0.7, 0.3)) == pytest.approx(10, rel=1e-6)
        assert metric(*pair) == pytest.approx(4)


def test_hd95_definitions_by_hand():
    """A row of 100 pixels and the same row with one pixel 9 away: 1 of 101, or 1 of 201."""
    target = np.zeros((12, 100), bool)
    target[1] = True
    pred = target.copy()
    pred[10, :7] = True  # 7 of 107 predicted surface pixels, 7 of 207 in all
    assert metrics.hausdorff(pred, target) == 9
    assert metrics.hd95(pred, target) == 9
    assert metrics.hd95(pred, target, definition="pooled") == 0
    assert metrics.assd(pred, target) == pytest.approx(7 * 9 / 207)
    assert metrics.nsd(pred, target, tolerance_mm=8.9) == pytest.approx(200 / 207)
    assert metrics.nsd(pred, target, tolerance_mm=9.0) == 1


def test_only_the_surface_counts():
    """One voxel in the middle of a square of 5 x 5, whose inside is not empty."""
    target, pred = np.zeros((7, 7), bool), np.zeros((7, 7), bool)
    target[1:6, 1:6], pred[3, 3] = True, True
    # The voxel is 2 from the outline; the 16 voxels of the outline are 2 to sqrt(8) from it.
    outline = 4 * 2 + 8 * np.sqrt(5) + 4 * np.sqrt(8)
    assert metrics.assd(pred, target) == pytest.approx((2 + outline) / 17)
    assert (
        metrics.hausdorff(pred, target) == metrics.hausdorff(target, pred) == pytest.approx(8**0.5)
    )


def test_hd95_interpolates_between_voxels():
    """Distances 0..100: the 95th percentile of each directed list is 95 of 100."""
    target = np.zeros((1, 101), bool)
    target[0, 0] = True
    pred = np.ones((1, 101), bool)
    assert metrics.hd95(pred, target) == pytest.approx(95)
    # Pooled, one more distance of 0: (102 - 1) * 0.95 = 95.95 steps from the smallest.
    assert metrics.hd95(pred, target, definition="pooled") == pytest.approx(94.95)


@pytest.mark.parametrize("definition", ["max", "pooled", "area"])
def test_identical_masks_have_distance_zero(definition: str):
    mask, _ = planes()
    assert metrics.hd95(mask, mask, definition=definition) == 0


def test_elements_have_the_length_and_area_of_the_shape():
    """A rectangle's outline and a box's skin; corners are cut at half a voxel."""
    rectangle = np.zeros((20, 30), bool)
    rectangle[5:15, 10:16] = True  # 10 x 6 voxels
    spacing = (2.0, 0.5)
    weights = surface_distances(rectangle, rectangle, spacing, weighted=True).pred_weights
    corner = np.hypot(*spacing) / 2
    assert weights.sum() == pytest.approx(2 * 9 * 2.0 + 2 * 5 * 0.5 + 4 * corner)

    box = np.zeros((9, 9, 9), bool)
    box[2:7, 2:6, 2:5] = True  # 5 x 4 x 3 voxels
    spacing = (2.0, 1.0, 0.5)
    weights = surface_distances(box, box, spacing, weighted=True).pred_weights
    z, y, x = spacing
    flat = 2 * (4 * z * 3 * y + 4 * z * 2 * x + 3 * y * 2 * x)
    edges = 4 * (
        4 * z * np.hypot(y, x) / 2 + 3 * y * np.hypot(z, x) / 2 + 2 * x * np.hypot(z, y) / 2
    )
    corners = 8 * np.linalg.norm(np.cross([z / 2, -y / 2, 0], [z / 2, 0, -x / 2])) / 2
    assert weights.sum() == pytest.approx(flat + edges + corners)


@pytest.mark.parametrize("shape", [(2, 2), (2, 2, 2)])
def test_a_mask_and_its_complement_share_one_surface(shape: tuple[int, ...]):
    sizes = _element_sizes((0.7, 1.3, 2.0)[: len(shape)])
    np.testing.assert_allclose(sizes, sizes[::-1], rtol=1e-9)
    assert sizes[0] == sizes[-1] == 0
    assert (sizes[1:-1] > 0).all()


# --- recorded libraries


@pytest.fixture(params=list(itertools.product(PAIRS, ("iso", "aniso"))), ids="-".join)
def recorded(request, oracle):
    """Prediction, target, keyword arguments, and a function from metric to reference value."""
    name, kind = request.param
    inputs, reference = oracle("inputs"), oracle("surface_distances")
    pred, target = (inputs[key].astype(bool) for key in PAIRS[name])
    spacing = ANISOTROPIC[pred.ndim] if kind == "aniso" else (1.0,) * pred.ndim
    return pred, target, spacing, lambda key: float(reference[f"{name}__{kind}__{key}"])


def test_hausdorff_agrees_with_all(recorded):
    pred, target, spacing, reference = recorded
    ours = metrics.hausdorff(pred, target, spacing=spacing)
    for library in ("medpy", "mr", "monai", "topcow"):
        # The last two compute in float32.
        assert ours == pytest.approx(reference(f"{library}_hd"), rel=1e-6)


def test_hd95_max_agrees_with_metrics_reloaded_and_monai(recorded):
    pred, target, spacing, reference = recorded
    ours = metrics.hd95(pred, target, spacing=spacing)
    assert ours == pytest.approx(reference("mr_hd95"), rel=1e-6)
    assert ours == pytest.approx(reference("monai_hd95"), rel=2e-5)  # float32


def test_hd95_pooled_agrees_with_medpy(recorded):
    pred, target, spacing, reference = recorded
    ours = metrics.hd95(pred, target, spacing=spacing, definition="pooled")
    assert ours == pytest.approx(reference("medpy_hd95"), rel=1e-6)


def test_hd95_area_agrees_with_surface_distance(recorded):
    pred, target, spacing, reference = recorded
    ours = metrics.hd95(pred, target, spacing=spacing, definition="area")
    assert ours == pytest.approx(reference("sd_hd95"), rel=1e-6)


def test_assd_agrees_with_all(recorded):
    pred, target, spacing, reference = recorded
    ours = metrics.assd(pred, target, spacing=spacing)
    for library in ("medpy", "mr", "monai"):
        assert ours == pytest.approx(reference(f"{library}_assd"), rel=1e-6)
    found = surface_distances(pred, target, spacing)
    assert found.pred_to_target.mean() == pytest.approx(reference("medpy_asd_p2g"), rel=1e-6)
    masd = (found.pred_to_target.mean() + found.target_to_pred.mean()) / 2
    assert masd == pytest.approx(reference("mr_masd"), rel=1e-6)


def test_weighted_distances_and_nsd_agree_with_surface_distance(recorded):
    pred, target, spacing, reference = recorded
    found = surface_distances(pred, target, spacing, weighted=True)
    for distances, weights, key in (
        (found.pred_to_target, found.pred_weights, "sd_asd_pred2gt"),
        (found.target_to_pred, found.target_weights, "sd_asd_gt2pred"),
    ):
        assert np.average(distances, weights=weights) == pytest.approx(reference(key), rel=1e-6)
    assert max(found.pred_to_target.max(), found.target_to_pred.max()) == pytest.approx(
        reference("sd_hd100"), rel=1e-6
    )
    ours = metrics.nsd(pred, target, tolerance_mm=1.0, spacing=spacing, definition="area")
    assert ours == pytest.approx(reference("sd_nsd_tol1"), rel=1e-6)


def test_topcow_differs_where_its_contour_is_thicker(oracle):
    """Its contour takes every voxel with a background neighbour among 8, ours among 4."""
    inputs, reference = oracle("inputs"), oracle("surface_distances")
    pair = inputs["tree2d_a__pred"], inputs["tree2d_a"]
    assert float(reference["tree2d_a__iso__topcow_hd95"]) == 1
    assert metrics.hd95(*pair) == pytest.approx(1.98951, rel=1e-5)


def test_empty_masks_are_undefined_where_libraries_raise_or_guess(oracle):
    inputs, reference = oracle("inputs"), oracle("surface_distances")
    empty, tree = inputs["empty2d"], inputs["tree2d_a"]
    pairs = {"emptypred": (empty, tree), "emptygt": (tree, empty), "bothempty": (empty, empty)}
    for key, pair in pairs.items():
        assert reference[f"{key}__medpy_hd95"] == -999  # it raised
        assert np.isinf(reference[f"{key}__sd_hd95"])
        assert np.isnan(reference[f"{key}__monai_hd95"])
        assert np.isnan(metrics.hd95(*pair))


def test_errors():
    pair = planes()
    with pytest.raises(ValueError, match="definition must be one of 'max', 'pooled', 'area'"):
        metrics.hd95(*pair, definition="mean")
    with pytest.raises(ValueError, match="definition must be one of 'count', 'area'"):
        metrics.nsd(*pair, tolerance_mm=1.0, definition="max")
    with pytest.raises(ValueError, match="tolerance_mm must be at least 0"):
        metrics.nsd(*pair, tolerance_mm=float("nan"))
