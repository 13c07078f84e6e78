"""Mix-equivalence: a witness for every symbol, limits, and who gets a gradient.

Tests that ``test_mutants`` runs again take no fixtures.
"""

import math

import pytest
import torch
from torch import Tensor

from tubekit.losses import MixEquivalenceLoss, mix_equivalence
from tubekit.losses.mix_equivalence import mixed

from .scenes import scene

close = torch.testing.assert_close


def three() -> tuple[Tensor, Tensor, Tensor]:
    """Three samples of four pixels, with shares 0.25, 0.5 and 0.75 of themselves."""
    masks = torch.tensor([[1.0, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1]]).view(3, 1, 1, 4)
    weight = torch.tensor([0.25, 0.5, 0.75]).view(3, 1, 1, 1).expand(-1, -1, 1, 4)
    generator = torch.Generator().manual_seed(0)
    return torch.rand((3, 1, 1, 4), generator=generator), masks, weight


def cosine(a: list[float], b: Tensor) -> float:
    b = b.flatten().tolist()
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    return dot / math.hypot(*a) / math.hypot(*b)


def test_equation_8_by_hand():
    probs, masks, weight = three()
    expected = [
        cosine([0.25, 0.25, 0, 0.75], probs[0]),  # partner is the last sample
        cosine([0.5, 1.0, 0.5, 0], probs[1]),
        cosine([0, 0.25, 0.25, 0.75], probs[2]),
    ]
    close(mix_equivalence(probs, masks, weight).flatten(), torch.tensor(expected))
    loss = MixEquivalenceLoss()(
        0 * probs, masks.long(), mixed_logits=probs.logit(), mix_weight=weight
    )
    close(loss, -torch.tensor(expected).mean())


def test_labels_and_images_are_mixed_the_same_way():
    _, masks, weight = three()
    assert mixed(masks, weight)[0].flatten().tolist() == [0.25, 0.25, 0, 0.75]
    close(mix_equivalence(mixed(masks, weight), masks, weight), torch.ones(3, 1))


def test_a_common_factor_costs_nothing():
    probs, masks, weight = three()
    close(mix_equivalence(probs, masks, weight), mix_equivalence(0.1 * probs, masks, weight))


def test_a_voxel_counts_where_both_samples_are_valid():
    probs, masks, weight = three()
    valid = torch.ones(3, 1, 1, 4, dtype=torch.bool)
    valid[0, ..., 1] = False  # takes pixel 1 out of samples 0 and 1
    value = mix_equivalence(probs, masks, weight, valid=valid).flatten()
    keep = torch.tensor([1.0, 0, 1, 1])
    close(value[0].item(), cosine([0.25, 0, 0, 0.75], keep * probs[0]))
    close(value[1].item(), cosine([0.5, 0, 0.5, 0], keep * probs[1]))
    close(value[2].item(), cosine([0, 0.25, 0.25, 0.75], probs[2]))
    maps = {"mixed_logits": probs.logit(), "mix_weight": weight, "valid": valid}
    close(MixEquivalenceLoss()(0 * probs, masks.long(), **maps), -value.mean())


def test_pairs_without_label_leave_the_mean():
    probs, masks, weight = three()
    masks[0] = masks[2] = 0  # sample 0 has sample 2 for a partner
    maps = {"mixed_logits": probs.logit(), "mix_weight": weight}
    cosines = mix_equivalence(probs, masks, weight)
    assert cosines[0] == 0
    for targets in ("labels", "predictions"):
        loss = MixEquivalenceLoss(targets)
        expected = cosines if targets == "labels" else mix_equivalence(probs, probs, weight)
        close(loss(probs.logit(), masks.long(), **maps), -expected[1:].mean())
        logits = maps["mixed_logits"].clone().requires_grad_()
        value = loss(logits, 0 * masks.long(), **maps | {"mixed_logits": logits})
        value.backward()
        assert value == 0
        assert (logits.grad == 0).all()


def test_classes_have_cosines_of_their_own():
    at = scene(3)  # sample 1 has no class 2, but its partner has
    loss = MixEquivalenceLoss()
    value = loss(at.logits, at.target, **at.maps(loss))
    found = at.mixed_logits.softmax(1)
    each = [
        torch.cosine_similarity(
            found[b, k].flatten(),
            mixed((at.target == k).float(), at.mix_weight)[b].flatten(),
            dim=0,
        )
        for b in (0, 1)
        for k in (1, 2)
    ]
    close(value, -torch.stack(each).mean())


def test_predictions_in_place_of_labels():
    at = scene(2)
    loss = MixEquivalenceLoss("predictions")
    logits, mixture = (t.clone().requires_grad_() for t in (at.logits, at.mixed_logits))
    value = loss(logits, at.target, mixed_logits=mixture, mix_weight=at.mix_weight)
    probs = at.logits.softmax(1)[:, 1:]
    expected = mix_equivalence(at.mixed_logits.softmax(1)[:, 1:], probs, at.mix_weight)
    close(value, -expected.mean())
    value.backward()
    assert logits.grad is None or (logits.grad == 0).all(), "targets are constants"
    assert (mixture.grad != 0).any()


def test_nothing_predicted_is_finite():
    at = scene(1)
    mixture = (at.mixed_logits - 300).requires_grad_()
    value = MixEquivalenceLoss()(
        at.logits, at.target, mixed_logits=mixture, mix_weight=at.mix_weight
    )
    value.backward()
    assert value == 0
    assert mixture.grad.isfinite().all()


def test_half_precision_mixtures_are_widened():
    at = scene(2)
    maps = {"mix_weight": at.mix_weight, "mixed_logits": at.mixed_logits.bfloat16()}
    value = MixEquivalenceLoss()(at.logits, at.target, **maps)
    maps["mixed_logits"] = maps["mixed_logits"].float()
    assert value.dtype == torch.float32
    assert value == MixEquivalenceLoss()(at.logits, at.target, **maps)


def test_gradcheck():
    at = scene(3, dtype=torch.float64)
    leaf = at.mixed_logits.clone().requires_grad_()
    for loss in (MixEquivalenceLoss("labels"), MixEquivalenceLoss("predictions")):
        assert torch.autograd.gradcheck(
            lambda x, f=loss: f(at.logits, at.target, mixed_logits=x, mix_weight=at.mix_weight),
            (leaf,),
            fast_mode=True,
        )


def test_bad_mixtures():
    at, loss = scene(2), MixEquivalenceLoss()
    good = at.maps(loss)
    uneven = at.mix_weight.clone()
    uneven[1, 0, 3, 4] = 0.7
    for change, message in (
        ({"mixed_logits": at.mixed_logits[:, :1].repeat(1, 3, 1, 1)}, "1 foreground classes, got"),
        ({"mixed_logits": at.target.repeat(1, 2, 1, 1)}, "mixed_logits must be floating point"),
        ({"mix_weight": at.mix_weight.expand(-1, 2, -1, -1)}, "mix_weight must be floating point"),
        ({"mix_weight": at.target}, "mix_weight must be floating point with one channel"),
        ({"mix_weight": 2 * at.mix_weight}, r"mix_weight must lie in \[0, 1\], got 0.6\.\.1.6"),
        ({"mix_weight": uneven}, "mix_weight must be the same in all voxels of a sample"),
    ):
        with pytest.raises(ValueError, match=message):
            loss(at.logits, at.target, **good | change)
