"""Seeds, schedule, optimisers, precision."""

import logging
import os
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tubekit.training import (
    adamw,
    deterministic,
    nnunet_sgd,
    poly,
    precision,
    processors,
    resolve_device,
    resolve_precision,
)
from tubekit.types import Spec


def draw() -> tuple[float, float, float]:
    return random.random(), float(np.random.rand()), float(torch.rand(()))  # noqa: NPY002


def test_equal_seeds_equal_numbers() -> None:
    drawn = []
    for seed in (4, 4, 5):
        with deterministic(seed):
            drawn.append(draw())
    assert drawn[0] == drawn[1]
    assert all(a != b for a, b in zip(drawn[1], drawn[2], strict=True))


def test_the_context_restores_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    states = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # noqa: NPY002
    with deterministic(4):
        assert torch.are_deterministic_algorithms_enabled()
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
        draw()
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # noqa: NPY002
    assert states == after
    assert not torch.are_deterministic_algorithms_enabled()
    assert "CUBLAS_WORKSPACE_CONFIG" not in os.environ


def test_as_a_call_it_stays() -> None:
    outer = deterministic(0)
    try:
        deterministic(4)
        first = draw()
        deterministic(4)
        assert draw() == first
        assert torch.are_deterministic_algorithms_enabled()
    finally:
        outer.__exit__()


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seed_out_of_range(seed: int) -> None:
    with pytest.raises(ValueError, match="seed must lie in"):
        deterministic(seed)


def test_poly_known_values() -> None:
    assert poly(0, 10) == 1
    assert poly(10, 10) == 0
    assert poly(5, 10) == pytest.approx(0.5358867)
    assert poly(5, 10, power=1.0) == 0.5
    assert poly(5, 10, power=0.0) == 1
    with pytest.raises(ValueError, match=r"0\.\.10"):
        poly(11, 10)


def test_optimizers_have_the_stated_settings() -> None:
    params = list(nn.Linear(1, 1).parameters())
    group = nnunet_sgd(params).param_groups[0]
    settings = [group[k] for k in ("lr", "momentum", "weight_decay", "nesterov")]
    assert settings == [0.01, 0.99, 3e-5, True]
    group = Spec(adamw, lr=2e-3).build(params).param_groups[0]
    assert (group["lr"], group["weight_decay"]) == (2e-3, 0.01)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("flags : avx512f avx512_bf16 fma", "bf16-mixed"),
        ("flags : amx_bf16", "bf16-mixed"),
        ("flags : avx2 avx512f", "32-true"),
        (None, "32-true"),
    ],
)
def test_auto_precision_reads_the_processor(
    flags: str | None, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "cpuinfo"
    if flags is not None:
        path.write_text(flags)
    monkeypatch.setattr(precision, "_CPUINFO", path)
    assert resolve_precision("auto", "cpu") == expected
    assert resolve_precision("32-true", "cpu") == "32-true"


def test_unknown_names() -> None:
    with pytest.raises(ValueError, match="precision must be one of"):
        resolve_precision("16-mixed", "cpu")
    with pytest.raises(ValueError, match="device must be one of"):
        resolve_device("gpu")
    if not torch.cuda.is_available():
        assert resolve_device("auto") == "cpu"
        with pytest.raises(ValueError, match="no CUDA device"):
            resolve_device("cuda")


@pytest.mark.parametrize("size", [(2, 3, 3), (4, 2, 4)])
def test_bf16_leaves_grids_shorter_than_the_kernel_to_float32(size: tuple[int, ...]) -> None:
    context = precision.precision_plugin("bf16-mixed", "cpu").forward_context
    conv = nn.Conv3d(64, 32, 3, padding=1, bias=False)
    small, large = torch.randn(2, 64, *size), torch.randn(2, 64, 3, 4, 5)
    with context():
        found = conv(small)
        assert conv(large).dtype == torch.bfloat16  # all others keep the speed
    assert found.dtype == torch.float32
    found.square().sum().backward()
    assert conv.weight.grad is not None
    got, conv.weight.grad = conv.weight.grad, None
    conv(small).square().sum().backward()
    assert torch.equal(got, conv.weight.grad)


def test_bfloat16_without_hardware_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    monkeypatch.setattr(precision, "_CPUINFO", cpuinfo)
    precision._note_slow.cache_clear()
    cpuinfo.write_text("flags : avx2 avx512_bf16\n")
    assert resolve_precision("bf16-mixed", "cpu") == resolve_precision("auto", "cpu")
    assert not caplog.records
    cpuinfo.write_text("flags : avx2\n")
    for _ in range(2):
        assert resolve_precision("bf16-mixed", "cpu") == "bf16-mixed"
    assert resolve_precision("auto", "cpu") == "32-true"
    assert [r.getMessage() for r in caplog.records] == [
        "this cpu emulates bfloat16, which can take many times as long as float32; precision "
        "'auto' avoids it"
    ]


def test_threads_keep_to_the_share_and_a_busy_machine_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    before = torch.get_num_threads()
    caplog.set_level(logging.INFO)
    processors._say_busy.cache_clear()
    monkeypatch.setattr(processors, "threads", lambda: 3)
    monkeypatch.setattr(processors, "cores", lambda: 4)
    for load, notes in ((0.5, 0), (7.5, 1), (7.5, 1)):
        monkeypatch.setattr(os, "getloadavg", lambda load=load: (load, 0.0, 0.0))
        with processors.share_of_processors("cpu"):
            assert torch.get_num_threads() == 3
        assert torch.get_num_threads() == before
        assert len(caplog.records) == notes
    assert caplog.records[0].getMessage().startswith("this machine is busy: threads that wait")
    with processors.share_of_processors("cuda"):
        assert torch.get_num_threads() == before
