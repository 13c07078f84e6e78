"""A whole case: names, classes, means."""

import numpy as np
import pytest

from tubekit import metrics

TWO = {"dice": metrics.dice, "recall": metrics.recall}
THREE = TWO | {"betti_error_0": metrics.betti_error_0}  # 0 where both masks are empty


def labels() -> tuple[np.ndarray, np.ndarray]:
    """Class 1 half found; class 2 called 1; class 3 absent; class 4 invented."""
    target, pred = np.zeros((5, 8), int), np.zeros((5, 8), int)
    target[0], pred[0, :4] = 1, 1
    target[2, :4], pred[2, :4] = 2, 1
    pred[4, 0] = 4
    return pred, target


def test_binary_cases_use_plain_names():
    pred, target = (x > 0 for x in labels())
    own = TWO | {"hd95": metrics.hd95}
    result = metrics.evaluate_case(pred, target, spacing=(0.5, 0.5), metrics=own)
    assert list(result) == list(own)
    for name, metric in own.items():
        assert result[name] == metric(pred, target, spacing=(0.5, 0.5))


def test_classes_mean_and_union():
    result = metrics.evaluate_case(*labels(), metrics=THREE, classes=4)
    expected = {
        "dice/1": 2 * 4 / (8 + 8),
        "dice/2": 0,
        "dice/3": np.nan,  # both empty
        "dice/4": 0,
        # Class 3 is nowhere and does not count; the invented class 4 does.
        "dice/mean": (0.5 + 0 + 0) / 3,
        "dice/union": 2 * 8 / (9 + 12),
        "recall/1": 0.5,
        "recall/2": 0,
        "recall/3": np.nan,
        "recall/4": np.nan,
        "recall/mean": 0.25,
        "recall/union": 8 / 12,
        "betti_error_0/1": 1,
        "betti_error_0/2": 1,
        "betti_error_0/3": 0,
        "betti_error_0/4": 1,
        "betti_error_0/mean": 1,
        "betti_error_0/union": 1,
    }
    assert list(result) == list(expected)
    assert result == pytest.approx(expected, nan_ok=True)


def test_nothing_anywhere_has_no_mean():
    empty = np.zeros((4, 4), int)
    result = metrics.evaluate_case(empty, empty, metrics=TWO, classes=2)
    assert np.isnan(result["dice/mean"])
    assert np.isnan(result["dice/union"])


def test_errors():
    pred, target = labels()
    with pytest.raises(ValueError, match=r"pred must lie in 0\.\.3, got 0\.\.4"):
        metrics.evaluate_case(pred, target, metrics=TWO, classes=3)
    with pytest.raises(ValueError, match="target must hold integer classes"):
        metrics.evaluate_case(pred, target / 2, metrics=TWO, classes=4)
    with pytest.raises(ValueError, match="expected equal shapes"):
        metrics.evaluate_case(pred, target.T, metrics=TWO, classes=4)


@pytest.mark.parametrize("kind", ["u1", "u2", "<u4", ">i2", ">u2", "i8"])
def test_every_integer_type_of_a_file_is_a_label(kind):
    pred, target = labels()
    expected = metrics.evaluate_case(pred, target, metrics=TWO, classes=4)
    found = metrics.evaluate_case(pred.astype(kind), target.astype(kind), metrics=TWO, classes=4)
    assert found == pytest.approx(expected, nan_ok=True)
    mirrored = metrics.evaluate_case(pred[::-1], target[::-1], metrics=TWO, classes=4)
    assert mirrored == pytest.approx(expected, nan_ok=True)
