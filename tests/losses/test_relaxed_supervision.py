"""Relaxed supervision: a witness for every symbol, limits, and the gradient by hand.

Tests that ``test_mutants`` runs again take no fixtures.
"""

import pytest
import torch
from torch import Tensor

from tubekit.losses import (
    DiceCELoss,
    RelaxedSupervisionLoss,
    cross_entropy,
    relaxed_cross_entropy,
    relaxed_dice,
)
from tubekit.losses.base import foreground_masks, foreground_probs

from .scenes import scene

close = torch.testing.assert_close
BETA = 0.25


def patch() -> tuple[Tensor, Tensor, Tensor]:
    """Twelve pixels: two of label, six in doubt (beta 1/4), four certainly background."""
    masks, confidence = torch.zeros((1, 1, 3, 4)), torch.ones((1, 1, 3, 4))
    masks[..., 0, :2] = 1
    confidence[..., :2, :] = BETA
    return masks, confidence.where(masks == 0, 1), torch.full((1, 1, 3, 4), 0.5)


def of(probs: Tensor, target: Tensor, confidence: Tensor, **options) -> Tensor:
    loss = RelaxedSupervisionLoss(**{"mean_over": "support"} | options)
    return loss(probs.logit(), target.long(), confidence=confidence)


def test_equation_5_by_hand():
    masks, confidence, probs = patch()
    # Overlap 1, label 2, prediction 1 on it, 6/8 in doubt, 4/2 outside.
    dice = 2 / (2 + 1 + 6 / 8 + 4 / 2)
    close(relaxed_dice(probs, masks, confidence, smooth=0.0), torch.tensor([[dice]]))
    smoothed = (2 + 5) / (2 + 1 + 6 / 8 + 4 / 2 + 5)
    close(relaxed_dice(probs, masks, confidence, smooth=5.0), torch.tensor([[smoothed]]))
    entropy = torch.tensor(2.0).log()  # of both label pixels
    close(of(probs, masks, confidence, smooth=0.0), 1 - dice + entropy)
    close(of(probs, masks, confidence, smooth=5.0), 1 - smoothed + entropy)
    # In the symmetric form every pixel has the same entropy, so no weight matters ...
    close(of(probs, masks, confidence, smooth=0.0, symmetric=True), 1 - dice + entropy)
    # ... until a pixel in doubt is certain: its weight is beta of 2 + 6 beta + 4.
    probs[..., 0, 3] = 0.1
    logits, target = probs.logit(), masks.long()
    found = relaxed_cross_entropy(logits, target, confidence)
    change = BETA * (torch.tensor(0.9).log() - torch.tensor(0.5).log()) / (6 + 6 * BETA)
    close(found, entropy - change)
    close(relaxed_cross_entropy(logits, target, masks), entropy)


def test_confidence_one_and_symmetric_is_dice_with_cross_entropy():
    for channels in (1, 3):
        at = scene(channels)
        certain = torch.ones_like(at.confidence)
        ours = RelaxedSupervisionLoss(symmetric=True)(at.logits, at.target, confidence=certain)
        close(ours, DiceCELoss()(at.logits, at.target))


def test_printed_cross_entropy_is_the_mean_over_the_label():
    at = scene(3)
    dice_only = RelaxedSupervisionLoss(symmetric=True, mean_over="support")(
        at.logits, at.target, confidence=at.confidence
    ) - relaxed_cross_entropy(at.logits, at.target, at.confidence)
    entropy = cross_entropy(at.logits, at.target)[at.target[:, 0] > 0].sum()
    labelled, valid = (at.target > 0).sum(), torch.ones_like(at.target, dtype=torch.bool)
    for mean_over, count in (("support", labelled), ("voxels", at.target.numel())):
        loss = RelaxedSupervisionLoss(mean_over=mean_over)
        ours = loss(at.logits, at.target, confidence=at.confidence)
        close(ours, dice_only + entropy / count)
        close(loss(at.logits, at.target, confidence=at.confidence, valid=valid), ours)
    # Voxels outside the field of view are not among those of the mean.
    valid[..., :1] = False
    inside = RelaxedSupervisionLoss()(at.logits, at.target, confidence=at.confidence, valid=valid)
    probs, masks = (
        foreground_probs(at.logits) * valid,
        foreground_masks(at.target, at.logits[:, 1:]),
    )
    dice = relaxed_dice(probs, masks * valid, at.confidence).mean()
    seen = cross_entropy(at.logits, at.target)[(at.target[:, 0] > 0) & valid[:, 0]].sum()
    close(inside, 1 - dice + seen / valid.sum())


def test_which_mean_decides_whether_foreground_everywhere_pays():
    """One per cent of label: over the label, everything is nearly as good as the truth."""
    masks, confidence = torch.zeros((1, 1, 20, 20)), torch.full((1, 1, 20, 20), 0.2)
    masks[..., 5, 5:9] = 1
    everything, nothing = torch.full_like(masks, 0.999), torch.full_like(masks, 0.001)
    value = {
        mean: [of(p, masks, confidence, mean_over=mean) for p in (everything, nothing)]
        for mean in ("support", "voxels")
    }
    assert value["support"][0] < 0.2 * value["support"][1]
    assert abs(value["voxels"][0] / value["voxels"][1] - 1) < 0.2  # neither pays


def test_a_false_positive_weighs_beta_in_doubt_and_one_outside():
    """All there is against false positives is the denominator: gradients in the ratio beta."""
    masks, confidence, probs = patch()
    leaf = probs.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(of(leaf, masks, confidence), leaf)
    inside, outside = gradient[0, 0, 1, 0], gradient[0, 0, 2, 0]
    close(inside / outside, torch.tensor(BETA))
    assert outside > 0
    # 2 overlap / sizes^2 of the Dice ratio.
    close(outside, torch.tensor(2 / 5.75**2), rtol=1e-4, atol=0)
    # The cross-entropy is -1 / (2 p) on each of two label pixels, and Dice adds its own pull.
    pull = -2 / 5.75 + 2 / 5.75**2 - 1 / (2 * 0.5)
    close(gradient[0, 0, 0, 0], torch.tensor(pull), rtol=1e-4, atol=0)


def test_the_symmetric_form_presses_harder():
    masks, confidence, probs = patch()
    gradients = []
    for symmetric in (False, True):
        leaf = probs.clone().requires_grad_()
        value = of(leaf, masks, confidence, symmetric=symmetric)
        gradients.append(torch.autograd.grad(value, leaf)[0])
    more = (gradients[1] - gradients[0])[0, 0]
    # weight / (1 - p) over the sum 7.5 of weights, in doubt and outside.
    close(more[1, 0], torch.tensor(BETA / 0.5 / 7.5))
    close(more[2, 0], torch.tensor(1 / 0.5 / 7.5))


def test_batch_pools_before_the_ratio():
    at = scene(1)
    probs, masks = at.logits.sigmoid(), (at.target == 1).float()
    options = {"smooth": 0.0}
    rows = relaxed_dice(probs, masks, at.confidence, **options)
    pooled = relaxed_dice(probs, masks, at.confidence, batch=True, **options)
    assert rows.shape == (2, 1)
    sizes = (probs * at.confidence + masks).sum()
    close(pooled, (2 * (probs * masks).sum() / sizes).view(1, 1))
    each, whole = (
        RelaxedSupervisionLoss(batch=b, mean_over="support")(
            at.logits, at.target, confidence=at.confidence
        )
        for b in (False, True)
    )
    close(each - whole, (pooled - rows.mean()).squeeze())


@pytest.mark.parametrize("symmetric", [False, True])
def test_a_patch_without_label_uses_the_confidence_of_its_case(symmetric: bool):
    _, confidence, _ = patch()
    confidence[..., 0, :2] = BETA  # no label here, so all of it is in doubt
    empty = torch.zeros((1, 1, 3, 4))
    leaf = torch.full((1, 1, 3, 4), -1.0, requires_grad=True)
    value = RelaxedSupervisionLoss(symmetric, mean_over="support")(
        leaf, empty.long(), confidence=confidence
    )
    (gradient,) = torch.autograd.grad(value, leaf)
    assert (gradient > 0).all()
    close(gradient[0, 0, 0] / gradient[0, 0, 2], torch.full((4,), BETA))
    nothing = RelaxedSupervisionLoss(symmetric, mean_over="support")(
        leaf.detach() - 99, empty.long(), confidence=confidence
    )
    assert nothing < 1e-3


def test_a_patch_with_more_label_than_background():
    masks, _, probs = patch()
    most = 1 - masks
    value = of(probs, most, torch.ones_like(most))  # beta is 1: nothing is in doubt
    close(value, 1 - torch.tensor(10 / 16) + torch.tensor(2.0).log(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("symmetric", [False, True])
def test_certain_and_wrong_still_learns(symmetric: bool):
    """Logarithms are taken of logits: 1 - p rounds to 0 long before its logit ends."""
    masks, confidence, _ = patch()
    logits = (60 * (1 - 2 * masks)).requires_grad_()
    loss = RelaxedSupervisionLoss(symmetric, mean_over="support")
    (gradient,) = torch.autograd.grad(loss(logits, masks.long(), confidence=confidence), logits)
    assert (gradient[masks > 0] < -0.1).all()
    if symmetric:
        assert (gradient[masks == 0] > 0.03).all()


def test_gradcheck():
    for channels, symmetric in ((1, True), (3, False)):
        at = scene(channels, dtype=torch.float64)
        loss = RelaxedSupervisionLoss(symmetric)
        leaf = at.logits.requires_grad_()
        assert torch.autograd.gradcheck(
            lambda x, a=at, f=loss: f(x, a.target, confidence=a.confidence),
            (leaf,),
            fast_mode=True,
        )


def test_bad_confidence():
    at = scene(1)
    for bad, message in (
        (at.target, "confidence must be floating point with one channel, got torch.int64"),
        (at.confidence.expand(-1, 2, -1, -1), "with 2 channels"),
        (2 * at.confidence, r"confidence must lie in \[0, 1\], got 0.6\.\.2"),
        (at.confidence - 1, r"confidence must lie in \[0, 1\], got -0.7\.\.0"),
    ):
        with pytest.raises(ValueError, match=message):
            RelaxedSupervisionLoss()(at.logits, at.target, confidence=bad)


@pytest.mark.parametrize("shape", [(1, 1, 3, 5), (1, 2, 3, 4), (1, 3, 4)], ids=str)
@pytest.mark.usefixtures("unchecked")
def test_dice_refuses_a_confidence_of_another_shape(shape: tuple[int, ...]):
    masks, _, probs = patch()
    with pytest.raises(ValueError, match=r"expected equal shapes, got probs .*, confidence "):
        relaxed_dice(probs, masks, torch.ones(shape))
