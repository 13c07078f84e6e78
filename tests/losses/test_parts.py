"""Losses made of losses: what they refuse, what they inherit, what a coarser level gets."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tubekit.geometry import tubed_skeleton
from tubekit.losses import (
    BoundaryLoss,
    CrossEntropyLoss,
    DeepSupervision,
    DiceCELoss,
    ForeignLoss,
    GrowthSuppressionLoss,
    HausdorffDTLoss,
    MixEquivalenceLoss,
    SegmentationLoss,
    SkeletonRecallLoss,
    SoftDiceLoss,
    WeightedSum,
)

from .scenes import one_hot, scene, two_levels

close = torch.testing.assert_close


def tubes(masks: Tensor) -> Tensor:
    drawn = [torch.from_numpy(tubed_skeleton(one.numpy())) for one in masks.flatten(0, 1)]
    return torch.stack(drawn).view(masks.shape).long()


# --- the tube of a coarser level


@pytest.mark.parametrize("channels", [2, 3])
def test_reskeletonising_one_hot_targets(channels: int):
    at = scene(channels)
    loss = DeepSupervision(SkeletonRecallLoss(), reskeletonise=True)
    expected = loss(two_levels(at.logits), at.target, tube=at.tube)
    close(loss(two_levels(at.logits), one_hot(at.target, channels), tube=at.tube), expected)


def test_reskeletonising_overlapping_classes():
    at, part = scene(3), SkeletonRecallLoss(multi_label=True)
    masks, levels = one_hot(at.target.clamp(max=1), 3), two_levels(at.logits)
    masks[:, 2, 2:9] = 1  # overlaps the tube of class 1
    small, tube = masks[..., 1::2, 1::2], tubes(masks)
    value = DeepSupervision(part, reskeletonise=True)(levels, masks, tube=tube)
    coarse = part(levels.deep[0], small, tube=tubes(small))
    close(value, (2 * part(at.logits, masks, tube=tube) + coarse) / 3)


@pytest.mark.parametrize("ignored", [-1, 255])
def test_reskeletonising_leaves_out_what_is_ignored(ignored: int):
    """A list of targets keeps such labels, and no skeleton may run through them."""
    at, part = scene(3), SkeletonRecallLoss(ignore_index=ignored)
    levels, small = two_levels(at.logits), at.target[..., 1::2, 1::2].clone()
    small[..., 2:4] = ignored
    loss = DeepSupervision(part, [0.0, 1.0], reskeletonise=True)
    known = small.where(small != ignored, 0)
    expected = part(levels.deep[0], small, tube=tubes(known))
    close(loss(levels, [at.target, small], tube=at.tube), expected)
    plain = DeepSupervision(SkeletonRecallLoss(), [0.0, 1.0], reskeletonise=True)
    valid = [torch.ones_like(at.target, dtype=torch.bool), small != ignored]
    found = plain(levels, [at.target, small.where(valid[1], 2)], valid=valid, tube=at.tube)
    close(found, expected)


# --- what joins samples


@pytest.mark.parametrize(
    "part",
    [
        MixEquivalenceLoss(),
        GrowthSuppressionLoss(),
        GrowthSuppressionLoss(suppression=0),
        WeightedSum([GrowthSuppressionLoss(suppression=0)], [1.0]),
    ],
)
@pytest.mark.parametrize("reduction", ["sum", "none"])
def test_no_wrapper_splits_a_mixture(part: SegmentationLoss, reduction: str):
    for make in (DeepSupervision, lambda one, **options: WeightedSum([one], [1.0], **options)):
        make(part)
        with pytest.raises(ValueError, match=f"a mixture joins samples, got .*{reduction}"):
            make(part, reduction=reduction)


# --- voxels that do not count


def test_valid_of_every_level_beside_one_target_with_ignored_labels():
    at, levels = scene(3), two_levels(scene(3).logits)
    target = at.target.where(torch.arange(10) < 5, 255)
    small = target[..., 1::2, 1::2]
    valid = [torch.ones_like(target, dtype=torch.bool), torch.ones_like(small, dtype=torch.bool)]
    valid[1][..., :2, :] = False
    part = CrossEntropyLoss(ignore_index=255)
    expected = part(levels.deep[0], small, valid=valid[1])
    for given in (target, one_hot(at.target, 3).where(target != 255, 255)):
        close(DeepSupervision(part, [0.0, 1.0])(levels, given, valid=valid), expected)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_cross_entropy_of_torch_where_voxels_are_ignored(reduction: str):
    at, part = scene(3), nn.CrossEntropyLoss(reduction=reduction)
    loss = WeightedSum([part], [1.0], ignore_index=255)
    target = at.target.where(torch.arange(10) < 5, 255)
    kept = F.cross_entropy(at.logits[..., :5], target[:, 0, :, :5], reduction="none")
    close(loss(at.logits, target), kept.sum() if reduction == "sum" else kept.mean())
    logits = at.logits.clone().requires_grad_()
    value = loss(logits, torch.full_like(target, 255))
    value.backward()
    assert value == 0
    assert (logits.grad == 0).all()


# --- options of parts


def wrappers(loss: nn.Module, **options) -> list[SegmentationLoss]:
    return [DeepSupervision(loss, **options), WeightedSum([loss], [1.0], **options)]


def test_bare_foreign_losses_take_overlapping_classes():
    at = scene(3)
    masks = (torch.rand(at.logits.shape) > 0.6).float()
    expected = F.binary_cross_entropy_with_logits(at.logits, masks)
    for loss in wrappers(nn.BCEWithLogitsLoss(), multi_label=True):
        close(loss(at.logits, masks), expected)


def test_options_of_a_foreign_loss_are_kept():
    at = scene(3)
    target = at.target.where(at.target < 2, 255)
    expected = F.cross_entropy(at.logits, target[:, 0], ignore_index=255)
    for loss in wrappers(ForeignLoss(nn.CrossEntropyLoss(), ignore_index=255)):
        close(loss(at.logits, target), expected)
    given = {"multi_label": True, "validate": False}
    for loss in wrappers(ForeignLoss(nn.BCEWithLogitsLoss(), **given)):
        assert {name: getattr(loss, name) for name in given} == given
    for part in (ForeignLoss(nn.BCEWithLogitsLoss()), DiceCELoss()):
        with pytest.raises(ValueError, match="multi_label must be that of the parts, False, got T"):
            DeepSupervision(part, multi_label=True)


# --- spacing and weights of levels


def sum_with_dice(**options) -> WeightedSum:
    return WeightedSum([SoftDiceLoss(), HausdorffDTLoss(**options)], [0.5, 1.0])


@pytest.mark.parametrize("make", [HausdorffDTLoss, sum_with_dice])
def test_millimetres_of_the_loss_grow_with_the_voxels(make: Callable[..., SegmentationLoss]):
    at, levels = scene(3), two_levels(scene(3).logits)
    own, loss = (1.0, 2.0), DeepSupervision(make(spacing=(1.0, 2.0)), [0.0, 1.0])
    expected = make()(levels.deep[0], at.target[..., 1::2, 1::2], spacing=(2.0, 4.0))
    close(loss(levels, at.target), expected)
    close(loss(levels, at.target, spacing=None), expected)
    close(DeepSupervision(make(), [0.0, 1.0])(levels, at.target, spacing=own), expected)
    # A call's own goes first.
    once = make()(levels.deep[0], at.target[..., 1::2, 1::2], spacing=(6.0, 2.0))
    close(loss(levels, at.target, spacing=(3.0, 1.0)), once)
    parts = [HausdorffDTLoss(spacing=own), HausdorffDTLoss()]
    with pytest.raises(ValueError, match="all parts must have the same spacing"):
        DeepSupervision(WeightedSum(parts, [1.0, 1.0]))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_a_level_of_weight_0_does_not_count(reduction: str):
    at, coarse = scene(3), torch.full((2, 3, 6, 5), torch.nan, dtype=torch.bfloat16)
    coarse.requires_grad_()
    loss = DeepSupervision(SoftDiceLoss(), as_released=True, reduction=reduction)
    value = loss([at.logits, coarse], at.target)
    value.sum().backward()
    alone = torch.stack([SoftDiceLoss()(at.logits[[i]], at.target[[i]]) for i in range(2)])
    close(value, {"mean": alone.mean(), "sum": alone.sum(), "none": alone}[reduction])
    assert (coarse.grad == 0).all()
    with pytest.raises(ValueError, match="must have shape"):
        loss([at.logits, coarse[:1]], at.target)


# --- weights of classes and voxels that do not count


@pytest.mark.parametrize("make", [BoundaryLoss, HausdorffDTLoss])
def test_equal_weights_change_nothing(make: Callable[..., SegmentationLoss]):
    """Though samples have different numbers of valid voxels."""
    at = scene(3)
    valid = torch.ones_like(at.target, dtype=torch.bool)
    valid[0, ..., 3:] = False
    maps = at.maps(make()) | {"valid": valid}
    expected = make()(at.logits, at.target, **maps)
    close(make(weight=[1.0] * 3)(at.logits, at.target, **maps), expected)
    only = [make(weight=w)(at.logits, at.target, **maps) for w in ([0, 2.0, 0], [5.0, 0, 2.0])]
    close((only[0] + only[1]) / 2, expected)
