"""What people do with a module: copy, store, compile, export, trace, scale, print."""

import copy
import inspect
import io
import pickle
import warnings

import pytest
import torch
from torch import Tensor, nn

from tubekit.losses import GrowthSuppressionLoss, TopologicalClDiceLoss
from tubekit.losses.base import OPTIONS

from .scenes import EXAMPLES, Example, Scene, scene

close = torch.testing.assert_close
every_loss = pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.name)
every_size = pytest.mark.parametrize(("channels", "ndim"), [(1, 2), (3, 3)])


def levels(example: Example, logits: Tensor):
    """What the network returns; a list in place of a ``SegOutput``, which no graph may hold."""
    output = example.as_input(logits)
    return [output.logits, *output.deep] if hasattr(output, "deep") else output


def quiet(example: Example, **arguments) -> nn.Module:
    """A loss without noise of its own."""
    return example(**arguments).train(example.name != "TopologicalClDiceLoss")


class Traceable(nn.Module):
    """Network and loss as one module of positional tensors."""

    def __init__(self, example: Example, at: Scene) -> None:
        super().__init__()
        self.example, self.loss = example, quiet(example)
        self.names = tuple(at.maps(self.loss))
        grid = at.logits.ndim - 2
        torch.manual_seed(0)
        self.network = getattr(nn, f"Conv{grid}d")(1, at.logits.shape[1], 3, padding=1)

    def forward(self, image: Tensor, target: Tensor, *maps: Tensor) -> Tensor:
        logits = self.network(image)
        given = dict(zip(self.names, maps, strict=True))
        if "mixed_logits" in given:
            given["mixed_logits"] = self.network(image.flip(2))
        return self.loss(levels(self.example, logits), target, **given)

    def inputs(self, at: Scene) -> tuple[Tensor, ...]:
        maps = [value.detach() for value in at.maps(self.loss).values()]
        return at.logits[:, :1].detach(), at.target, *maps


def value_and_gradient(run, example: Example, at: Scene, loss: nn.Module) -> tuple[Tensor, Tensor]:
    logits = at.logits.clone().requires_grad_()
    value = run(levels(example, logits), at.target, **at.with_(logits=logits).maps(loss))
    (gradient,) = torch.autograd.grad(value, logits)
    return value.detach(), gradient


@every_loss
def test_copies_give_the_same_number(example: Example):
    at, loss = scene(3), example().eval()
    expected = value_and_gradient(loss, example, at, loss)
    stored = io.BytesIO()
    torch.save(loss.state_dict(), stored)
    stored.seek(0)
    loaded = example().eval()
    loaded.load_state_dict(torch.load(stored, weights_only=True))
    for other in (copy.deepcopy(loss), pickle.loads(pickle.dumps(loss)), loaded):
        assert repr(other) == repr(loss)
        for found, true in zip(
            value_and_gradient(other, example, at, other), expected, strict=True
        ):
            assert torch.equal(found, true)


@every_loss
def test_a_resumed_loss_counts_on(example: Example):
    at, loss = scene(2), example()
    value_and_gradient(loss, example, at, loss)
    other = example()
    other.load_state_dict(loss.state_dict())
    for found, true in zip(
        value_and_gradient(other, example, at, other),
        value_and_gradient(loss, example, at, loss),
        strict=True,
    ):
        assert torch.equal(found, true)


@every_loss
@every_size
@pytest.mark.usefixtures("unchecked")
def test_compiled_whole(example: Example, channels: int, ndim: int):
    """One graph, no break, the same value and gradient."""
    at, loss = scene(channels, ndim), quiet(example)
    expected = value_and_gradient(quiet(example), example, at, loss)
    torch._dynamo.reset()
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    close(value_and_gradient(compiled, example, at, loss), expected, rtol=2e-5, atol=1e-6)


@every_loss
@every_size
@pytest.mark.usefixtures("unchecked")
def test_exported_with_a_network(example: Example, channels: int, ndim: int):
    at, other = scene(channels, ndim), scene(channels, ndim, seed=5)
    model = Traceable(example, at).eval()
    exported = torch.export.export(model, model.inputs(at)).module()
    close(exported(*model.inputs(other)), model(*model.inputs(other)), rtol=1e-5, atol=1e-6)


@every_loss
@every_size
@pytest.mark.usefixtures("unchecked")
def test_traced_with_a_network(example: Example, channels: int, ndim: int):
    """On another batch than the one it was traced with: no value may have become a constant."""
    at, other = scene(channels, ndim), scene(channels, ndim, seed=5)
    model = Traceable(example, at)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # shapes are compared in Python, and are meant to be fixed
        traced = torch.jit.trace(model, model.inputs(at), check_trace=False)
    results = []
    for run in (traced, model):
        value = run(*model.inputs(other))
        results.append([value, *torch.autograd.grad(value, list(model.parameters()))])
    close(*results, rtol=2e-5, atol=1e-6)


@pytest.mark.usefixtures("unchecked")
def test_what_no_program_can_hold_says_why():
    at = scene(1)
    maps = at.maps(GrowthSuppressionLoss())
    for loss, given, why in (
        (TopologicalClDiceLoss(), {}, "draws noise from a generator of its own"),
        (GrowthSuppressionLoss(warmup_steps=2, radius=1), maps, "count of calls in its warm-up"),
    ):

        class Model(nn.Module):
            def __init__(self, loss: nn.Module) -> None:
                super().__init__()
                self.loss = loss

            def forward(self, logits: Tensor, target: Tensor, *maps: Tensor) -> Tensor:
                return self.loss(logits, target, **dict(zip(self.loss.needs, maps, strict=True)))

        inputs = at.logits, at.target, *given.values()
        with pytest.raises(ValueError, match=f"{why}.*cannot be exported or traced; call eval"):
            torch.export.export(Model(loss), inputs)
        # Compiled it works in two graphs.
        torch._dynamo.reset()
        compiled = torch.compile(copy.deepcopy(loss), backend="eager")
        close(compiled(at.logits, at.target, **given), loss(at.logits, at.target, **given))


@every_loss
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_scaler_skips_the_step_that_overflowed(example: Example, dtype: torch.dtype):
    """Infinite logits are no error of the user: the scaler must see them."""
    at, loss = scene(2), example()
    torch.manual_seed(0)
    network = nn.Conv2d(1, 2, 3, padding=1)
    optimiser = torch.optim.SGD(network.parameters(), 1e-3)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0)
    for factor, skipped in ((1.0, False), (float("inf"), True), (1.0, False)):
        before = copy.deepcopy(network.state_dict())
        optimiser.zero_grad()
        with torch.autocast("cpu", dtype):
            logits = network(at.logits[:, :1] * factor)
            maps = at.with_(logits=logits).maps(loss)
            value = loss(example.as_input(logits), at.target, **maps)
        assert value.isfinite() != skipped
        scaler.scale(value).backward()
        scaler.step(optimiser)
        scaler.update()
        after = network.state_dict()
        assert all(p.isfinite().all() for p in after.values())
        assert skipped == all(torch.equal(after[name], before[name]) for name in after)


@every_loss
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_logits_that_are_not_finite_raise_nothing(example: Example, bad: float):
    at = scene(3)
    logits = torch.full_like(at.logits, bad)
    at = at.with_(logits=logits)
    value = example()(example.as_input(logits), at.target, **at.maps(example()))
    assert not value.isfinite()


@every_loss
def test_settings_are_shown(example: Example):
    """Every number and word that a loss is built with stands in its ``repr``."""
    for _, other in example.knobs.values():
        text = repr(example(**other))
        for name, value in other.items():
            if isinstance(value, int | float | str) and not isinstance(value, bool):
                assert repr(value) in text, f"{name} is not shown"
    for name, value in {"validate": False, "ignore_index": 7}.items():
        assert f"{name}={value}" in repr(example(**{name: value}))


@every_loss
def test_the_signature_names_every_option(example: Example):
    parameters = inspect.signature(example.make).parameters
    assert set(OPTIONS) <= set(parameters)
    assert "options" not in parameters
    with pytest.raises(TypeError, match="unexpected keyword"):
        example(colour="red")
