"""What every metric must do: same call, same errors, right behaviour under change of grid."""

import inspect
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tubekit import metrics

METRICS = {
    name: getattr(metrics, name)
    for name in [
        "assd",
        "average_hausdorff",
        "betti_difference_0",
        "betti_error_0",
        "betti_error_1",
        "betti_error_2",
        "branches_detected",
        "centerline_f1",
        "cldice",
        "dice",
        "dice_large",
        "dice_medium",
        "dice_small",
        "false_positive_rate",
        "hallucination_rate",
        "hausdorff",
        "hd95",
        "iou",
        "precision",
        "recall",
        "topology_precision",
        "topology_sensitivity",
        "tree_length_detected",
        "volume_ratio",
    ]
} | {
    "tree_length_detected_largest": lambda p, t, *, spacing=None: metrics.tree_length_detected(
        p, t, spacing=spacing, reduction="largest_component"
    ),
    "branches_detected_largest": lambda p, t, *, spacing=None: metrics.branches_detected(
        p, t, spacing=spacing, reduction="largest_component"
    ),
    "average_hausdorff_max": lambda p, t, *, spacing=None: metrics.average_hausdorff(
        p, t, spacing=spacing, definition="max"
    ),
    "hd95_pooled": lambda p, t, *, spacing=None: metrics.hd95(
        p, t, spacing=spacing, definition="pooled"
    ),
    "hd95_area": lambda p, t, *, spacing=None: metrics.hd95(
        p, t, spacing=spacing, definition="area"
    ),
    "nsd": lambda p, t, *, spacing=None: metrics.nsd(p, t, tolerance_mm=1.0, spacing=spacing),
    "nsd_area": lambda p, t, *, spacing=None: metrics.nsd(
        p, t, tolerance_mm=1.0, spacing=spacing, definition="area"
    ),
}
IN_MM = (
    *("hausdorff", "hd95", "hd95_pooled", "hd95_area", "assd"),
    *("average_hausdorff", "average_hausdorff_max"),
)
BY_CALIBRE = ("dice_small", "dice_medium", "dice_large")
# These hold a length of their own, which does not scale with the grid.
WITH_LENGTH = ("nsd", "nsd_area", "centerline_f1", "hallucination_rate", *BY_CALIBRE)
# Thinning visits voxels in an order, so a skeleton is not the mirror image of the mirror's.
SKELETAL = (
    "cldice",
    "topology_precision",
    "topology_sensitivity",
    "tree_length_detected",
    "tree_length_detected_largest",
    "branches_detected",
    "branches_detected_largest",
    "centerline_f1",
    *BY_CALIBRE,
)
# Thinning and counting are done per image, so these differ between prediction and truth.
SYMMETRIC = (
    *(*IN_MM, "dice", "iou", "cldice", "centerline_f1", "nsd", "nsd_area"),
    *("betti_error_0", "betti_error_1"),
)
every_metric = pytest.mark.parametrize("name", METRICS)

masks = st.sampled_from([(6, 7), (4, 5, 6)]).flatmap(
    lambda shape: st.tuples(*[hnp.arrays(bool, shape) for _ in range(2)])
)


def test_the_suite_covers_every_exported_metric():
    exported = {
        name
        for name in metrics.__all__
        if inspect.isfunction(f := getattr(metrics, name))
        and inspect.signature(f).return_annotation is float
    }
    assert exported <= set(METRICS)


@every_metric
@pytest.mark.parametrize("shape", [(9, 8), (7, 8, 9)])
def test_returns_a_plain_float_and_leaves_its_input_alone(name: str, shape: tuple[int, ...]):
    rng = np.random.default_rng(0)
    pred, target = rng.random(shape) > 0.5, rng.random(shape) > 0.5
    before = pred.copy(), target.copy()
    value = METRICS[name](pred, target)
    assert type(value) is float
    assert np.array_equal(pred, before[0])
    assert np.array_equal(target, before[1])
    # 0 and 1 of any type are a mask too.
    for kind in (np.uint8, np.int64, np.float32):
        assert METRICS[name](pred.astype(kind), target.astype(kind)) == pytest.approx(
            value, nan_ok=True
        )


PERFECT = {"betti_difference_0": 0, "volume_ratio": 1} | {
    **dict.fromkeys((*IN_MM, "betti_error_0", "betti_error_1", "betti_error_2"), 0),
    **dict.fromkeys(("false_positive_rate", "hallucination_rate"), 0),
}
PERFECT |= {"dice_medium": np.nan, "dice_large": np.nan}  # the target is small


@every_metric
def test_a_perfect_prediction(name: str):
    target = np.zeros((9, 9, 9), bool)
    target[2:5, 3:8, 4] = True
    found, expected = METRICS[name](target, target), PERFECT.get(name, 1)
    assert found == expected or (np.isnan(found) and np.isnan(expected))


@every_metric
def test_bad_input_raises_one_clear_error(name: str):
    metric = METRICS[name]
    mask = np.zeros((4, 5), bool)
    mask[1, 2] = True
    other = np.full((4, 5), 0.5)
    for message, pred, target, spacing in (
        ("expected equal shapes, got pred .4, 5., target .5, 4.", mask, mask.T, None),
        ("pred must be binary", other, mask, None),
        ("target must be binary", mask, mask * 2, None),
        ("target must be binary", mask, np.where(mask, np.nan, 0.0), None),
        ("pred must have 2 or 3 axes", mask[0], mask[0], None),
        ("spacing needs one positive value per axis", mask, mask, (1.0,)),
        ("spacing needs one positive value per axis", mask, mask, (1.0, 0.0)),
        ("spacing needs one positive value per axis", mask, mask, (1.0, float("nan"))),
    ):
        with pytest.raises(ValueError, match=message):
            metric(pred, target, spacing=spacing)


@settings(max_examples=40, deadline=None)
@given(pair=masks, axis=st.integers(0, 1))
def test_flips_and_transposes_change_nothing(pair: tuple[np.ndarray, np.ndarray], axis: int):
    pred, target = pair
    spacing = (0.7, 1.3, 2.0)[: pred.ndim]
    for name, metric in METRICS.items():
        if name in SKELETAL:
            continue
        value = metric(pred, target, spacing=spacing)
        flipped = metric(np.flip(pred, axis), np.flip(target, axis), spacing=spacing)
        turned = metric(pred.T, target.T, spacing=spacing[::-1])
        assert flipped == pytest.approx(value, rel=1e-6, nan_ok=True), name
        assert turned == pytest.approx(value, rel=1e-6, nan_ok=True), name


@settings(max_examples=40, deadline=None)
@given(pair=masks, factor=st.sampled_from([0.5, 2.0, 3.0]))
def test_scaled_spacing_scales_millimetres_and_nothing_else(
    pair: tuple[np.ndarray, np.ndarray], factor: float
):
    pred, target = pair
    spacing = (0.7, 1.3, 2.0)[: pred.ndim]
    scaled = tuple(factor * s for s in spacing)
    for name, metric in METRICS.items():
        if name in WITH_LENGTH:
            continue
        expected = metric(pred, target, spacing=spacing) * (factor if name in IN_MM else 1)
        assert metric(pred, target, spacing=scaled) == pytest.approx(
            expected, rel=1e-5, nan_ok=True
        ), name


@settings(max_examples=40, deadline=None)
@given(pair=masks)
def test_range_symmetry_and_order(pair: tuple[np.ndarray, np.ndarray]):
    pred, target = pair
    value = {name: metric(pred, target) for name, metric in METRICS.items()}
    for name in SYMMETRIC:
        assert METRICS[name](target, pred) == pytest.approx(value[name], rel=1e-6, nan_ok=True)
    for name in set(METRICS) - set(IN_MM) - {"betti_difference_0", "volume_ratio"}:
        if not name.startswith("betti") and not math.isnan(value[name]):
            assert 0 <= value[name] <= 1, name
    for name in ("hd95", "hd95_pooled", "assd"):
        if not math.isnan(value[name]):
            assert 0 <= value[name] <= value["hausdorff"] * (1 + 1e-6)
    assert value["dice"] == pytest.approx(2 * value["iou"] / (1 + value["iou"]), nan_ok=True)


EMPTY = {  # prediction empty, target empty, both empty
    "assd": (np.nan, np.nan, np.nan),
    "average_hausdorff": (np.nan, np.nan, np.nan),
    "average_hausdorff_max": (np.nan, np.nan, np.nan),
    "betti_difference_0": (-1, 1, 0),
    "betti_error_0": (1, 1, 0),
    "betti_error_1": (0, 0, 0),
    "betti_error_2": (0, 0, 0),
    "centerline_f1": (0, 0, np.nan),
    "cldice": (0, 0, np.nan),
    "dice": (0, 0, np.nan),
    "dice_small": (0, np.nan, np.nan),  # the target is small
    "dice_medium": (np.nan, np.nan, np.nan),
    "dice_large": (np.nan, np.nan, np.nan),
    "false_positive_rate": (0, 2 / 60, 0),
    "hallucination_rate": (0, 1, np.nan),
    "hausdorff": (np.nan, np.nan, np.nan),
    "hd95": (np.nan, np.nan, np.nan),
    "hd95_pooled": (np.nan, np.nan, np.nan),
    "hd95_area": (np.nan, np.nan, np.nan),
    "iou": (0, 0, np.nan),
    "nsd": (0, 0, np.nan),
    "nsd_area": (0, 0, np.nan),
    "precision": (0, 0, np.nan),
    "recall": (0, np.nan, np.nan),
    "topology_precision": (0, 0, np.nan),
    "topology_sensitivity": (0, np.nan, np.nan),
    "volume_ratio": (0, np.nan, np.nan),
} | dict.fromkeys((name for name in METRICS if "detected" in name), (0, np.nan, np.nan))


@every_metric
def test_empty_masks_follow_the_stated_policy(name: str):
    empty = np.zeros((3, 4, 5), bool)
    some = empty.copy()
    some[1, 1, 1:3] = True
    pairs = ((empty, some), (some, empty), (empty, empty))
    got = tuple(METRICS[name](*pair) for pair in pairs)
    assert got == pytest.approx(EMPTY[name], nan_ok=True)
