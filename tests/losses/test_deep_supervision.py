"""Deep supervision: every level counts, targets follow, released weights are available."""

import numpy as np
import pytest
import torch

from tubekit.geometry import tubed_skeleton
from tubekit.losses import CrossEntropyLoss, DeepSupervision, SkeletonRecallLoss, SoftDiceLoss
from tubekit.losses.deep_supervision import resize_nearest
from tubekit.types import SegOutput

from .scenes import scene

close = torch.testing.assert_close


def pyramid(logits: torch.Tensor, levels: int) -> SegOutput:
    steps = [(..., *[slice(None, None, 2**i)] * (logits.ndim - 2)) for i in range(levels)]
    full, *deep = (logits[s].clone().requires_grad_() for s in steps)
    return SegOutput(full, tuple(deep))


@pytest.mark.parametrize("ndim", [2, 3])
def test_every_level_gets_gradient(ndim: int):
    at = scene(3, ndim)
    output = pyramid(at.logits, 3)
    DeepSupervision(SoftDiceLoss())(output, at.target).backward()
    for level in (output.logits, *output.deep):
        assert level.grad.abs().sum() > 0


def test_released_weights_leave_the_coarsest_level_out():
    at = scene(3)
    output = pyramid(at.logits, 3)
    loss = DeepSupervision(SoftDiceLoss(), as_released=True)
    loss(output, at.target).backward()
    assert output.deep[0].grad.abs().sum() > 0
    assert output.deep[1].grad.abs().sum() == 0
    assert loss.level_weights(3) == pytest.approx((2 / 3, 1 / 3, 0))
    assert loss.level_weights(1) == (1.0,)


def test_weights_halve_and_sum_to_one():
    assert DeepSupervision(SoftDiceLoss()).level_weights(3) == pytest.approx((4 / 7, 2 / 7, 1 / 7))
    assert DeepSupervision(SoftDiceLoss(), [3.0, 1.0]).level_weights(2) == (0.75, 0.25)


@pytest.mark.parametrize("ndim", [2, 3])
def test_value_is_the_weighted_mean_of_the_levels(ndim: int):
    at = scene(3, ndim)
    output = pyramid(at.logits, 2)
    loss = SkeletonRecallLoss()
    # The centres of coarse voxels lie between two fine ones; the later one is taken.
    coarse = (..., *[slice(1, None, 2)] * ndim)
    expected = (
        2 * at.value(loss) + loss(output.deep[0], at.target[coarse], tube=at.tube[coarse])
    ) / 3
    close(DeepSupervision(loss)(output, at.target, tube=at.tube), expected)
    # A list and a tuple of logits are the same thing; a single tensor is one level.
    close(DeepSupervision(loss)([output.logits, *output.deep], at.target, tube=at.tube), expected)
    close(DeepSupervision(loss)(at.logits, at.target, tube=at.tube), at.value(loss))


def test_valid_follows_to_coarse_levels():
    at = scene(3)
    valid = torch.ones_like(at.target, dtype=torch.bool)
    valid[..., 5:] = False
    output = pyramid(at.logits, 2)
    DeepSupervision(CrossEntropyLoss())(output, at.target, valid=valid).backward()
    gradient = output.deep[0].grad.abs()
    assert (gradient[..., 2:] == 0).all()
    assert (gradient[..., :2] > 0).all()


def test_odd_sizes_and_any_ratio():
    values = torch.arange(7).view(1, 1, 7)
    assert resize_nearest(values, (3,)).flatten().tolist() == [1, 3, 5]
    assert resize_nearest(values, (7,)) is values
    assert resize_nearest(values[..., :2], (5,)).flatten().tolist() == [0, 0, 1, 1, 1]
    volume = torch.rand(1, 2, 6, 8, 10)
    close(resize_nearest(volume, (3, 4, 5)), volume[..., 1::2, 1::2, 1::2])


def test_reskeletonising_draws_the_tube_on_the_coarse_label():
    at = scene(2)
    output = pyramid(at.logits, 2)
    loss = SkeletonRecallLoss()
    small = resize_nearest(at.target, output.deep[0].shape[2:])
    drawn = np.stack([tubed_skeleton(label) for label in small[:, 0].numpy()])[:, None]
    drawn = torch.from_numpy(drawn).long()
    expected = (2 * at.value(loss) + loss(output.deep[0], small, tube=drawn)) / 3
    value = DeepSupervision(loss, reskeletonise=True)(output, at.target, tube=at.tube)
    close(value, expected)
    value.backward()
    # The tube is clipped to the coarse label, so no gradient falls outside.
    foreground = output.deep[0].grad.abs().sum(1, keepdim=True) > 0
    assert not (foreground & (small == 0)).any()


def test_errors():
    at = scene(2)
    output = pyramid(at.logits, 2)
    with pytest.raises(ValueError, match="3 weights for 2 levels"):
        DeepSupervision(SoftDiceLoss(), [4.0, 2.0, 1.0])(output, at.target)
    with pytest.raises(ValueError, match="positive sum and exclude as_released"):
        DeepSupervision(SoftDiceLoss(), [0.0, 0.0])
    with pytest.raises(ValueError, match="positive sum and exclude as_released"):
        DeepSupervision(SoftDiceLoss(), [2.0, 1.0], as_released=True)
    with pytest.raises(ValueError, match="needs a loss with the map 'tube'"):
        DeepSupervision(SoftDiceLoss(), reskeletonise=True)
    with pytest.raises(ValueError, match="target must have shape"):
        DeepSupervision(SoftDiceLoss())(SegOutput(output.deep[0], (output.logits,)), at.target)
