"""A witness for every symbol of every equation, limit identities, gradients by hand.

The tests take no fixtures: ``test_mutants`` runs them again on planted bugs.
"""

import pytest
import torch

from tubekit.losses import (
    CrossEntropyLoss,
    DiceCELoss,
    SkeletonRecallLoss,
    SoftClDiceLoss,
    SoftDiceLoss,
    SoftRecallLoss,
    TopologicalClDiceLoss,
    TverskyLoss,
    WeightedSum,
    cross_entropy,
    skeleton_recall,
    soft_cldice,
    soft_dice,
    soft_recall,
    topological_cldice,
    tversky_index,
)

from .scenes import EXAMPLES, Example, scene

close = torch.testing.assert_close
CERTAIN = 30.0


def logits_of(mask: torch.Tensor) -> torch.Tensor:
    """Logits of a network that is certain of a mask."""
    return CERTAIN * (2 * mask.float() - 1)


def bar(rows: slice = slice(4, 7), columns: slice = slice(None)) -> torch.Tensor:
    """A bar in a 12 x 10 image; three rows and all columns give 30 pixels."""
    mask = torch.zeros((1, 1, 12, 10), dtype=torch.int64)
    mask[:, :, rows, columns] = 1
    return mask


# --- cross-entropy


def test_cross_entropy_by_hand():
    voxel = torch.tensor([[[[0, 1]]]])
    logits = torch.tensor([[[[0.0, 0.0]], [[1.0, 2.0]]]])  # two channels, two pixels
    # -log of 1 / (1 + e) for the background pixel, of e^2 / (1 + e^2) for the other.
    expected = torch.tensor([1.0, -2.0]).exp().log1p()
    close(cross_entropy(logits, voxel).flatten(), expected.flatten())
    # One channel is the difference of two.
    close(cross_entropy(logits[:, 1:] - logits[:, :1], voxel), cross_entropy(logits, voxel))
    close(CrossEntropyLoss()(logits, voxel), expected.mean())


def test_cross_entropy_is_a_mean_over_valid_voxels():
    at = scene(3)
    valid = torch.rand(at.target.shape) > 0.5
    expected = cross_entropy(at.logits, at.target)[valid[:, 0]].mean()
    close(CrossEntropyLoss()(at.logits, at.target, valid=valid), expected)


# --- Dice and Tversky


def test_dice_by_hand():
    """Half of the bar found, nothing else: 2 * 15 / (15 + 30)."""
    target, found = bar(), bar(columns=slice(5))
    close(SoftDiceLoss(smooth=0.0)(logits_of(found), target), torch.tensor(1 - 30 / 45))
    # Smoothing enters above and below.
    close(SoftDiceLoss(smooth=5.0)(logits_of(found), target), torch.tensor(1 - 35 / 50))


def test_dice_of_a_batch_pools_before_the_ratio():
    target = torch.cat([bar(), bar(slice(4, 5))])
    found = torch.cat([bar(), bar(slice(0, 0))])
    per_sample = SoftDiceLoss(smooth=0.0)(logits_of(found), target)
    pooled = SoftDiceLoss(smooth=0.0, batch=True)(logits_of(found), target)
    close(per_sample, torch.tensor(1 - (1 + 0) / 2))
    close(pooled, torch.tensor(1 - 60 / 70))


def test_an_absent_organ_predicted_everywhere_costs_all():
    loss = SoftDiceLoss()
    logits = logits_of(torch.ones((1, 1, 12, 10))).requires_grad_()
    value = loss(logits / 10, bar(slice(0, 0)))
    value.backward()
    assert value > 0.999
    assert (logits.grad > 0).all(), "the prediction must be pushed down"
    # Nothing there and nothing predicted is right.
    assert loss(logits_of(torch.zeros((1, 1, 12, 10))), bar(slice(0, 0))) < 1e-3


def test_background_is_not_a_class():
    """A perfect background must not raise the score of a missed class."""
    target = bar()
    nothing = torch.cat([logits_of(target * 0 + 1), logits_of(target * 0)], 1)
    assert SoftDiceLoss()(nothing, target) > 0.999
    assert TverskyLoss()(nothing, target) > 0.999
    assert SoftRecallLoss()(nothing, target) > -1e-3


def test_one_and_two_channels_agree():
    """A softmax of (0, x) is a sigmoid of x."""
    at = scene(1)
    two = torch.cat([torch.zeros_like(at.logits), at.logits], 1)
    for example in EXAMPLES:
        one_loss, two_loss = example(), example()
        one = one_loss(example.as_input(at.logits), at.target, **at.maps(one_loss))
        maps = at.with_(logits=two).maps(two_loss)
        other = two_loss(example.as_input(two), at.target, **maps)
        close(one, other, msg=example.name)


def test_dice_ce_is_the_plain_sum():
    at = scene(3)
    expected = CrossEntropyLoss()(at.logits, at.target) + SoftDiceLoss()(at.logits, at.target)
    close(DiceCELoss()(at.logits, at.target), expected)


def test_tversky_prices_each_error_on_its_own():
    """alpha acts on false positives only, beta on false negatives only."""
    target, too_little, too_much = bar(), bar(columns=slice(5)), bar(slice(3, 7))
    for price in (0.2, 0.9):
        missed = TverskyLoss(alpha=0.5, beta=price, smooth=0.0)(logits_of(too_little), target)
        close(missed, torch.tensor(1 - 15 / (15 + price * 15)))
        spurious = TverskyLoss(alpha=price, beta=0.5, smooth=0.0)(logits_of(too_much), target)
        close(spurious, torch.tensor(1 - 30 / (30 + price * 10)))


def test_tversky_limits_are_dice_iou_precision_and_recall():
    at = scene(3, dtype=torch.float64)
    probs = at.logits.softmax(1)[:, 1:]
    masks = torch.cat([at.target == 1, at.target == 2], 1).double()
    both, either = (probs * masks).sum((2, 3)), (probs + masks - probs * masks).sum((2, 3))
    for batch in (False, True):
        close(
            tversky_index(probs, masks, alpha=0.5, beta=0.5, smooth=0.5, batch=batch),
            soft_dice(probs, masks, smooth=1.0, batch=batch),
        )
    close(tversky_index(probs, masks, alpha=1.0, beta=1.0, smooth=0.0), both / either)
    close(
        tversky_index(probs, masks, alpha=0.0, beta=1.0, smooth=1.0),
        soft_recall(probs, masks, smooth=1.0),
    )
    close(
        tversky_index(probs, masks, alpha=1.0, beta=0.0, smooth=0.0),
        soft_recall(masks, probs, smooth=0.0),
    )


# --- recall


def test_recall_by_hand():
    """A third of the bar found, and much outside it, which recall does not see."""
    target, found = bar(), bar(slice(6, 12))
    close(SoftRecallLoss(smooth=0.0)(logits_of(found), target), torch.tensor(-1 / 3))
    close(SoftRecallLoss(smooth=10.0)(logits_of(found), target), torch.tensor(-20 / 40))


def test_skeleton_recall_reads_the_tube_and_nothing_else():
    target, tube = bar(), bar(slice(5, 6))
    found = bar(slice(5, 6), slice(4))
    loss = SkeletonRecallLoss(smooth=0.0)
    close(loss(logits_of(found), target, tube=tube), torch.tensor(-0.4))
    # The label and all other voxels are free to change.
    close(
        loss(logits_of(found | bar(slice(7, 12))), bar(slice(0, 2)), tube=tube), torch.tensor(-0.4)
    )


def test_skeleton_recall_is_blind_to_false_positives():
    everywhere = logits_of(torch.ones((1, 1, 12, 10)))
    close(SkeletonRecallLoss()(everywhere, bar(), tube=bar(slice(5, 6))), torch.tensor(-1.0))


def test_skeleton_recall_takes_the_mean_over_classes_not_voxels():
    tube = bar(slice(2, 3))  # 10 pixels of class 1, 30 of class 2
    tube[:, :, 6:9] = 2
    found = torch.nn.functional.one_hot(bar(slice(2, 3))[:, 0], 3).movedim(-1, 1)
    close(SkeletonRecallLoss(smooth=0.0)(logits_of(found), tube, tube=tube), torch.tensor(-0.5))


def test_absent_classes_leave_the_mean_of_skeleton_recall():
    at = scene(3)  # sample 1 has no class 2
    probs = at.logits.softmax(1)
    r11, r12, r21 = (probs[b, c][at.tube[b, 0] == c].mean() for b, c in ((0, 1), (0, 2), (1, 1)))
    ours = SkeletonRecallLoss(smooth=0.0)(at.logits, at.target, tube=at.tube)
    close(ours, -(r11 + r12 + r21) / 3)
    released = SkeletonRecallLoss(as_released=True)(at.logits, at.target, tube=at.tube)
    close(released, -(r11 + r12 + r21 + 1) / 4)
    for loss in (SkeletonRecallLoss(), SoftRecallLoss()):
        logits = at.logits.clone().requires_grad_()
        empty = torch.zeros_like(at.tube)
        value = loss(logits, empty, **{name: empty for name in loss.needs})
        value.backward()
        assert value == 0
        assert (logits.grad == 0).all()


@pytest.mark.parametrize("reduction", ["sample", "batch"])
def test_gradient_of_skeleton_recall_is_the_tube_over_its_size(reduction: str):
    """-tube / (|C| sum tube): constant on the tube, blind to the prediction, 0 elsewhere."""
    at = scene(3, 3, dtype=torch.float64)
    tubes = torch.cat([at.tube == 1, at.tube == 2], 1).double()
    kept = (2, 3, 4) if reduction == "sample" else (0, 2, 3, 4)
    sizes = tubes.sum(kept, keepdim=True)
    expected = -tubes / ((sizes > 0).sum() * sizes.clamp(min=1))
    for seed in (0, 1):
        probs = (
            scene(3, 3, seed=seed, dtype=torch.float64).logits.softmax(1)[:, 1:].requires_grad_()
        )
        loss = SkeletonRecallLoss(reduction=reduction, smooth=0.0)
        (gradient,) = torch.autograd.grad(loss.from_probs(probs, tubes, tube=at.tube), probs)
        close(gradient, expected)


def test_recall_of_the_whole_label_is_the_tube_of_everything():
    at = scene(3)
    for reduction in ("sample", "batch"):
        whole = SkeletonRecallLoss(reduction)(at.logits, at.target, tube=at.target)
        close(SoftRecallLoss(reduction)(at.logits, at.target), whole)
    probs = at.logits.softmax(1)
    close(skeleton_recall(probs, probs.round()), soft_recall(probs, probs.round()))


# --- clDice


def test_cldice_sees_a_gap_by_its_length_and_a_blob_by_its_skeleton():
    """The centre row of the bar: sensitivity falls with a gap, precision with a false bar."""
    target = bar()
    gap = bar(columns=slice(4)) | bar(columns=slice(6, 10))
    blob = bar() | bar(slice(9, 12))
    for loss in (SoftClDiceLoss(2, smooth=0.0), TopologicalClDiceLoss(2, beta=0.0, smooth=0.0)):
        close(loss(logits_of(target), target), torch.tensor(0.0), atol=1e-5, rtol=0)
    # No skeleton of the target lies in the gap of two columns out of ten.
    sensitivity, precision = 0.8, 1.0
    expected = 1 - 2 * sensitivity * precision / (sensitivity + precision)
    close(SoftClDiceLoss(2, smooth=0.0)(logits_of(gap), target), torch.tensor(expected))
    # Half of the predicted skeleton is false.
    sensitivity, precision = 1.0, 0.5
    expected = 1 - 2 * sensitivity * precision / (sensitivity + precision)
    close(SoftClDiceLoss(2, smooth=0.0)(logits_of(blob), target), torch.tensor(expected))


def test_cldice_needs_iterations_to_reach_the_middle_of_a_thick_bar():
    """A bar of nine rows has no skeleton before its fifth layer."""
    thick, line = bar(slice(1, 10)), bar(slice(5, 6))
    values = {k: SoftClDiceLoss(k, smooth=1.0)(logits_of(line), thick).item() for k in (1, 3, 4)}
    # Without a skeleton of the label the sensitivity is (0 + 1) / (0 + 1): all looks well.
    assert values[1] == values[3] == pytest.approx(0, abs=1e-6)
    assert SoftClDiceLoss(1, smooth=1.0)(logits_of(thick * 0), thick) == pytest.approx(0, abs=1e-5)
    assert SoftClDiceLoss(4, smooth=1.0)(logits_of(thick * 0), thick) > 0.5
    released = SoftClDiceLoss(1, smooth=1.0, as_released=True)
    assert released(logits_of(thick * 0), thick) > 0.5


def test_cldice_of_a_batch_sums_first():
    at = scene(3)
    probs = at.logits.softmax(1)[:, 1:]
    masks = torch.cat([at.target == 1, at.target == 2], 1).float()
    for score, more in ((soft_cldice, {}), (topological_cldice, {"method": "euler"})):
        pooled = score(probs, masks, iterations=2, **more)
        single = score(probs, masks, iterations=2, reduction="sample", **more)
        assert pooled.shape == (1,)
        assert single.shape == (2,)
        for i in (0, 1):
            own = slice(i, i + 1)
            close(score(probs[own], masks[own], iterations=2, **more), single[own])
        # Stacking the samples side by side is the pooled sum.
        side = [torch.cat([*t], -1)[None] for t in (probs, masks)]
        if score is soft_cldice:
            padded = [torch.nn.functional.pad(t, (4, 4)) for t in (probs, masks)]
            side = [torch.cat([*t], -1)[None] for t in padded]
            close(score(*side, iterations=2), score(*padded, iterations=2))


def test_smoothing_of_cldice_enters_both_ratios():
    target, gap = bar(), bar(columns=slice(4)) | bar(columns=slice(6, 10))
    precision, sensitivity = 1.0, (8 + 3) / (10 + 3)
    expected = 1 - 2 * precision * sensitivity / (precision + sensitivity)
    close(SoftClDiceLoss(2, smooth=3.0)(logits_of(gap), target), torch.tensor(expected))


def test_topological_cldice_is_quiet_in_evaluation_and_repeatable_in_training():
    at = scene(2)
    value = lambda loss: loss(at.logits, at.target)  # noqa: E731
    quiet = TopologicalClDiceLoss(2).eval()
    assert value(quiet) == value(quiet)
    assert value(quiet) == value(TopologicalClDiceLoss(2, beta=0.0))
    masks = (at.target == 1).float()
    close(value(quiet), 1 - topological_cldice(at.logits.softmax(1)[:, 1:], masks, iterations=2)[0])

    loss = TopologicalClDiceLoss(2, beta=1.0)
    first = [value(loss) for _ in range(4)]
    assert len(set(map(float, first))) > 1, "every step must draw anew"
    torch.rand(7)  # the global generator has no part in it
    again = TopologicalClDiceLoss(2, beta=1.0)
    assert [value(again) for _ in range(2)] == first[:2]
    resumed = TopologicalClDiceLoss(2, beta=1.0)
    resumed.load_state_dict(again.state_dict())
    assert [value(resumed) for _ in range(2)] == first[2:]


# --- sums and gradients


def test_weighted_sum_by_hand():
    at = scene(3)
    parts = [DiceCELoss(), SkeletonRecallLoss(), SoftRecallLoss()]
    weights = [1.0, 0.1, 3.0]
    expected = sum(w * at.value(p) for w, p in zip(weights, parts, strict=True))
    total = WeightedSum(parts, weights)
    assert total.needs == ("tube",)
    close(at.value(total), expected)
    valid = torch.rand(at.target.shape) > 0.5
    expected = sum(w * at.value(p, valid=valid) for w, p in zip(weights, parts, strict=True))
    close(at.value(total, valid=valid), expected)
    with pytest.raises(ValueError, match="one weight per loss"):
        WeightedSum(parts, [1.0])


@pytest.mark.parametrize(
    "example", [e for e in EXAMPLES if "Topological" not in e.name], ids=lambda e: e.name
)
@pytest.mark.parametrize("channels", [1, 3])
def test_gradcheck(example: Example, channels: int):
    """The topological skeleton is left out: its gradient is straight-through by design."""
    at = scene(channels, dtype=torch.float64)
    at = at.with_(
        logits=at.logits[:, :, :6, :4], target=at.target[:, :, :6, :4], tube=at.tube[:, :, :6, :4]
    )
    loss = example()
    logits = at.logits.clone().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: loss(example.as_input(x), at.target, **at.maps(loss)), (logits,)
    )
