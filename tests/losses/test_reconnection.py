"""The reconnection loss: values by hand, and where its gradient reaches."""

import functools
import itertools
import math

import numpy as np
import pytest
import torch

from tubekit.geometry import reconnect, soft_skeleton
from tubekit.losses.reconnection import ON, ReconnectionLoss, reconnection_loss

LOWEST = 6 * math.log(10)


def row(*bits: tuple[int, int, float], ndim: int = 2, size: int = 30) -> torch.Tensor:
    """Probabilities of a thin line along the last axis: (start, stop, value) of each bit."""
    probs = torch.zeros((1, 1, *(7,) * (ndim - 1), size), dtype=torch.float64)
    for start, stop, value in bits:
        probs[(..., *(3,) * (ndim - 1), slice(start, stop))] = value
    return probs


over_support = functools.partial(reconnection_loss, mean_over="support")
GAP = ((4, 12, 0.9), (17, 25, 0.8))


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("on", ON)
def test_a_gap_by_hand(ndim, on):
    probs = row(*GAP, ndim=ndim)
    expected = (-8 * math.log(0.9) - 8 * math.log(0.8) + 5 * LOWEST) / 21
    assert over_support(probs, on=on).item() == pytest.approx(expected)
    probs = row(*GAP, (12, 17, 0.1), ndim=ndim)
    expected = (-8 * math.log(0.9) - 8 * math.log(0.8) - 5 * math.log(0.1)) / 21
    assert over_support(probs, on=on).item() == pytest.approx(expected)


def test_only_the_cut_skeleton_and_its_lines_count():
    probs = row(*GAP, (27, 30, 0.4))
    for threshold, line in ((0.5, 5 * LOWEST / 21), (0.85, 0)):
        value = over_support(probs, threshold=threshold).item()
        expected = -math.log(0.9) if not line else line - 8 * math.log(0.72) / 21
        assert value == pytest.approx(expected)
    assert over_support(row((4, 12, 0.5))).item() == pytest.approx(math.log(2))


@pytest.mark.parametrize("arguments", [{"max_distance": 5.9}, {"min_voxels": 9}])
def test_limits_keep_lines_away(arguments):
    apart = -0.5 * math.log(0.72)
    assert over_support(row(*GAP), **arguments).item() == pytest.approx(apart)
    almost = {"max_distance": 6.0, "min_voxels": 8}
    assert over_support(row(*GAP), **almost).item() > 1


def test_lines_are_those_of_reconnect(rng):
    probs = torch.from_numpy(rng.random((1, 1, 24, 24)))
    skeleton = soft_skeleton(probs, 2)[0, 0].numpy()
    sizes = set()
    for to, chains in itertools.product(("end_points", "skeleton"), (False, True)):
        lines = {"max_distance": 4.0, "min_voxels": 2, "to": to, "chains": chains}
        joined = reconnect(skeleton >= 0.5, **lines)
        value = over_support(probs, iterations=2, **lines)
        assert value.item() == pytest.approx(-np.log(skeleton[joined].clip(1e-6)).mean())
        sizes.add(int(joined.sum()))
    assert len(sizes) > 2


def test_mean_over_voxels_of_the_batch_and_over_classes_with_a_skeleton():
    one, two = row((4, 12, 0.9)), row((4, 8, 0.6))
    batch = torch.cat([one, two])
    pooled = -(8 * math.log(0.9) + 4 * math.log(0.6)) / 12
    assert over_support(batch).item() == pytest.approx(pooled)
    classes = torch.cat([one, two, torch.zeros_like(one)], dim=1)
    assert over_support(classes).item() == pytest.approx(-math.log(0.54) / 2)


def test_mean_over_all_valid_voxels_or_over_the_skeleton():
    probs = torch.cat([row((4, 12, 0.9)), row((4, 8, 0.6))])
    total = -(8 * math.log(0.9) + 4 * math.log(0.6))
    assert reconnection_loss(probs).item() == pytest.approx(total / (2 * 7 * 30))
    assert over_support(probs).item() == pytest.approx(total / 12)
    valid = torch.ones(probs.shape, dtype=torch.bool)
    valid[..., :2, :] = False
    assert reconnection_loss(probs, valid=valid).item() == pytest.approx(total / (2 * 5 * 30))
    classes = torch.cat([probs, torch.zeros_like(probs)], dim=1)
    assert reconnection_loss(classes).item() == pytest.approx(total / (2 * 7 * 30))


@pytest.mark.parametrize("on", ON)
def test_nothing_found_is_zero_with_a_live_graph(on):
    for probs in (row(), row((0, 30, 0.4)), torch.ones(2, 3, 5, 6)):
        probs.requires_grad_()
        value = over_support(probs, on=on)
        value.backward()
        assert value.item() == 0
        assert probs.grad is not None
        assert not probs.grad.any()


@pytest.mark.parametrize("on", ON)
def test_a_line_outside_valid_does_not_count(on):
    logits = row(*((a, b, 40.0) for a, b, _ in GAP)) - 20
    target = torch.zeros(logits.shape, dtype=torch.int64)
    valid = torch.ones(logits.shape, dtype=torch.bool)
    loss = ReconnectionLoss(on=on, mean_over="support")
    assert loss(logits, target).item() == pytest.approx(5 * LOWEST / 21, rel=1e-6)
    valid[..., 13:15] = False
    assert loss(logits, target, valid=valid).item() == pytest.approx(3 * LOWEST / 19, rel=1e-6)
    valid[..., 12:17] = False
    assert loss(logits, target, valid=valid).item() == pytest.approx(0, abs=1e-6)
    noise = logits.where(valid, 5)
    assert loss(noise, target, valid=valid) == loss(logits, target, valid=valid)


def gradient(probs: torch.Tensor, on: str) -> torch.Tensor:
    probs = probs.clone().requires_grad_()
    over_support(probs, on=on).backward()
    return probs.grad[0, 0, 3]


def test_a_gap_without_a_trace_gets_a_gradient_on_the_probabilities_only():
    background = row(*GAP).clamp(min=0.02)  # level, as where a network sees nothing
    inner = slice(13, 16)
    assert not gradient(background, "skeleton")[inner].any()
    # Nor would a constant under the logarithm help: the skeleton itself does not move.
    leaf = background.clone().requires_grad_()
    (soft_skeleton(leaf, 10) + 1e-6).log()[0, 0, 3, inner].sum().backward()
    assert not leaf.grad[0, 0, 3, inner].any()
    assert torch.allclose(
        gradient(background, "probs")[inner], torch.tensor(-1 / 0.02 / 21).double()
    )


def test_a_faint_trace_gets_a_gradient_either_way():
    trace = row(*GAP, (12, 17, 0.05)).clamp(min=0.02)
    assert (gradient(trace, "skeleton")[12:17] < 0).all()
    assert (gradient(trace, "probs")[12:17] < 0).all()


@pytest.mark.parametrize("on", ON)
def test_gradient_agrees_with_finite_differences(on):
    torch.manual_seed(3)
    probs = (row(*GAP, (12, 17, 0.1), size=28) + 0.05 * torch.rand(1, 1, 7, 28)).clamp(max=0.97)
    function = lambda p: over_support(p, iterations=2, on=on)  # noqa: E731
    assert torch.autograd.gradcheck(function, probs.requires_grad_(), eps=1e-7, atol=1e-5)


def test_descent_on_the_probabilities_closes_a_gap_without_a_trace():
    """And the printed form does not: the finding behind the option."""
    lowest = {}
    for on in ON:
        logits = (row(*GAP).clamp(min=0.02).logit()).requires_grad_()
        optimiser = torch.optim.Adam([logits], lr=0.2)
        for _ in range(40):
            optimiser.zero_grad()
            over_support(logits.sigmoid(), iterations=3, on=on).backward()
            optimiser.step()
        lowest[on] = logits.sigmoid()[0, 0, 3, 12:17].min().item()
    assert lowest["probs"] > 0.5
    assert lowest["skeleton"] < 0.1


def test_the_module_passes_every_argument_on():
    arguments = {
        "iterations": 3, "threshold": 0.3, "max_distance": 4.0, "min_voxels": 2,
        "to": "skeleton", "chains": True, "on": "probs",
    }  # fmt: skip
    torch.manual_seed(0)
    logits = torch.randn(2, 1, 20, 20)
    target = torch.zeros(2, 1, 20, 20, dtype=torch.int64)
    given = ReconnectionLoss(**arguments).to("cpu")(logits, target)
    assert given == reconnection_loss(logits.sigmoid(), **arguments)
    changed = {
        "iterations": 1, "threshold": 0.6, "max_distance": 9.0, "min_voxels": 1,
        "to": "end_points", "chains": False, "on": "skeleton",
    }  # fmt: skip
    for name, value in changed.items():
        assert ReconnectionLoss(**arguments | {name: value})(logits, target) != given, name


def test_bad_arguments_are_named():
    for arguments, message in (
        ({"iterations": 0}, "iterations must be an integer of at least 1"),
        ({"min_voxels": 0}, "min_voxels must be an integer of at least 1"),
        ({"max_distance": -1.0}, "max_distance must be finite and at least 0"),
        ({"threshold": 1.0}, r"threshold must lie in \(0, 1\)"),
        ({"to": "main"}, "to must be one of"),
        ({"on": "logits"}, "on must be one of 'skeleton', 'probs'"),
    ):
        with pytest.raises(ValueError, match=message):
            ReconnectionLoss(**arguments)
    with pytest.raises(ValueError, match="on must be one of"):
        reconnection_loss(row(*GAP), on="logits")


@pytest.mark.usefixtures("unchecked")
def test_what_are_no_probabilities_or_not_of_one_grid():
    for wrong in (math.nan, 1.2, -0.1):
        with pytest.raises(ValueError, match=r"probs must lie in \[0, 1\], got .*; take the sigm"):
            reconnection_loss(row(*GAP, (1, 2, wrong)))
    with pytest.raises(ValueError, match=r"expected equal shapes, got probs .* valid"):
        reconnection_loss(row(*GAP), valid=row(*GAP, size=29) > 0)
