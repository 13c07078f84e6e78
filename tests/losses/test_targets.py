"""Targets of one channel per class: ignored classes, narrow types; spacing as loaders join it."""

import pytest
import torch
import torch.nn.functional as F

from tubekit.losses import CrossEntropyLoss, HausdorffDTLoss, SoftDiceLoss

from .scenes import scene

close = torch.testing.assert_close


@pytest.mark.parametrize("ignored", [0, 1, 2, 255])
@pytest.mark.parametrize("kind", [torch.float32, torch.int64, torch.bool])
@pytest.mark.parametrize("make", [CrossEntropyLoss, SoftDiceLoss])
def test_an_ignored_class_of_one_hot_targets(make, kind: torch.dtype, ignored: int):
    at, loss = scene(3), make(ignore_index=ignored)
    masks = F.one_hot(at.target[:, 0], 3).movedim(-1, 1).to(kind)
    expected = loss(at.logits, at.target)
    assert expected > 0.1
    close(loss(at.logits, masks), expected)


@pytest.mark.parametrize("ignored", [0, 1])
def test_no_value_of_a_mask_can_be_ignored(ignored: int):
    with pytest.raises(ValueError, match=f"must be no value of a mask, got {ignored} with multi_l"):
        CrossEntropyLoss(multi_label=True, ignore_index=ignored)
    CrossEntropyLoss(multi_label=True, ignore_index=2)


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("channels", [2, 3, 40])
def test_shares_in_half_precision(kind: torch.dtype, channels: int):
    shares = (3 * torch.randn(2, channels, 16, 16)).softmax(1).to(kind)
    loss, logits = CrossEntropyLoss(), torch.randn(2, channels, 16, 16)
    close(loss(logits, shares), loss(logits, shares.float() / shares.float().sum(1, True)), **ROUGH)
    wrong = shares.clone()
    wrong[:, 0] *= 0.1
    with pytest.raises(ValueError, match="must sum to 1 in every voxel"):
        loss(logits, wrong)


ROUGH = {"rtol": 1e-2, "atol": 1e-2}


def test_shares_in_single_precision_stay_exact():
    shares = torch.full((1, 2, 4, 4), 0.501)
    with pytest.raises(ValueError, match="must sum to 1 in every voxel"):
        CrossEntropyLoss()(torch.zeros(1, 2, 4, 4), shares)


def test_spacing_that_a_loader_joined_axis_by_axis():
    """As many axes as samples: the rows may be either, so a list of tensors is refused."""
    at, rows = scene(3), [(1.0, 2.0), (0.5, 3.0)]
    joined = torch.utils.data.default_collate(rows)
    assert [v.tolist() for v in joined] == [[1.0, 0.5], [2.0, 3.0]]
    loss = HausdorffDTLoss()
    with pytest.raises(ValueError, match=r"a list of tensors.*torch.stack\(spacing, 1\) axes"):
        loss(at.logits, at.target, spacing=joined)
    expected = loss(at.logits, at.target, spacing=rows)
    close(loss(at.logits, at.target, spacing=torch.stack(joined, 1)), expected)
    one = [torch.tensor(1.0), torch.tensor(2.0)]  # a number per axis, of all samples
    close(loss(at.logits, at.target, spacing=one), loss(at.logits, at.target, spacing=(1.0, 2.0)))
