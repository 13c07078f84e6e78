"""The loop: what it learns, selects, records and refuses."""

import math
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.training import _run
from tubekit.losses import CrossEntropyLoss, DeepSupervision, DiceCELoss
from tubekit.networks import UNet
from tubekit.training import Supervised, adamw, fit, load_checkpoint, nnunet_sgd, poly
from tubekit.types import SegOutput, Spec


class Weighted(nn.Module):
    """A loss with a map and the valid mask."""

    needs = ("tube",)

    def forward(self, logits: Tensor, target: Tensor, **maps: Tensor) -> Tensor:
        self.seen = {name: value.shape for name, value in maps.items()}
        return (logits - maps["tube"]).square().mean()


class Deep(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fine = nn.Conv2d(1, 1, 1)
        self.coarse = nn.Conv2d(1, 1, 1)

    def forward(self, image: Tensor) -> SegOutput:
        return SegOutput(self.fine(image), (self.coarse(image[..., ::2, ::2]),))


def test_unet_learns_a_line() -> None:
    def batches(step: int) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(step)
        target = torch.zeros(2, 1, 16, 16, dtype=torch.long)
        target[:, :, int(torch.randint(2, 14, (), generator=generator))] = 1
        noise = torch.randn(target.shape, generator=generator)
        return {"image": target + 0.3 * noise, "target": target}

    net = UNet(2, 1, 1, features=(4, 8), deep_supervision=True)
    update = Supervised(net, DeepSupervision(DiceCELoss()), Spec(adamw, lr=0.02))
    result = fit(update, batches, steps=60)
    batch = batches(1000)
    with torch.no_grad():
        found = net(batch["image"]).logits > 0
    assert not net.training
    assert (found == batch["target"].bool()).float().mean() > 0.97
    assert result.history[-1]["loss"] < 0.5 * result.history[0]["loss"]


def test_history_and_report() -> None:
    result = _run.train(_run.network(), None)
    rows = result.history
    assert [r["step"] for r in rows] == list(range(1, 41))
    assert [r["lr"] for r in rows] == pytest.approx([0.01 * poly(t, 40) for t in range(40)])
    assert [r["step"] for r in rows if r["validation"] is not None] == list(range(5, 41, 5))
    assert (result.stopped_by, result.device, result.precision) == ("steps", "cpu", "32-true")
    assert result.seconds > 0
    assert 50 < result.peak_memory_mb < 20_000


def test_ends_with_the_best_validation_weights() -> None:
    scores = {5: 0.2, 10: 0.9, 15: math.nan, 20: 0.9}
    kept: dict[int, Tensor] = {}

    net = _run.network()

    def score() -> float:
        assert not net.training
        assert not torch.is_grad_enabled()
        step = 5 * (len(kept) + 1)
        kept[step] = net[0].weight.clone()
        return scores[step]

    result = _run.train(net, None, steps=20, validate=score)
    assert (result.best_step, result.best_validation) == (10, 0.9)  # the first of equals
    assert torch.equal(net[0].weight, kept[10])
    assert not torch.equal(net[0].weight, kept[20])


def test_without_validation_the_last_weights_stay() -> None:
    result = _run.train(_run.network(), None, steps=3, validate=None)
    assert (result.best_step, result.best_validation) == (None, None)


def test_the_last_step_always_validates() -> None:
    result = _run.train(_run.network(), None, steps=3, validate_every=100)
    assert result.best_step == 3


def test_prefetching_changes_no_number_and_asks_once_per_step() -> None:
    asked: list[tuple[int, bool]] = []

    def batches(step: int) -> dict[str, Tensor]:
        asked.append((step, threading.current_thread() is threading.main_thread()))
        return _run.batches(step)

    runs = [
        fit(_run.plainly(_run.network()), batches, steps=6, prefetch=flag).history
        for flag in (False, True)
    ]
    assert runs[0] == runs[1]
    assert asked == [(i, True) for i in range(6)] + [(i, False) for i in range(6)]


def test_an_error_in_the_sampler_reaches_the_caller() -> None:
    def batches(step: int) -> dict[str, Tensor]:
        if step == 2:
            raise RuntimeError("no case left")
        return _run.batches(step)

    with pytest.raises(RuntimeError, match="no case left"):
        fit(_run.plainly(_run.network()), batches, steps=5)


def test_one_step_is_plain_sgd_with_clipping() -> None:
    """The update by hand: the rate, the clipped gradient, nothing else."""
    for clip in (math.inf, 0.01):
        net = nn.Conv2d(1, 1, 1)
        start = {n: p.clone() for n, p in net.named_parameters()}
        batch = _run.batches(0)
        value = _run.Loss()(net(batch["image"]), batch["target"])
        grads = dict(zip(start, torch.autograd.grad(value, list(net.parameters())), strict=True))
        norm = torch.stack([g.norm() for g in grads.values()]).norm()
        scale = min(1.0, clip / float(norm))
        sgd = Spec(nnunet_sgd, lr=0.5, momentum=0.9, weight_decay=0.0)
        fit(_run.plainly(net, optimizer=sgd, grad_clip=clip), _run.batches, steps=1)
        for name, parameter in net.named_parameters():
            # Nesterov: the first step is (1 + momentum) times the gradient.
            expected = start[name] - 0.5 * 1.9 * scale * grads[name]
            torch.testing.assert_close(parameter, expected, rtol=1e-4, atol=1e-7)


def test_the_seed_reaches_dropout_and_leaves_no_trace() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    losses = [
        [r["loss"] for r in _run.train(_run.network(), None, steps=3, seed=s).history]
        for s in (0, 0, 1)
    ]
    assert losses[0] == losses[1] != losses[2]
    assert torch.equal(torch.get_rng_state(), before)


def test_maps_and_valid_reach_the_loss() -> None:
    def batches(step: int) -> dict[str, Tensor]:
        batch = _run.batches(step)
        extra = {"tube": batch["target"], "unused": batch["target"]}
        return batch | extra | {"valid": batch["target"] >= 0}

    loss = Weighted()
    fit(Supervised(nn.Conv2d(1, 1, 1), loss), batches, steps=1)
    assert loss.seen == {"tube": (2, 1, 8, 8), "valid": (2, 1, 8, 8)}


def test_a_missing_map_is_named_with_its_step() -> None:
    with pytest.raises(ValueError, match=r"step 1: Weighted needs target, tube.*let the sampler"):
        fit(Supervised(nn.Conv2d(1, 1, 1), Weighted()), _run.batches, steps=1)


def test_bad_labels_are_named_with_their_step() -> None:
    def batches(step: int) -> dict[str, Tensor]:
        batch = _run.batches(step)
        return batch | {"target": batch["target"] + 5 * (step == 1)}

    with pytest.raises(ValueError, match=r"training step 2: .*0\.\.1"):
        fit(Supervised(nn.Conv2d(1, 1, 1), DiceCELoss()), batches, steps=3)


def test_only_deep_supervision_reaches_the_coarse_head() -> None:
    for loss, reached in ((_run.Loss(), False), (DeepSupervision(DiceCELoss()), True)):
        net = Deep()
        before = net.coarse.weight.clone()
        fit(Supervised(net, loss, Spec(adamw, weight_decay=0.0)), _run.batches, steps=2)
        assert torch.equal(net.coarse.weight, before) != reached


def test_an_infinite_gradient_is_caught_although_the_loss_is_finite() -> None:
    class Root(nn.Module):
        def forward(self, logits: Tensor, target: Tensor) -> Tensor:
            return (logits - logits.detach()).sum().sqrt()

    net = nn.Conv2d(1, 1, 1)
    before = net.weight.clone()
    with pytest.raises(FloatingPointError, match="gradient norm"):
        fit(Supervised(net, Root()), _run.batches, steps=1)
    assert torch.equal(net.weight, before)


def test_bf16_trains_in_float32_weights() -> None:
    net = _run.network()
    result = _run.train(net, None, steps=3, precision="bf16-mixed")
    assert result.precision == "bf16-mixed"
    assert net[0].weight.dtype == torch.float32
    exact = _run.train(_run.network(), None, steps=3).history[-1]["loss"]
    assert result.history[-1]["loss"] == pytest.approx(exact, rel=0.05)
    assert result.history[-1]["loss"] != exact


@pytest.mark.parametrize(
    "arguments",
    [
        {"steps": 0},
        {"max_seconds": 0.0},
        {"max_seconds": math.nan},
        {"validate_every": 0},
        {"checkpoint_every": 0},
        {"devices": 0},
    ],
)
def test_bounds_must_be_positive(arguments: dict) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        fit(_run.plainly(_run.network()), _run.batches, **({"steps": 1} | arguments))


def test_the_bound_of_the_gradient_must_be_positive() -> None:
    with pytest.raises(ValueError, match="grad_clip must be positive, got 0"):
        _run.plainly(_run.network(), grad_clip=0.0)


def test_progress_shows_a_bar(capsys: pytest.CaptureFixture[str]) -> None:
    fit(_run.plainly(_run.network()), _run.batches, steps=2, progress=True)
    shown = capsys.readouterr().err
    assert "2/2" in shown
    assert "loss=" in shown
    for precision in ("32-true", "bf16-mixed"):
        fit(_run.plainly(_run.network()), _run.batches, steps=2, precision=precision)
    assert capsys.readouterr() == ("", "")


@pytest.mark.slow
def test_two_processes_equal_one_with_the_double_batch(tmp_path: Path) -> None:
    script = Path(_run.__file__)
    path = tmp_path / "two.ckpt"
    command = [sys.executable, str(script), str(path), "2"]
    done = subprocess.run(
        command, cwd=script.parents[2], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]

    def joined(step: int) -> dict[str, Tensor]:
        pair = _run.batches(2 * step), _run.batches(2 * step + 1)
        return {name: torch.cat([half[name] for half in pair]) for name in pair[0]}

    net = _run.plain()
    fit(_run.plainly(net, optimizer=Spec(adamw, lr=0.01)), joined, steps=4)
    for name, value in load_checkpoint(path)["modules"]["network"].items():
        torch.testing.assert_close(value, net.state_dict()[name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("ndim", [2, 3])
def test_channels_last_is_the_same_training_to_rounding(ndim: int) -> None:
    """Volumes lie the other way in memory, weights and input; images stay as they are."""
    found, seen = [], []

    class Look(UNet):
        def forward(self, image: Tensor) -> Tensor | SegOutput:
            seen.append((image.is_contiguous(), self.encoder[0][0][0].weight.is_contiguous()))
            return super().forward(image)

    def batches(index: int) -> dict[str, Tensor]:
        made = torch.Generator().manual_seed(index)
        image = torch.randn(2, 2, *(8,) * ndim, generator=made)
        return {"image": image, "target": (image[:, :1] > 0).long()}

    for channels_last in (False, True):
        torch.manual_seed(0)
        network = Look(ndim, 2, 2, features=(4, 8))
        result = fit(
            Supervised(network, CrossEntropyLoss()), batches, steps=3, channels_last=channels_last
        )
        found.append([row["loss"] for row in result.history])
    assert seen == [(True, True)] * 3 + [(ndim == 2, ndim == 2)] * 3
    assert found[0] == (pytest.approx(found[1], rel=1e-4) if ndim == 3 else found[1])
