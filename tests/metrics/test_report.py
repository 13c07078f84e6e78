"""The case report: every number equal to the single function's, every part computed once."""

import json

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tubekit import metrics
from tubekit.geometry import skeletonize
from tubekit.metrics import calibre_dice, centerline, parts, surface_distance, topology

from . import test_contract as contract

EVERY = {"hd95": ("max", "pooled", "area"), "nsd": ("count", "area")}
SINGLE = {name: metric for name, metric in contract.METRICS.items() if not name.startswith("nsd")}
SINGLE |= {"nsd_1mm": contract.METRICS["nsd"], "nsd_1mm_area": contract.METRICS["nsd_area"]}


def same(value: float, other: float) -> bool:
    return value == other or (np.isnan(value) and np.isnan(other))


def pair(shape: tuple[int, ...] = (9, 14, 11)) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    target = np.zeros(shape, bool)
    inner = tuple(slice(3, n - 1) for n in shape)
    target[inner] = rng.random(target[inner].shape) > 0.4
    pred = np.roll(target, 1, -1) & (rng.random(shape) > 0.1)
    return pred, target


@settings(max_examples=60, deadline=None)
@given(masks=contract.masks)
def test_equals_the_single_functions_to_the_last_digit(masks):
    pred, target = masks
    spacing = (0.7, 1.3, 2.0)[: pred.ndim]
    found = metrics.case_report(pred, target, spacing=spacing, **EVERY).values
    for name, value in found.items():
        assert same(value, SINGLE[name](pred, target, spacing=spacing)), name
    assert set(SINGLE) - set(found) <= {"betti_error_2"}


TWO_VOXELS = np.zeros((4, 5, 3), bool)
TWO_VOXELS[:2, 1, 2] = True  # the thinning loses it and thins it again: wherever it lies


@settings(max_examples=40, deadline=None)
@example(mask=TWO_VOXELS, low=(0, 1, 0), high=(0, 0, 0))
@given(
    mask=hnp.arrays(bool, (4, 5, 3)),
    low=st.tuples(*[st.integers(0, 4)] * 3),
    high=st.tuples(*[st.integers(0, 4)] * 3),
)
def test_background_around_the_masks_changes_one_number(mask, low, high):
    """Cropping is exact: only the rate that counts background knows the size of the image."""
    other = np.roll(mask, 1, 0) ^ np.eye(5, 3, dtype=bool)
    margin = list(zip(low, high, strict=True))
    small = metrics.case_report(mask, other).values
    large = metrics.case_report(np.pad(mask, margin), np.pad(other, margin)).values
    for name in small:
        if name != "false_positive_rate":
            # A mean over distances in the same order: equal, not nearly equal.
            assert same(small[name], large[name]), name


def test_every_part_is_computed_once(monkeypatch):
    calls: dict[str, int] = {}

    def counted(module, name: str) -> None:
        original = getattr(module, name)

        def wrapper(*args, **kwargs):
            calls[name] = calls.get(name, 0) + 1
            return original(*args, **kwargs)

        monkeypatch.setattr(module, name, wrapper)

    counted(centerline, "skeletonize")
    counted(calibre_dice, "skeletonize")  # never: the report gives the target's lines
    counted(parts, "volume_distances")
    counted(surface_distance, "surface")
    counted(surface_distance, "nearest_distances")
    counted(topology, "betti_numbers")
    counted(parts, "counts")
    counted(parts, "reference_tree")
    metrics.case_report(*pair(), tolerances_mm=(0.5, 1.0, 2.0), hd95=("max", "pooled"))
    assert calls == {
        "skeletonize": 2,
        "volume_distances": 1,
        "surface": 2,
        "nearest_distances": 2,
        "betti_numbers": 2,
        "counts": 1,
        "reference_tree": 1,
    }


def test_tolerances_and_definitions_are_named():
    pred, target = pair()
    found = metrics.case_report(pred, target, tolerances_mm=(0.5, 2), hd95=("area",), nsd=("area",))
    for tolerance in (0.5, 2):
        expected = metrics.nsd(pred, target, tolerance_mm=tolerance, definition="area")
        assert found.values[f"nsd_{tolerance}mm_area"] == expected
    assert "by area" in found.definitions["hd95_area"]
    assert "0.5 mm" in found.definitions["nsd_0.5mm_area"]
    assert "hd95" not in found.values


def test_classes_are_those_of_evaluate_case():
    rng = np.random.default_rng(0)
    target = rng.integers(0, 4, (7, 8, 9))
    pred = np.where(rng.random(target.shape) > 0.2, target, 3)
    target[target == 3] = 0  # class 3 is invented
    spacing = (2.0, 1.0, 0.5)
    found = metrics.case_report(pred, target, spacing=spacing, classes=3)
    single = {name: m for name, m in SINGLE.items() if name in found.definitions}
    expected = metrics.evaluate_case(pred, target, spacing=spacing, classes=3, metrics=single)
    assert set(found.values) == set(expected)
    for name, value in expected.items():
        assert same(found.values[name], value), name


@pytest.mark.parametrize("shape", [(8, 9), (1, 12), (6, 1, 7), (5, 6, 7)])
def test_views_and_thin_images(shape: tuple[int, ...]):
    rng = np.random.default_rng(2)
    pred, target = rng.random(shape) > 0.5, rng.random(shape) > 0.5
    plain = metrics.case_report(pred, target).values
    wide = [np.repeat(m, 2, axis=-1)[..., ::2] for m in (pred, target)]
    upside = [np.flip(m).copy()[(slice(None, None, -1),) * m.ndim] for m in (pred, target)]
    for masks in (wide, upside, [np.asfortranarray(pred), target.astype(np.uint8)]):
        again = metrics.case_report(*masks).values
        assert all(same(plain[name], again[name]) for name in plain)
    labels = [m.astype(int)[..., ::-1] for m in (pred, target)]
    assert metrics.case_report(*labels, classes=2).values["dice/1"] == plain["dice"]


@pytest.mark.parametrize("which", [0, 1, 2])
def test_empty_masks_follow_the_policy_that_the_report_states(which: int):
    empty, some = np.zeros((3, 4, 5), bool), np.zeros((3, 4, 5), bool)
    some[1, 1, 1:3] = True
    masks = ((empty, some), (some, empty), (empty, empty))[which]
    found = metrics.case_report(*masks, **EVERY)
    for name, value in found.values.items():
        expected = contract.EMPTY[name.replace("_1mm", "")][which]
        assert same(value, expected), name
        stated = found.policy[name].split(", ")
        word = stated[which] if len(stated) == 3 else stated[0]
        if word == "undefined":
            assert np.isnan(value), name
        elif word == "defined":
            assert np.isfinite(value), name
        elif word == "0 or undefined":
            assert value == 0 or np.isnan(value), name
        else:
            assert value == float(word), name


def test_forms():
    found = metrics.case_report(*(m > 0 for m in pair()), spacing=(2.0, 0.5, 0.5))
    assert all(f"\n{name} " in f"\n{found}" for name in found.values)
    assert "2 x 0.5 x 0.5 mm" in str(found)
    html = found._repr_html_()
    assert html.count("<tr>") == 1 + len(found.values)
    empty = np.zeros((2, 2), bool)
    plain = json.loads(json.dumps(metrics.case_report(empty, empty).to_dict(), allow_nan=False))
    assert plain["values"]["hd95"] is None
    assert plain["values"]["dice"] is None
    assert plain["spacing"] == [1.0, 1.0]


def test_errors():
    pred, target = pair()
    for message, more in (
        ("definition must be one of 'max', 'pooled', 'area'", {"hd95": ("mean",)}),
        ("definition must be one of 'count', 'area'", {"nsd": ("max",)}),
        ("tolerance_mm must be at least 0", {"tolerances_mm": (-1.0,)}),
        ("spacing needs one positive value per axis", {"spacing": (1.0,)}),
        (r"pred must lie in 0\.\.2, got 0\.\.5", {"classes": 2}),
    ):
        with pytest.raises(ValueError, match=message):
            metrics.case_report(pred * 5 if "classes" in more else pred, target, **more)
    with pytest.raises(ValueError, match="pred must be binary"):
        metrics.case_report(pred * 2, target)
    with pytest.raises(ValueError, match="expected equal shapes"):
        metrics.case_report(pred, target[1:])
    with pytest.raises(ValueError, match="pred must have 2 or 3 axes"):
        metrics.case_report(pred[None].astype(int), target[None].astype(int), classes=2)


def test_a_bar_that_thinning_would_lose_has_one_skeleton_wherever_it_lies():
    """Lost objects are thinned by sub-lattices, which must be those of the object."""
    for sides in ((2, 2, 6), (4, 4, 4), (2, 4, 6), (2, 2, 2)):
        mask = np.zeros(tuple(n + 4 for n in sides), bool)
        mask[tuple(slice(1, 1 + n) for n in sides)] = True
        line = skeletonize(mask)
        assert np.array_equal(skeletonize(mask[1:, 1:, 1:]), line[1:, 1:, 1:])
        assert metrics.case_report(mask, line).values["topology_precision"] == 1
