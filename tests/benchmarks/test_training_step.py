"""Cost of a training step: what the skeleton of a prediction must keep, and what it need not."""

import numpy as np
import pytest
import torch

from tubekit.benchmarks.training_step import (
    CLASSES,
    METHODS,
    SIZES,
    AuthorsClDiceLoss,
    fig_6,
    measure_step,
)
from tubekit.losses import DiceCELoss, SkeletonRecallLoss, SoftClDiceLoss, WeightedSum
from tubekit.networks import UNet


def test_authors_cldice_keeps_its_skeleton_for_backward_and_ours_does_not():
    torch.manual_seed(0)
    image, target = torch.randn(1, 1, 16, 16, 16), torch.zeros(1, 1, 16, 16, 16).long()
    target[..., 4:8, 4:8, :] = 1
    network = UNet(3, 1, 1, features=(2, 4))
    added = (SkeletonRecallLoss(), SoftClDiceLoss(10), AuthorsClDiceLoss())
    plain, srl, lean, authors = (
        measure_step(network, made, image, target, repeats=1).saved_mb
        for made in (DiceCELoss(), *(WeightedSum([DiceCELoss(), a], [1.0, 1.0]) for a in added))
    )
    assert plain <= srl < authors
    assert plain <= lean < authors
    assert max(srl, lean) - plain < 0.2 * (authors - plain)


def test_both_forms_of_cldice_are_one_loss():
    torch.manual_seed(0)
    logits, target = torch.randn(2, 3, 12, 14), torch.randint(0, 3, (2, 1, 12, 14))
    ours, authors = SoftClDiceLoss(10)(logits, target), AuthorsClDiceLoss()(logits, target)
    assert ours.item() == pytest.approx(authors.item(), rel=1e-5)


def test_one_row_per_method_and_patch(monkeypatch):
    monkeypatch.setitem(SIZES, "smoke", ((32, 32), (8, 16, 16), (2, 4)))
    rows = fig_6("smoke", "cpu", repeats=1)
    assert [(len(r["patch"]), r["method"]) for r in rows] == [
        (n, m) for n in (2, 3) for m in METHODS
    ]
    assert all(np.isfinite(r["step_seconds"]) and r["peak_mb"] >= 0 for r in rows)
    assert CLASSES[0] == 1
    assert CLASSES[-1] == 14
