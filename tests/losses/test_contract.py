"""What every exported loss must do."""

import inspect

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tubekit import losses
from tubekit.losses import SegmentationLoss
from tubekit.losses.base import OPTIONS
from tubekit.losses.batch import accepted
from tubekit.losses.checks import UNIT_MAPS
from tubekit.types import SegOutput, Spec

from .scenes import EXAMPLES, Example, Scene, scene

every_loss = pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.name)
every_size = pytest.mark.parametrize(
    ("channels", "ndim"), [(c, d) for d in (2, 3) for c in (1, 2, 3)]
)


def run(example: Example, at: Scene, valid: torch.Tensor | None = None, **arguments):
    """Value and gradient of a freshly built loss."""
    loss = example(**arguments)
    logits = at.logits.clone().requires_grad_()
    # A map may come from the network too.
    maps = at.with_(logits=logits).maps(loss) | ({} if valid is None else {"valid": valid})
    value = loss(example.as_input(logits), at.target, **maps)
    value.backward()
    return value.detach(), logits.grad


def test_the_suite_covers_every_exported_loss():
    exported = {
        name
        for name in losses.__all__
        if inspect.isclass(c := getattr(losses, name))
        and issubclass(c, SegmentationLoss)
        and c not in (SegmentationLoss, losses.ForeignLoss)
    }
    assert exported == {example.name for example in EXAMPLES}


@every_loss
@every_size
def test_gradient_is_alive_in_every_channel(example: Example, channels: int, ndim: int):
    value, gradient = run(example, scene(channels, ndim))
    assert value.shape == ()
    assert gradient.isfinite().all()
    assert (gradient.abs().flatten(2).amax((0, 2)) > 0).all()


@every_loss
@every_size
def test_range(example: Example, channels: int, ndim: int):
    at = scene(channels, ndim)
    perfect = 20 * torch.nn.functional.one_hot(at.target[:, 0], max(2, channels)).movedim(-1, 1)
    perfect = (perfect[:, -1:] - 10 if channels == 1 else perfect).float()
    for logits in (at.logits, perfect, -perfect, torch.zeros_like(perfect)):
        value, _ = run(example, at.with_(logits=logits))
        assert example.low - 1e-6 <= value <= example.high + 1e-6


@every_loss
@every_size
def test_empty_and_full_masks_are_finite(example: Example, channels: int, ndim: int):
    at = scene(channels, ndim)
    for label in (0, 1):
        whole = torch.full_like(at.target, label)
        for logits in (at.logits, at.logits - 200, at.logits + 200):
            value, gradient = run(example, Scene(logits, whole, whole))
            assert value.isfinite()
            assert gradient.isfinite().all()
            assert example.low - 1e-6 <= value <= example.high + 1e-6


@every_loss
def test_no_argument_is_dead(example: Example):
    assert set(example.knobs) == set(inspect.signature(example.make).parameters) - set(OPTIONS) | (
        set(example.knobs) & {"reduction"}
    )
    at = scene(3)
    for knob, (one, two) in example.knobs.items():
        results = []
        for arguments in (one, two):
            loss = example(**arguments)
            logits = at.logits.clone().requires_grad_()
            maps = at.with_(logits=logits).maps(loss)
            value = loss(example.as_input(logits), at.target, **maps)
            results.append(
                torch.cat([value.view(1), *torch.autograd.grad(value, logits)[0].flatten(1)])
            )
        assert not torch.allclose(*results, rtol=1e-6, atol=0), f"{knob} changes nothing"


@every_loss
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_logits_are_summed_in_float32(example: Example, dtype: torch.dtype):
    at = scene(2)
    half = at.with_(logits=at.logits.to(dtype))
    value, gradient = run(example, half)
    expected, _ = run(example, half.with_(logits=half.logits.float()))
    assert value.dtype == torch.float32
    assert value == expected
    assert gradient.dtype == dtype
    assert gradient.isfinite().all()


@every_loss
def test_autocast_changes_nothing(example: Example):
    at = scene(2)
    expected, _ = run(example, at)
    with torch.autocast("cpu", torch.bfloat16):
        value, _ = run(example, at)
    torch.testing.assert_close(value, expected, rtol=1e-6, atol=1e-6)


@every_loss
@every_size
def test_voxels_outside_valid_have_no_part(example: Example, channels: int, ndim: int):
    at = scene(channels, ndim)
    everywhere = torch.ones_like(at.target, dtype=torch.bool)
    torch.testing.assert_close(run(example, at, everywhere), run(example, at), rtol=1e-6, atol=1e-7)

    valid = everywhere.clone()
    valid[..., 4:] = False
    value, gradient = run(example, at, valid)
    changed = Scene(
        at.logits.where(valid, at.logits.flip(0) + 3),
        at.target.where(valid, 1 - at.target.clamp(max=1)),
        at.tube.where(valid, 1),
    )
    torch.testing.assert_close(run(example, changed, valid)[0], value, rtol=1e-6, atol=1e-7)
    assert (gradient * ~valid == 0).all()
    assert (gradient * valid != 0).any()
    assert abs(value - run(example, at)[0]) > 1e-6, "valid is ignored"

    value, gradient = run(example, at, torch.zeros_like(everywhere))
    assert value.isfinite()
    assert gradient.isfinite().all()


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 99), axis=st.sampled_from([2, 3]), channels=st.sampled_from([1, 3]))
def test_flips_and_transposes_leave_the_value(seed: int, axis: int, channels: int):
    at = scene(channels, seed=seed)
    flipped = Scene(*(t.flip(axis) for t in (at.logits, at.target, at.tube)))
    turned = Scene(*(t.transpose(2, 3) for t in (at.logits, at.target, at.tube)))
    for example in EXAMPLES:
        if example.symmetric:
            expected = run(example, at)[0]
            for other in (flipped, turned):
                value = run(example, other)[0]
                torch.testing.assert_close(value, expected, rtol=1e-5, atol=1e-6, msg=example.name)


@every_loss
def test_bad_input_raises_one_clear_error(example: Example):
    loss, at = example(), scene(3)
    maps = at.maps(loss)
    bad_label = at.target.clone()
    bad_label[0, 0, 0, 0] = 3
    cases = {
        "target must have shape": (at.logits, at.target[..., :-1], maps),
        "target must have shape.*one channel": (at.logits, at.target.expand(-1, 2, -1, -1), maps),
        "must sum to 1 in every voxel.*multi_label": (
            at.logits, at.target.clamp(max=1).expand(-1, 3, -1, -1), maps,
        ),
        "logits must be a floating-point": (at.logits.long(), at.target, maps),
        "logits must have shape": (at.logits[0], at.target, maps),
        "target must hold integer classes, got fractions": (
            at.logits, at.target + 0.5 * (at.target == 1), maps,
        ),
        r"target must lie in 0\.\.2, got 0\.\.3": (at.logits, bad_label, maps),
        "valid must be bool": (at.logits, at.target, maps | {"valid": at.target}),
        "valid must have shape": (
            at.logits, at.target, maps | {"valid": at.target[:, :, 1:] > 0},
        ),
    }  # fmt: skip
    for message, (logits, target, given_maps) in cases.items():
        with pytest.raises(ValueError, match=message):
            loss(logits, target, **given_maps)
    with pytest.raises(TypeError, match="got skeleton;"):
        loss(at.logits, at.target, **maps, skeleton=at.tube)
    for name, value in maps.items():
        with pytest.raises(TypeError, match=f"got no {name}"):
            loss(at.logits, at.target, **{n: v for n, v in maps.items() if n != name})
        with pytest.raises(ValueError, match=f"{name} must have shape"):
            loss(at.logits, at.target, **maps | {name: value[..., 1:]})
        wrong = "be floating point" if name in UNIT_MAPS else r"lie in 0\.\.2"
        with pytest.raises(ValueError, match=f"{name} must {wrong}"):
            loss(at.logits, at.target, **maps | {name: at.tube + 2})


@every_loss
@pytest.mark.usefixtures("unchecked")
def test_what_is_no_tensor_is_named(example: Example):
    loss, at = example(), scene(3)
    for wrong in (None, at.target.numpy()):
        found = type(wrong).__name__
        with pytest.raises(ValueError, match=f"logits must be a floating-point.* got {found};"):
            loss(wrong, at.target, **at.maps(loss))
        with pytest.raises(ValueError, match=f"target must be a torch tensor, got {found}; "):
            loss(at.logits, wrong, **at.maps(loss))
        for name in at.maps(loss):
            with pytest.raises(ValueError, match=f"{name} must be a torch tensor, got {found}; "):
                loss(at.logits, at.target, **at.maps(loss) | {name: wrong})
    with pytest.raises(ValueError, match="valid must be a torch tensor, got ndarray; "):
        loss(at.logits, at.target, **at.maps(loss), valid=at.target.numpy() > 0)


@every_loss
def test_valid_none_means_all_voxels(example: Example):
    at = scene(3)
    logits, maps = example.as_input(at.logits), at.maps(example())
    expected = example()(logits, at.target, **maps)
    assert example()(logits, at.target, valid=None, **maps) == expected


def test_one_channel_takes_two_classes_only():
    at = scene(1)
    with pytest.raises(ValueError, match=r"target must lie in 0\.\.1"):
        losses.SoftDiceLoss()(at.logits, at.target * 2)


def test_a_seg_output_is_refused_with_the_remedy():
    at = scene(1)
    with pytest.raises(ValueError, match="wrap the loss in DeepSupervision"):
        accepted(SegOutput(at.logits), at.target, None, {})


def test_a_floating_map_with_nan_is_refused():
    class WithMap(losses.SoftDiceLoss):
        needs = ("distance",)

    at = scene(2)
    with pytest.raises(ValueError, match="distance must be finite"):
        WithMap()(at.logits, at.target, distance=at.logits[:, :1] * float("nan"))


@every_loss
def test_bad_constructor_arguments(example: Example):
    known = inspect.signature(example.make).parameters
    bad = {
        "smooth": (-1.0, "smooth must be finite and at least 0"),
        "alpha": (-0.1, "alpha must"),
        "gamma": (-1.0, "gamma must be finite and at least 0"),
        "beta": (float("nan"), "beta must be finite"),
        "tau": (0.0, "tau must be finite and above 0"),
        "iterations": (0, "iterations must be an integer of at least 1"),
        "reduction": ("median", "reduction must be one of 'mean', 'sum', 'none'"),
        "method": ("exact", "method must be one of"),
        "weights": ([-1.0, 2.0], "weights.0. must be finite and at least 0"),
        "suppression": (-1.0, "suppression must be finite and at least 0"),
        "warmup_steps": (-1, "warmup_steps must be an integer of at least 0"),
        "max_distance": (-1.0, "max_distance must be finite and at least 0"),
        "threshold": (1.0, "threshold must lie in"),
        "min_voxels": (0, "min_voxels must be an integer of at least 1"),
        "form": ("crf", "form must be one of 'printed', 'potts'"),
        "radius": (0, "radius must be an integer of at least 1"),
        "image_channels": (0, "image_channels must be an integer of at least 1"),
        "sigma_position": (0.0, "sigma_position must be finite and above 0"),
        "sigma_intensity": (float("nan"), "sigma_intensity must be finite and above 0"),
        "targets": ("images", "targets must be one of 'labels', 'predictions'"),
        "on": ("image", "on must be one of"),
        "to": ("all", "to must be one of"),
    }
    for name, (value, message) in bad.items():
        if name in known:
            with pytest.raises(ValueError, match=message):
                example(**{name: value})


def test_losses_are_built_from_specs():
    parts = [Spec(losses.DiceCELoss, batch=True), Spec(losses.SkeletonRecallLoss)]
    spec = Spec(
        losses.DeepSupervision, loss=Spec(losses.WeightedSum, losses=parts, weights=[1.0, 0.5])
    )
    loss = spec.build()
    assert loss.needs == ("tube",)
    assert loss.loss.losses[0].dice.batch
