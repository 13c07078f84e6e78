"""Options that every loss takes: numbers of MONAI and torch, and what one look at values costs."""

from collections.abc import Callable

import monai.losses as monai
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from monai.data import MetaTensor
from torch import Tensor, nn

from tubekit.losses import (
    BoundaryLoss,
    CrossEntropyLoss,
    DeepSupervision,
    DiceCELoss,
    FocalLoss,
    HausdorffDTLoss,
    SegmentationLoss,
    SkeletonRecallLoss,
    SoftClDiceLoss,
    SoftDiceLoss,
    TverskyLoss,
    WeightedSum,
    hausdorff_dt,
)
from tubekit.losses.base import OPTIONS
from tubekit.types import SegOutput

from .scenes import EXAMPLES, Example, Scene, one_hot, scene

close = torch.testing.assert_close
every_loss = pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.name)
REDUCTIONS = ("mean", "sum", "none")


def agree(ours: SegmentationLoss, theirs: Callable[..., Tensor], at: Scene, *targets: Tensor):
    """Value and gradient; ``targets`` are ours and theirs."""
    results = []
    for loss, target in zip((ours, theirs), targets, strict=True):
        logits = at.logits.clone().requires_grad_()
        value = loss(logits, target)
        (gradient,) = torch.autograd.grad(value.sum(), logits)
        results.append((value.detach().flatten(), gradient))
    close(*results, rtol=1e-5, atol=1e-7)


# --- reduction, weights and background, as the peers have them


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weight", [None, [0.5, 1.0, 3.0]])
@pytest.mark.parametrize("ignored", [False, True])
def test_cross_entropy_of_torch(reduction: str, weight: list[float] | None, ignored: bool):
    at, target = scene(3, 3), scene(3, 3).target.clone()
    if ignored:
        target[..., :2] = 255
    theirs = nn.CrossEntropyLoss(
        weight=None if weight is None else torch.tensor(weight),
        reduction=reduction,
        ignore_index=255,
    )
    ours = CrossEntropyLoss(reduction=reduction, weight=weight, ignore_index=255)
    agree(ours, theirs, at, target, target[:, 0])


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weight", [None, [1.0, 3.0], [0.5, 1.0, 3.0]])
@pytest.mark.parametrize("background", [False, True])
@pytest.mark.parametrize("batch", [False, True])
def test_dice_of_monai(reduction: str, weight, background: bool, batch: bool):
    if weight and len(weight) != 2 + background:
        pytest.skip("MONAI wants a factor for each class that counts")
    at = scene(3)
    shared = {"include_background": background, "reduction": reduction, "batch": batch}
    theirs = monai.DiceLoss(
        to_onehot_y=True, softmax=True, smooth_nr=1e-5, smooth_dr=1e-5, weight=weight, **shared
    )
    ours = weight and [9.0] * (not background) + weight  # the background's, which does not count
    agree(SoftDiceLoss(weight=ours, **shared), theirs, at, at.target, at.target)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("background", [False, True])
def test_tversky_of_monai(reduction: str, background: bool):
    at = scene(3, 3)
    shared = {"include_background": background, "reduction": reduction}
    theirs = monai.TverskyLoss(
        to_onehot_y=True,
        softmax=True,
        alpha=0.3,
        beta=0.7,
        smooth_nr=1e-5,
        smooth_dr=1e-5,
        **shared,
    )
    agree(TverskyLoss(**shared), theirs, at, at.target, at.target)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("background", [False, True])
def test_hausdorff_of_monai(reduction: str, background: bool):
    at = scene(3)
    shared = {"include_background": background, "reduction": reduction}
    theirs = monai.HausdorffDTLoss(to_onehot_y=True, softmax=True, **shared)
    agree(HausdorffDTLoss(**shared), theirs, at, at.target, at.target)


@pytest.mark.parametrize("background", [False, True])
@pytest.mark.parametrize("weight", [None, [0.5, 1.0, 3.0]])
def test_dice_ce_of_monai(background: bool, weight: list[float] | None):
    at = scene(3)
    theirs = monai.DiceCELoss(
        include_background=background,
        to_onehot_y=True,
        softmax=True,
        weight=None if weight is None else torch.tensor(weight),
    )
    ours = DiceCELoss(include_background=background, weight=weight)
    agree(ours, theirs, at, at.target, at.target)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("alpha", [None, 0.25])
def test_focal_of_monai(gamma: float, alpha: float | None):
    at = scene(3)
    theirs = monai.FocalLoss(to_onehot_y=True, use_softmax=True, gamma=gamma, alpha=alpha)
    # MONAI's mean also divides by the number of channels.
    agree(FocalLoss(gamma, alpha), lambda x, y: 3 * theirs(x, y), at, at.target, at.target)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("alpha", [None, 0.25])
@pytest.mark.parametrize("channels", [1, 3])
def test_focal_by_hand(reduction: str, alpha: float | None, channels: int):
    """Equation 5 as torchvision writes it, for one channel and for several sigmoids."""
    at = scene(channels)
    masks = at.target.float() if channels == 1 else one_hot(at.target, 3)

    def written_out(logits: Tensor, target: Tensor) -> Tensor:
        p = logits.sigmoid()
        entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
        right = p * target + (1 - p) * (1 - target)
        values = entropy * (1 - right) ** 2
        if alpha is not None:
            values = values * (alpha * target + (1 - alpha) * (1 - target))
        return {"mean": values.mean(), "sum": values.sum(), "none": values}[reduction]

    ours = FocalLoss(2.0, alpha, reduction=reduction, multi_label=channels > 1)
    agree(ours, written_out, at, masks, masks)


def test_focal_counts_a_hard_voxel_as_the_paper_does():
    """A voxel of p = 0.9 has a hundredth of its cross-entropy, one of p = 0.1 81 hundredths."""
    odds = torch.logit(torch.tensor([0.9, 0.1], dtype=torch.float64)).view(1, 1, 1, 2)
    target = torch.ones((1, 1, 1, 2), dtype=torch.int64)
    found = FocalLoss(reduction="none")(odds, target).flatten()
    close(found, torch.tensor([0.01 * -np.log(0.9), 0.81 * -np.log(0.1)]))
    assert FocalLoss(gamma=0.0)(odds, target) == CrossEntropyLoss()(odds, target)
    with pytest.raises(ValueError, match=r"alpha must lie in \(0, 1\), got 1"):
        FocalLoss(alpha=1.0)


def test_one_channel_with_weights_is_two_with_softmax():
    at = scene(1)
    two = torch.cat([torch.zeros_like(at.logits), at.logits], 1)
    for reduction in REDUCTIONS:
        for make in (CrossEntropyLoss, FocalLoss):
            loss = make(weight=[0.5, 3.0], reduction=reduction)
            close(loss(at.logits, at.target), loss(two, at.target))


@every_loss
def test_none_and_sum_belong_to_the_mean(example: Example):
    at = scene(3)
    if example.name == "GrowthSuppressionLoss":
        with pytest.raises(ValueError, match=r"takes no reduction.*a mixture joins samples"):
            example(reduction="sum")
        return
    losses = {how: example(reduction=how).eval() for how in REDUCTIONS}
    values = {
        how: loss(example.as_input(at.logits), at.target, **at.maps(loss))
        for how, loss in losses.items()
    }
    assert values["none"].ndim > 0
    close(values["none"].sum(), values["sum"])
    absent = example.name in ("SoftRecallLoss", "SkeletonRecallLoss", "MixEquivalenceLoss")
    coupled = example.name in ("ReconnectionLoss", "DeepSupervision", "WeightedSum")
    if not absent and not coupled:  # of which the mean leaves some out
        close(values["none"].mean(), values["mean"])


@every_loss
def test_an_option_is_taken_or_refused_with_a_reason(example: Example):
    """Nothing is silently ignored: the value or the gradient moves."""
    at = scene(3)
    given = {"include_background": True, "weight": [0.5, 1.0, 3.0], "multi_label": True}
    for name, value in given.items():
        if name in example.make.refuses:
            reason = example.make.refuses[name]
            with pytest.raises(ValueError, match=f"takes no {name}, got .*: {reason}; leave it"):
                example(**{name: value})
        elif example.name not in ("WeightedSum", "DeepSupervision"):
            loss, plain = example(**{name: value}), example()
            maps = at.maps(plain) | {"target": at.target}
            if name == "multi_label":
                maps["target"] = one_hot(at.target, 3)
                if "tube" in maps:
                    maps["tube"] = one_hot(maps["tube"], 3).long()
            if "signed_distance" in maps and name != "weight":
                maps["signed_distance"] = 1 - 2 * one_hot(at.target, 3)
            found = loss(at.logits, **maps)
            usual = plain(at.logits, at.target, **at.maps(plain))
            assert found.isfinite()
            assert abs(found - usual) > 1e-6, f"{name} changes nothing"


# --- targets


@every_loss
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "kind",
    [np.uint8, np.uint16, np.uint32, np.uint64, np.int8, np.int32, np.float16, np.float64, bool],
)
def test_labels_of_any_type(example: Example, channels: int, kind: type):
    at, loss = scene(channels), example().eval()
    if kind is bool and channels > 1:
        at = at.with_(target=at.target.clamp(max=1), tube=at.tube.clamp(max=1))
    logits = example.as_input(at.logits)
    expected = loss(logits, at.target, **at.maps(loss))
    target = torch.from_numpy(at.target.numpy().astype(kind))
    assert loss(logits, target, **at.maps(loss)) == expected
    if "tube" in loss.needs and not issubclass(kind, np.floating):
        tube = torch.from_numpy(at.tube.numpy().astype(kind))
        assert loss(logits, target, tube=tube, **_but_tube(at, loss)) == expected


def _but_tube(at: Scene, loss: SegmentationLoss) -> dict[str, Tensor]:
    return {name: value for name, value in at.maps(loss).items() if name != "tube"}


@every_loss
def test_one_hot_targets_and_meta_tensors(example: Example):
    at, loss = scene(3), example().eval()
    logits = example.as_input(at.logits)
    expected = loss(logits, at.target, **at.maps(loss))
    close(loss(logits, one_hot(at.target, 3), **at.maps(loss)), expected)
    close(loss(logits, one_hot(at.target, 3).bool(), **at.maps(loss)), expected)
    maps = {name: MetaTensor(value) for name, value in at.maps(loss).items()}
    given = MetaTensor(at.logits) if logits is at.logits else logits
    found = loss(given, MetaTensor(at.target), **maps)
    assert type(found) is torch.Tensor
    assert found == expected


@every_loss
def test_one_hot_targets_beside_voxels_that_do_not_count(example: Example):
    at, loss = scene(3), example().eval()
    valid = torch.ones_like(at.target, dtype=torch.bool)
    valid[..., 6:] = False
    given = at.maps(loss) | {"valid": valid}
    expected = loss(example.as_input(at.logits), at.target, **given)
    shares = one_hot(at.target, 3)
    close(loss(example.as_input(at.logits), shares, **given), expected)
    if not isinstance(loss, DeepSupervision):
        shares[0, 0, 0, 0] += 1  # here it counts
        with pytest.raises(ValueError, match=r"must lie in 0\.\.1|must sum to 1 in every voxel"):
            loss(example.as_input(at.logits), shares, **given)


def test_shares_of_classes():
    """Soft labels: cross-entropy of torch, Dice of MONAI, and a sigmoid's own shares."""
    at = scene(3)
    shares = (2 * torch.randn_like(at.logits)).softmax(1)
    for reduction in ("mean", "sum"):
        torchs = nn.CrossEntropyLoss(reduction=reduction)
        agree(CrossEntropyLoss(reduction=reduction), torchs, at, shares, shares)
    theirs = monai.DiceLoss(include_background=False, softmax=True, smooth_nr=1e-5, smooth_dr=1e-5)
    agree(SoftDiceLoss(), theirs, at, shares, shares)
    one = at.with_(logits=at.logits[:, :1])
    agree(CrossEntropyLoss(), nn.BCEWithLogitsLoss(), one, shares[:, :1], shares[:, :1])


def test_overlapping_classes():
    at = scene(3)
    masks = (torch.rand(at.logits.shape) > 0.6).float()
    assert (masks.sum(1) != 1).any()
    theirs = monai.DiceLoss(sigmoid=True, smooth_nr=1e-5, smooth_dr=1e-5)
    agree(SoftDiceLoss(multi_label=True), theirs, at, masks, masks)
    agree(CrossEntropyLoss(multi_label=True), nn.BCEWithLogitsLoss(), at, masks, masks)
    agree(SoftDiceLoss(multi_label=True), theirs, at, masks.bool(), masks)
    # Each channel as a problem of its own is the same mean.
    alone = [
        SkeletonRecallLoss()(at.logits[:, [i]], masks[:, [i]], tube=masks[:, [i]].long())
        for i in range(3)
    ]
    together = SkeletonRecallLoss(multi_label=True)(at.logits, masks, tube=masks.long())
    close(together, torch.stack(alone).mean())
    with pytest.raises(ValueError, match=r"target must have shape \(2, 3, 12, 10\) beside"):
        SoftDiceLoss(multi_label=True)(at.logits, at.target)


@every_loss
def test_ignored_voxels_have_no_part(example: Example):
    at = scene(3)
    valid = torch.ones_like(at.target, dtype=torch.bool)
    valid[..., 6:] = False
    loss = example().eval()
    logits, maps = example.as_input(at.logits), at.maps(loss)
    expected = loss(logits, at.target, **maps, valid=valid)
    for value in (255, -1):
        target = at.target.where(valid, value)
        assert loss(logits, target, **maps, valid=valid) == expected
        ignoring = example(ignore_index=np.int64(value)).eval()
        assert ignoring(logits, target, **maps) == expected
        with pytest.raises(ValueError, match=rf"ignore_index={value} or the mask `valid`"):
            loss(logits, target, **maps)


# --- sums, deep supervision, foreign losses


def test_parts_lend_a_sum_their_options():
    at, valid = scene(3), scene(3).target < 2
    parts = [DiceCELoss(ignore_index=255), SoftClDiceLoss(2, ignore_index=255)]
    total = WeightedSum(parts, [1.0, 0.5])
    assert total.ignore_index == 255
    expected = sum(
        weight * part(at.logits, at.target, valid=valid)
        for weight, part in ((1.0, DiceCELoss()), (0.5, SoftClDiceLoss(2)))
    )
    for loss in (total, DeepSupervision(total)):
        close(loss(at.logits, at.target.where(valid, 255)), expected)
    assert not WeightedSum([DiceCELoss(validate=False)], [1.0]).validate
    with pytest.raises(ValueError, match="all parts must have the same ignore_index"):
        WeightedSum([DiceCELoss(ignore_index=255), SoftDiceLoss()], [1.0, 1.0])
    with pytest.raises(ValueError, match="give the reduction to the sum"):
        WeightedSum([DiceCELoss(reduction="sum")], [1.0])
    with pytest.raises(ValueError, match="multi_label must be that of the parts"):
        WeightedSum([DiceCELoss()], [1.0], multi_label=True)


@pytest.mark.parametrize(
    ("make", "channels"),
    [
        (nn.CrossEntropyLoss, 3),
        (nn.BCEWithLogitsLoss, 1),
        (lambda: monai.DiceLoss(to_onehot_y=True, softmax=True), 3),
        (lambda: monai.DiceCELoss(sigmoid=True), 1),
        (lambda: monai.FocalLoss(to_onehot_y=True), 3),
    ],
)
def test_foreign_losses_are_parts(make: Callable[[], nn.Module], channels: int):
    at, foreign = scene(channels), make()
    target = at.target[:, 0] if isinstance(foreign, nn.CrossEntropyLoss) else at.target
    theirs = foreign(at.logits, target.float() if channels == 1 else target)
    ours = SkeletonRecallLoss()(at.logits, at.target, tube=at.tube)
    total = WeightedSum([foreign, SkeletonRecallLoss()], [1.0, 0.5])
    close(total(at.logits, at.target, tube=at.tube), theirs + 0.5 * ours)
    close(DeepSupervision(foreign)([at.logits], at.target), theirs)


def test_foreign_losses_and_ignored_voxels():
    at = scene(3)
    target = at.target.where(at.target < 2, 255)
    total = WeightedSum([nn.CrossEntropyLoss()], [1.0], ignore_index=255)
    close(total(at.logits, target), F.cross_entropy(at.logits, target[:, 0], ignore_index=255))
    dice = WeightedSum([monai.DiceLoss(softmax=True)], [1.0], ignore_index=255)
    with pytest.raises(ValueError, match="DiceLoss cannot leave voxels out"):
        dice(at.logits, target)


def test_deep_supervision_takes_what_networks_return():
    at = scene(3)
    coarse = at.logits[..., ::2, ::2]
    loss = DeepSupervision(CrossEntropyLoss())
    expected = loss(SegOutput(at.logits, (coarse,)), at.target)
    for output in (
        [at.logits, coarse],
        (at.logits, [coarse]),
        {"out": at.logits, "aux": coarse},
        {"logits": at.logits, "deep": [coarse]},
    ):
        assert loss(output, at.target) == expected
    # MONAI's DynUNet stacks levels of one size.
    stacked = torch.stack([at.logits, 0.5 * at.logits], 1)
    assert loss(stacked, at.target) == loss(list(stacked.unbind(1)), at.target)


def test_deep_supervision_with_a_target_per_level():
    at = scene(3)
    coarse, small = at.logits[..., ::2, ::2], at.target[..., ::2, ::2]
    loss = DeepSupervision(CrossEntropyLoss(ignore_index=255))
    value = loss([at.logits, coarse], [at.target, small])
    expected = F.cross_entropy(at.logits, at.target[:, 0]) * 2 / 3
    close(value, expected + F.cross_entropy(coarse, small[:, 0]) / 3)
    # What the fine target leaves open, a coarse target of its own may know.
    open_there = at.target.where(torch.arange(10) > 4, 255)
    value = loss([at.logits, coarse], [open_there, small])
    fine = F.cross_entropy(at.logits, open_there[:, 0], ignore_index=255)
    close(value, fine * 2 / 3 + F.cross_entropy(coarse, small[:, 0]) / 3)
    recall = DeepSupervision(SkeletonRecallLoss())
    tubes = [at.tube, at.tube[..., ::2, ::2]]
    found = recall([at.logits, coarse], [at.target, small], tube=tubes)
    parts = [
        SkeletonRecallLoss()(x, t, tube=t) for x, t in zip((at.logits, coarse), tubes, strict=True)
    ]
    close(found, parts[0] * 2 / 3 + parts[1] / 3)
    with pytest.raises(ValueError, match="target needs one entry per level, got 2 for 1 levels"):
        loss([at.logits], [at.target, small])
    with pytest.raises(ValueError, match=r"target must lie in 0\.\.2, got 7\.\.9"):
        loss([at.logits, coarse], [at.target, small + 7])


# --- spacing


@pytest.mark.parametrize("make", [list, np.array, torch.tensor])
def test_spacing_per_sample(make: Callable):
    at, rows = scene(3), [(1.0, 2.0), (0.5, 3.0)]
    loss = HausdorffDTLoss(reduction="none")
    found = loss(at.logits, at.target, spacing=make(rows))
    for i, row in enumerate(rows):
        alone = HausdorffDTLoss(reduction="none", spacing=make(row))
        close(found[i], alone(at.logits[[i]], at.target[[i]])[0])
    sums = WeightedSum([SoftDiceLoss(), HausdorffDTLoss()], [0.0, 1.0])
    close(sums(at.logits, at.target, spacing=rows), found.mean())
    valid = torch.ones_like(at.target, dtype=torch.bool)
    close(loss(at.logits, at.target, spacing=rows, valid=valid), found)
    probs, masks = at.logits.softmax(1)[:, 1:], one_hot(at.target, 3)[:, 1:]
    close(hausdorff_dt(probs, masks, spacing=rows), found.mean())
    # A voxel of the coarse level is twice as large.
    coarse = at.logits[..., ::2, ::2]
    twice = [[2 * step for step in row] for row in rows]
    deep = DeepSupervision(HausdorffDTLoss(), [0.0, 1.0])
    small = at.target[..., 1::2, 1::2]
    expected = HausdorffDTLoss()(coarse, small, spacing=twice)
    close(deep([at.logits, coarse], at.target, spacing=rows), expected)
    with pytest.raises(ValueError, match=r"one row per sample \(2\), got 3"):
        loss(at.logits, at.target, spacing=[*rows, rows[0]])
    with pytest.raises(TypeError, match="got spacing"):
        SoftDiceLoss()(at.logits, at.target, spacing=rows)


def test_boundary_without_union_for_every_class():
    at = scene(3)
    with pytest.raises(ValueError, match="must have 3, one per class, got 1"):
        BoundaryLoss(include_background=True)(
            at.logits, at.target, signed_distance=at.signed_distance[:, :1]
        )


# --- one look at the values


@every_loss
@pytest.mark.usefixtures("unchecked")
def test_a_call_looks_at_its_input_once(example: Example, monkeypatch: pytest.MonkeyPatch):
    """However many maps: one reduction decides; without ``validate`` none does."""
    looks = []
    stack = torch.stack

    def counted(tensors, *arguments, **more):
        if tensors[0].dtype == torch.bool and tensors[0].ndim == 0:
            looks.append(len(tensors))
        return stack(tensors, *arguments, **more)

    monkeypatch.setattr(torch, "stack", counted)
    at = scene(3)
    for validate, count in ((True, 1), (False, 0)):
        loss = example(validate=validate).eval()
        looks.clear()
        loss(example.as_input(at.logits), at.target, **at.maps(loss))
        assert len(looks) == count


@pytest.mark.usefixtures("unchecked")
def test_without_validate_shapes_are_still_checked():
    at = scene(3)
    wrong = at.target + 2
    with pytest.raises(ValueError, match="target must lie in"):
        SoftDiceLoss()(at.logits, wrong)
    assert SoftDiceLoss(validate=False)(at.logits, wrong).isfinite()
    with pytest.raises(ValueError, match="target must have shape"):
        SoftDiceLoss(validate=False)(at.logits, at.target[..., 1:])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"weight": [1.0, -2.0]}, "weight.1. must be finite and at least 0"),
        ({"reduction": "max"}, "reduction must be one of"),
    ],
)
def test_bad_options(arguments, told):
    with pytest.raises(ValueError, match=told):
        SoftDiceLoss(**arguments)


def test_a_weight_of_the_wrong_length():
    at = scene(3)
    for make in (CrossEntropyLoss, SoftDiceLoss, HausdorffDTLoss, DiceCELoss):
        for wrong in (2, 4):
            part = make(weight=[1.0] * wrong)
            for loss in (part, WeightedSum([part], [1.0]), DeepSupervision(part)):
                told = f"weight needs 3 factors for 3 channels, got {wrong}; give one per class, th"
                with pytest.raises(ValueError, match=told):
                    loss(at.logits, at.target)
    for options in ({"include_background": True}, {"multi_label": True}):
        with pytest.raises(ValueError, match="3 factors for 3 channels, got 4"):
            SoftDiceLoss(weight=[1.0] * 4, **options)(at.logits, one_hot(at.target, 3))
    with pytest.raises(ValueError, match="weight needs 2 factors for 1 channels, got 1"):
        SoftDiceLoss(weight=[1.0])(at.logits[:, :1], at.target.clamp(max=1))
    with pytest.raises(ValueError, match="weight needs a signed_distance with one channel per cl"):
        BoundaryLoss(weight=[1.0] * 3)(
            at.logits, at.target, signed_distance=at.signed_distance[:, :1]
        )
    assert set(OPTIONS) == {
        "reduction", "include_background", "weight", "ignore_index", "multi_label", "validate",
    }  # fmt: skip
