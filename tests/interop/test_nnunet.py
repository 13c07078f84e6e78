"""What an nnU-Net trainer is given, without nnU-Net; ``make nnunet`` tests it inside."""

import pytest
import torch
from torch import nn

from tubekit.geometry import tubed_skeleton
from tubekit.interop.nnunet import TRAINERS, WithLoss, WithSkeletonRecall, WithSoftClDice
from tubekit.interop.nnunet_parts import LossSum, TargetMaps
from tubekit.losses import (
    DiceCELoss,
    SegmentationLoss,
    SkeletonRecallLoss,
    SoftClDiceLoss,
    WeightedSum,
)

CPU = torch.device("cpu")
GRIDS = {2: (16, 24), 3: (8, 16, 12)}


class Squares(nn.Module):
    """Stands for nnU-Net's loss over three levels."""

    weight_factors = (0.5, 0.5, 0.0)

    def forward(self, output, target):
        return sum(
            w * (o**2).mean() + t.float().mean()
            for w, o, t in zip(self.weight_factors, output, target, strict=True)
        )


class OneSquare(nn.Module):
    def forward(self, output, target):
        return (output**2).mean() + target.float().mean()


def label_map(ndim):
    """A thick bar of class 1, a thin one of class 2, an ignored corner of class 3."""
    label = torch.zeros((1, *GRIDS[ndim]), dtype=torch.int16)
    label[..., 2:9, 1:11] = 1
    label[..., 11, 3:9] = 2
    label[..., :4, :4] = 3
    return label


def tube_of(label, **more):
    return torch.from_numpy(tubed_skeleton(label[0].numpy(), **more))[None]


def batch_of(levels):
    """Two equal samples of every level, as the loader stacks them."""
    return {"data": None, "target": [torch.stack([level, level]) for level in levels]}


def halves(label):
    return [label, label[..., ::2, ::2], label[..., ::4, ::4]]


@pytest.mark.parametrize("ndim", [2, 3])
def test_maps_are_appended_as_channels(ndim):
    label = label_map(ndim)
    add = TargetMaps(("tube", "skeleton"), regions=0, ignore_label=3)
    done = add(image="kept", segmentation=label)
    assert done["image"] == "kept"
    extended = done["segmentation"]
    assert extended.dtype == torch.int16
    assert torch.equal(extended[:1], label)
    assert torch.equal(extended[1:2], tube_of(label, ignore_label=3))
    assert torch.equal(extended[2:3], tube_of(label, radius=0, ignore_label=3))
    assert torch.equal(label, label_map(ndim))


def test_a_list_gets_maps_level_by_level():
    levels = halves(label_map(3))
    done = TargetMaps(("tube",), 0, 3)(segmentation=levels)["segmentation"]
    for level, extended in zip(levels, done, strict=True):
        assert torch.equal(extended, torch.cat([level, tube_of(level, ignore_label=3)]))


def test_every_region_has_its_own_tube_and_the_ignored_none():
    label = label_map(2)
    regions = torch.cat([(label == 1) | (label == 2), label == 2, label == 3])
    done = TargetMaps(("tube",), 2, 3)(segmentation=regions)["segmentation"]
    assert done.dtype == torch.bool
    assert done.shape[0] == 5
    for r in range(2):
        assert torch.equal(done[3 + r], tube_of(regions[r : r + 1])[0])


@pytest.mark.parametrize("ignore", [None, 3])
@pytest.mark.parametrize(
    "added",
    [
        SkeletonRecallLoss("batch"),
        SoftClDiceLoss(iterations=2),
        WeightedSum([DiceCELoss(), SkeletonRecallLoss()], [1.0, 2.0]),
    ],
    ids=["srl", "cldice", "sum"],
)
@pytest.mark.parametrize("ndim", [2, 3])
def test_the_sum_of_all_levels(ndim, added, ignore):
    label = label_map(ndim)
    label[label == 3] = 3 if ignore else 0
    levels = halves(label)
    add = TargetMaps(added.needs, 0, ignore)
    batch = batch_of([add(segmentation=s)["segmentation"] if added.needs else s for s in levels])
    output = [torch.randn(2, 3, *s.shape[1:]).requires_grad_() for s in levels]
    both = LossSum(Squares(), added, 0.3, 0, ignore)
    expected = Squares()(output, [torch.stack([s, s]) for s in levels])
    for logits, level in zip(output[:2], levels[:2], strict=True):
        stacked = torch.stack([level, level])
        tube = torch.stack([tube_of(level, ignore_label=ignore)] * 2)
        valid = None if ignore is None else stacked != ignore
        more = {} if valid is None else {"valid": valid}
        maps = {name: tube for name in added.needs}
        clean = stacked if valid is None else stacked * valid
        expected = expected + 0.3 * 0.5 * added(logits, clean, **maps, **more)
    with both.lent(batch, CPU) as own:
        assert [t.shape[1] for t in own["target"]] == [1, 1, 1]
        value = both(output, own["target"])
    torch.testing.assert_close(value, expected)
    value.backward()
    assert output[1].grad.abs().sum() > 0
    assert not output[2].grad.any()


@pytest.mark.parametrize(
    "added", [SkeletonRecallLoss(), SoftClDiceLoss(iterations=2)], ids=["srl", "cldice"]
)
def test_regions_are_averaged_binary_problems(added):
    label = label_map(2)
    regions = torch.cat([(label == 1) | (label == 2), label == 2, label == 3])
    extended = TargetMaps(added.needs, 2, 3)(segmentation=regions)["segmentation"]
    batch = {"target": extended[None]}
    logits = torch.randn(1, 2, *GRIDS[2])
    both = LossSum(OneSquare(), added, 1.0, 2, 3)
    with both.lent(batch, CPU) as own:
        assert own["target"].dtype == torch.bool
        assert torch.equal(own["target"], regions[None])
        value = both(logits, own["target"])
    terms = [
        added(
            logits[:, r : r + 1],
            regions[None, r : r + 1].long(),
            valid=~regions[None, 2:],
            **{name: tube_of(regions[r : r + 1].short())[None].long() for name in added.needs},
        )
        for r in range(2)
    ]
    torch.testing.assert_close(value, OneSquare()(logits, regions[None]) + sum(terms) / 2)


def test_half_precision_is_summed_in_float32():
    label = label_map(2)[None] % 3
    tube = tube_of(label[0])[None]
    both = LossSum(OneSquare(), SkeletonRecallLoss(), 1.0)
    logits = torch.randn(1, 3, *GRIDS[2]).to(torch.bfloat16)
    with both.lent({"target": torch.cat([label, tube], 1)}, CPU) as own:
        value = both(logits, own["target"]) - OneSquare()(logits, label)
    exact = SkeletonRecallLoss()(logits, label, tube=tube)
    torch.testing.assert_close(value.float(), exact, atol=2e-2, rtol=0)
    with both.lent({"target": torch.cat([label, tube], 1)}, CPU) as own:
        assert both._one_level(logits, label, both._maps[0]).dtype == torch.float32


def test_an_overflow_does_not_end_a_training():
    label = label_map(2)[None] % 3
    logits = torch.full((1, 3, *GRIDS[2]), float("inf"))
    both = LossSum(OneSquare(), SoftClDiceLoss(iterations=1), 1.0)
    assert not torch.isfinite(both(logits, label))


def test_the_maps_are_gone_after_the_step():
    both = LossSum(OneSquare(), SkeletonRecallLoss(), 1.0)
    label = label_map(2)[None] % 3
    batch = {"target": torch.cat([label, label], 1)}

    logits = torch.randn(1, 3, *GRIDS[2])

    def step(after):
        with both.lent(batch, CPU) as own:
            both(logits, own["target"])
            after()

    step(lambda: None)
    with pytest.raises(ZeroDivisionError):
        step(lambda: 1 / 0)
    with pytest.raises(TypeError, match="tube"):
        both(logits, label)


def test_weight_0_is_nnunet_s_loss_alone():
    logits = torch.randn(1, 3, *GRIDS[2])
    both = LossSum(OneSquare(), SoftClDiceLoss(), 0.0)
    assert torch.equal(both(logits, label_map(2)[None]), OneSquare()(logits, label_map(2)[None]))


class NeedsDistances(SegmentationLoss):
    needs = ("signed_distance",)


def test_what_cannot_be_added_is_refused():
    with pytest.raises(ValueError, match="added_weight"):
        LossSum(OneSquare(), SoftClDiceLoss(), -1.0)
    with pytest.raises(ValueError, match="signed_distance"):
        LossSum(OneSquare(), NeedsDistances(), 1.0)


class Trainer:
    def _build_loss(self):
        return OneSquare()


@pytest.mark.parametrize("mixin", [WithLoss, WithSkeletonRecall, WithSoftClDice])
def test_a_mixin_behind_the_trainer_is_refused(mixin):
    assert type("Right", (mixin, Trainer), {}).added_weight == 1.0
    with pytest.raises(TypeError, match="before the trainer Trainer"):
        type("Wrong", (Trainer, mixin), {})


def test_a_mixin_without_a_loss_says_so():
    with pytest.raises(TypeError, match="added_loss"):
        type("Empty", (WithLoss, Trainer), {})().added_loss()


@pytest.mark.parametrize(("batch_dice", "reduction"), [(True, "batch"), (False, "sample")])
def test_sums_are_pooled_as_nnunet_pools_its_dice(batch_dice, reduction):
    configuration = type("Configuration", (), {"batch_dice": batch_dice})
    for mixin in (WithSkeletonRecall, WithSoftClDice):
        made = type("Any", (mixin, Trainer), {"configuration_manager": configuration})()
        assert made.added_loss().reduction == reduction


def test_the_folder_of_trainers_is_there():
    assert {path.name for path in TRAINERS.glob("*.py")} == {
        "more_trainers.py",
        "tubekit_trainers.py",
    }
