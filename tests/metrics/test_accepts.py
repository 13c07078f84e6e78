"""What people have instead of a fresh array of bools: every public function of metrics takes it.

Whoever exports a function adds a line to ``CALLS``; the first test says so.
"""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from tubekit import metrics

SPACING = (2.0, 0.5, 1.0)
SHAPE = (5, 9, 8)


def two_masks() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    target = np.zeros(SHAPE, bool)
    target[1:4, 2:6] = rng.random((3, 4, 8)) > 0.3
    return np.roll(target, 1, 2), target


# name: call with two masks and a spacing, of whatever kind.
CALLS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "betti_errors": lambda p, t, s: metrics.betti_errors(p, t, spacing=s, tile=(3, 4, 8)),
    "branch_report": lambda p, t, s: metrics.branch_report(p, t, spacing=s),
    "case_report": lambda p, t, s: metrics.case_report(p, t, spacing=s).values,
    "counts": lambda p, t, s: metrics.counts(p, t, spacing=s),
    "diameter_map": lambda p, t, s: metrics.diameter_map(t, spacing=s),
    "dice_by_diameter": lambda p, t, s: metrics.dice_by_diameter(p, t, spacing=s, bounds_mm=[1, 2]),
    "evaluate_case": lambda p, t, s: metrics.evaluate_case(
        p, t, spacing=s, metrics={"assd": metrics.assd, "cldice": metrics.cldice}
    ),
    "nsd": lambda p, t, s: metrics.nsd(p, t, spacing=s, tolerance_mm=0.5),
    "reference_tree": lambda p, t, s: metrics.reference_tree(t),
    "roc_curve": lambda p, t, s: metrics.roc_curve(p, t, valid=np.ones(SHAPE, bool)),
    "surface_distances": lambda p, t, s: metrics.surface_distances(p, t, s, weighted=True),
}
CALLS |= {
    name: lambda p, t, s, name=name: getattr(metrics, name)(p, t, spacing=s)
    for name in (
        *("assd", "average_hausdorff", "betti_difference_0", "betti_error_0", "betti_error_1"),
        *("betti_error_2", "branches_detected", "centerline_f1", "cldice", "dice", "dice_large"),
        *("dice_medium", "dice_small", "false_positive_rate", "hallucination_rate", "hausdorff"),
        *("hd95", "iou", "precision", "recall", "topology_precision", "topology_sensitivity"),
        *("tree_length_detected", "volume_ratio"),
    )
}


def memory_map(mask: np.ndarray, folder: Path) -> np.ndarray:
    file = folder / f"{len(list(folder.iterdir()))}.npy"
    np.save(file, mask.astype(np.uint8))
    return np.load(file, mmap_mode="r")


def locked(mask: np.ndarray) -> np.ndarray:
    copy = mask.copy()
    copy.flags.writeable = False
    return copy


def mirrored(mask: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(mask[::-1, :, ::-1])[::-1, :, ::-1]


KINDS: dict[str, Callable[[np.ndarray, Path], Any]] = {
    "read-only": lambda m, _: locked(m),
    "memory map": memory_map,
    "mirrored": lambda m, _: mirrored(m),
    "every second": lambda m, _: np.repeat(m, 2, axis=1)[:, ::2],
    "columns first": lambda m, _: np.asfortranarray(m),
    "MetaTensor": lambda m, _: MetaTensor(torch.from_numpy(m.astype(np.float32))),
    "with gradient": lambda m, _: torch.from_numpy(m.astype(np.float32)).requires_grad_(),
    **{
        kind: lambda m, _, kind=kind: m.astype(kind)
        for kind in ("u1", "u2", "u4", "u8", "i1", ">i2", ">u4", ">f4", "f2", "f4", "f8", "?")
    },
    **{
        f"tensor of {kind}": lambda m, _, kind=kind: torch.from_numpy(m).to(kind)
        for kind in (torch.bool, torch.uint8, torch.int64, torch.float16, torch.bfloat16)
    },
}
SPACINGS: dict[str, Any] = {
    "list": list(SPACING),
    "array": np.array(SPACING),
    "read-only big-endian": locked(np.array(SPACING, ">f4")),
    "numbers of NumPy": [np.float32(s) for s in SPACING],
    "tensor": torch.tensor(SPACING),
    "whole numbers": [4, 1, 2],
}


def test_every_public_function_is_called():
    functions = {n for n in metrics.__all__ if inspect.isfunction(getattr(metrics, n))}
    assert functions == set(CALLS)


@pytest.mark.parametrize("name", CALLS)
def test_kinds_of_arrays(name: str, tmp_path: Path):
    pred, target = two_masks()
    expected = CALLS[name](pred, target, SPACING)
    for kind, made in KINDS.items():
        found = CALLS[name](made(pred, tmp_path), made(target, tmp_path), SPACING)
        np.testing.assert_equal(found, expected, err_msg=kind)
        mixed = CALLS[name](pred, made(target, tmp_path), SPACING)
        np.testing.assert_equal(mixed, expected, err_msg=f"{kind}, with a plain prediction")


@pytest.mark.parametrize("name", CALLS)
def test_kinds_of_spacing(name: str):
    pred, target = two_masks()
    for kind, spacing in SPACINGS.items():
        plain = tuple(float(s) for s in spacing)
        found = CALLS[name](pred, target, spacing)
        np.testing.assert_equal(found, CALLS[name](pred, target, plain), err_msg=kind)


@pytest.mark.parametrize("kind", ["u1", "u2", "u4", "u8", "i1", "i2", ">i4", "i8", ">u2"])
def test_labels_of_every_integer_type(kind: str):
    rng = np.random.default_rng(4)
    target = rng.integers(0, 3, SHAPE)
    pred = np.where(rng.random(SHAPE) > 0.2, target, 1)
    expected = metrics.case_report(pred, target, classes=2).values
    for classes in (np.int64(2), [1, 2], (np.uint8(1), np.int16(2)), np.array([1, 2])):
        found = metrics.case_report(pred.astype(kind), target.astype(kind), classes=classes)
        np.testing.assert_equal(found.values, expected)
    tensors = (torch.from_numpy(x) for x in (pred, target))
    np.testing.assert_equal(metrics.case_report(*tensors, classes=2).values, expected)


def test_counts_of_numpy(unchecked):
    pred, target = two_masks()
    expected = metrics.betti_errors(pred, target, tile=(3, 3, 3))
    for tile in (3, np.int64(3), [np.int64(3)] * 3, (np.uint8(3), 3, np.int32(3))):
        assert metrics.betti_errors(pred, target, tile=tile) == expected
    for tile in (True, 3.0, "333"):
        with pytest.raises(ValueError, match="tile"):
            metrics.betti_errors(pred, target, tile=tile)


def test_a_list_of_lists_is_told_what_to_do(unchecked):
    with pytest.raises(ValueError, match="pred must be an array, got list; convert it with"):
        metrics.dice([[1, 0]], [[1, 0]])
