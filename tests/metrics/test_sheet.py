"""A mask that lies in one slice of a volume is a sheet, not an image."""

import numpy as np
import pytest

from tubekit import metrics


@pytest.mark.parametrize("axis", range(3))
def test_the_report_and_the_single_functions_see_the_same_sheet(rng, axis):
    pred, target = np.zeros((2, 9, 30, 30), bool)
    target[4, 5:25, 5:25] = rng.random((20, 20)) < 0.8
    pred[4, 7:25, 5:28] = rng.random((18, 23)) < 0.8
    pred, target = np.moveaxis(pred, 0, axis), np.moveaxis(target, 0, axis)
    found = metrics.case_report(pred, target).values
    # Every voxel of a sheet is surface.
    distances = metrics.surface_distances(pred, target, (1.0, 1.0, 1.0))
    assert len(distances.pooled) == pred.sum() + target.sum()
    for name in ("assd", "hausdorff", "cldice", "centerline_f1", "dice_small", "betti_error_1"):
        assert found[name] == getattr(metrics, name)(pred, target), name
