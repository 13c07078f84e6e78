"""Interrupted runs: kill -9, time limits, full disks, damaged and foreign checkpoints."""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from tests.training import _run
from tubekit.losses import DiceCELoss
from tubekit.training import fit, load_checkpoint, loop, nnunet_sgd, save_checkpoint

SCRIPT = Path(_run.__file__)


def weights(net: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in net.state_dict().items()}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.fixture(scope="module")
def reference() -> tuple[dict[str, torch.Tensor], list[dict[str, float | None]]]:
    net = _run.network()
    result = _run.train(net, None)
    return weights(net), result.history


def test_resume_after_kill_gives_the_same_bits(tmp_path: Path, reference: tuple) -> None:
    path = tmp_path / "run.ckpt"
    environment = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), str(path)], env=environment, cwd=SCRIPT.parents[2]
    )
    deadline = time.monotonic() + 120
    while not path.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.2)  # somewhere in the middle, perhaps while the next checkpoint is written
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert 0 < load_checkpoint(path)["step"] < _run.STEPS

    net = _run.network()
    result = _run.train(net, path)
    assert result.steps_done == _run.STEPS
    assert result.history == reference[1]
    assert same(weights(net), reference[0])


@pytest.mark.parametrize("lost", ["rng", "optimizer", "network", "best"])
def test_each_part_of_the_checkpoint_matters(tmp_path: Path, reference: tuple, lost: str) -> None:
    """Spoil one part of a checkpoint halfway: the outcome must change."""
    path = tmp_path / "run.ckpt"
    _run.train(_run.network(), path, max_seconds=1e-9)
    _stopped_at(path, 21)
    state = load_checkpoint(path)
    fresh = _run.network()
    if lost == "rng":
        state["rng"] = {"cpu": [torch.Generator().manual_seed(9).get_state()], "cuda": []}
    elif lost == "optimizer":
        state["optimizers"]["network"]["state"] = {}
    elif lost == "network":
        state["modules"]["network"] = fresh.state_dict()
    else:
        state["best"] = {"step": 1, "score": 1e9, "modules": {"network": fresh.state_dict()}}
    save_checkpoint(path, state)
    net = _run.network()
    result = _run.train(net, path)
    assert not same(weights(net), reference[0])
    assert result.history[:21] == reference[1][:21]


def _stopped_at(path: Path, step: int) -> None:
    """Train to ``step`` in a run of full length, as if killed there."""

    class Killed(Exception):
        pass

    net = _run.network()

    def score() -> float:
        if path.exists() and load_checkpoint(path)["step"] == step:
            raise Killed
        return _run.validate(net)

    path.unlink(missing_ok=True)
    with pytest.raises(Killed):
        _run.train(net, path, validate=score)


def test_a_finished_run_is_not_trained_again(tmp_path: Path, reference: tuple) -> None:
    path = tmp_path / "run.ckpt"
    _run.train(_run.network(), path)
    before = path.read_bytes()
    net = _run.network()
    result = _run.train(net, path)
    assert result.stopped_by == "steps"
    assert result.history == reference[1]
    assert same(weights(net), reference[0])
    assert path.read_bytes() == before


def test_seconds_bound_the_run_and_more_seconds_continue_it(
    tmp_path: Path, reference: tuple, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]  # moves only while a batch is made: no machine is slow enough to matter

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    monkeypatch.setattr(_run.time, "sleep", sleep)
    monkeypatch.setattr(loop, "time", SimpleNamespace(perf_counter=lambda: clock[0]))
    path = tmp_path / "run.ckpt"
    first = _run.train(_run.network(), path, pause=1.0, max_seconds=15.0, prefetch=False)
    assert first.stopped_by == "seconds"
    assert first.steps_done == 15
    assert first.history[-1]["validation"] is not None
    again = _run.train(_run.network(), path, max_seconds=15.0)
    assert again.steps_done == first.steps_done
    net = _run.network()
    last = _run.train(net, path, pause=1.0, max_seconds=1000.0, prefetch=False)
    assert last.stopped_by == "steps"
    assert last.seconds == _run.STEPS
    assert [r["loss"] for r in last.history] == [r["loss"] for r in reference[1]]


def test_nan_names_the_step_and_leaves_the_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"

    def poisoned(step: int) -> dict[str, torch.Tensor]:
        batch = _run.batches(step)
        return batch | {"image": batch["image"] * (float("nan") if step == 10 else 1.0)}

    arguments = {"steps": 20, "checkpoint": path, "checkpoint_every": 7}
    with pytest.raises(FloatingPointError, match=r"training step 11: .* got loss nan"):
        fit(_run.plainly(_run.network()), poisoned, **arguments)
    assert load_checkpoint(path)["step"] == 7
    assert fit(_run.plainly(_run.network()), _run.batches, **arguments).steps_done == 20


def test_a_network_that_diverged_names_the_step() -> None:
    def poisoned(step: int) -> dict[str, torch.Tensor]:
        batch = _run.batches(step)
        return batch | {"image": batch["image"] * (float("nan") if step == 4 else 1.0)}

    with pytest.raises(FloatingPointError, match="training step 5: loss and gradient must be"):
        fit(_run.plainly(_run.network(), DiceCELoss()), poisoned, steps=20)


@contextmanager
def full_disk(limit: int) -> Iterator[None]:
    """No file may grow beyond ``limit`` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_keeps_the_old_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    save_checkpoint(path, {"step": 1, "weights": torch.zeros(3)})
    with full_disk(10_000), pytest.raises(OSError, match=r"run.ckpt.*previous checkpoint"):
        save_checkpoint(path, {"step": 2, "weights": torch.zeros(100_000)})
    assert load_checkpoint(path)["step"] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["run.ckpt"]


@pytest.mark.parametrize("keep", [0, 10, 50, 91, 200, -1])
def test_a_checkpoint_cut_short(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "run.ckpt"
    save_checkpoint(path, {"step": 1, "weights": torch.zeros(3)})
    path.write_bytes(path.read_bytes()[:keep])
    cut = path.read_bytes()
    net = _run.network()
    before = weights(net)
    with pytest.raises(ValueError, match=r"run.ckpt (is damaged|must start)"):
        _run.train(net, path)
    assert same(weights(net), before)
    assert path.read_bytes() == cut


def test_one_flipped_bit(tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    save_checkpoint(path, {"weights": torch.zeros(3)})
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match="is damaged"):
        load_checkpoint(path)


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    save_checkpoint(path, {"hostile": Hostile(tmp_path / "ran")})
    with pytest.raises(ValueError, match="holds more than tensors"):
        load_checkpoint(path)
    assert not (tmp_path / "ran").exists()


class Hostile:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 50}, "'steps': 40"),
        ({"seed": 1}, "'seed': 0"),
        ({"optimizer": nnunet_sgd}, "'network': 'AdamW'"),
        ({"precision": "bf16-mixed"}, "'precision': '32-true'"),
    ],
)
def test_a_checkpoint_of_another_run(tmp_path: Path, change: dict, message: str) -> None:
    path = tmp_path / "run.ckpt"
    _run.train(_run.network(), path)
    with pytest.raises(ValueError, match=message):
        _run.train(_run.network(), path, **change)


def test_a_checkpoint_of_another_network_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "run.ckpt"
    _run.train(_run.network(), path)
    other = _run.network()
    other[4] = nn.Conv2d(4, 2, 1)
    before = weights(other)
    with pytest.raises(ValueError, match=r"4.weight has shape \(1, 4, 3, 3\), expected \(2, 4"):
        _run.train(other, path)
    assert same(weights(other), before)
