"""The naive metrics and the library's agree."""

import numpy as np
import pytest

from tubekit import geometry, metrics
from tubekit.plain import overlap, skeleton, surface

from .test_geometry import masks

PAIRS = [
    (pred, target)
    for ndim in (2, 3)
    for pred in masks(ndim)
    for target in masks(ndim)
    if pred.shape == target.shape and pred.any() and target.any()
]


@pytest.mark.parametrize("name", ["dice", "precision", "recall"])
def test_overlap(name: str):
    for pred, target in PAIRS:
        expected = getattr(overlap, name)(pred, target)
        assert getattr(metrics, name)(pred, target) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["hausdorff", "hd95", "assd"])
def test_distances(name: str):
    for pred, target in PAIRS[::3]:
        spacing = (2.0, 0.7, 1.3)[: pred.ndim]
        expected = getattr(surface, name)(pred, target, spacing)
        assert getattr(metrics, name)(pred, target, spacing=spacing) == pytest.approx(expected)


def test_cldice():
    for pred, target in PAIRS:
        lines = geometry.skeletonize(pred), geometry.skeletonize(target)
        with np.errstate(invalid="ignore"):
            expected = skeleton.cldice(pred, target, *lines)
        # Without any overlap the formula is 0 / 0; the metric says 0.
        assert metrics.cldice(pred, target) == pytest.approx(np.nan_to_num(expected))
