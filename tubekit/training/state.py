"""What a run has done so far, how it survives a kill, and what it reports."""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn
from torch.optim import Optimizer

from tubekit import _machine
from tubekit.training.checkpoint import load_checkpoint, save_checkpoint
from tubekit.training.seeding import rng_state, set_rng_state

Row = dict[str, int | float | None]


@dataclasses.dataclass(frozen=True)
class FitResult:
    """The outcome of ``fit``, over all sittings of a resumed run.

    Attributes:
        steps_done: optimiser steps done.
        stopped_by: ``"steps"`` when all were done, ``"seconds"`` when time ran out.
        seconds: wall-clock time, validation included.
        history: one row per step: ``step`` (from 1), what the update names, e.g. ``loss``, ``lr``
            of the first optimiser, ``validation`` (None where none was made).
        best_step: step of the best validation; None without one.
        best_validation: its value.
        peak_memory_mb: in 2**20 bytes; on CUDA the tensors' peak in the last sitting; on a CPU
            the peak resident memory of the whole process since it started.
        device: ``"cpu"`` or ``"cuda"``.
        precision: ``"32-true"`` or ``"bf16-mixed"``.

    Example:
        After the example of ``fit``:

        >>> [row["step"] for row in result.history]
        [1, 2]
    """

    steps_done: int
    stopped_by: Literal["steps", "seconds"]
    seconds: float
    history: list[Row]
    best_step: int | None
    best_validation: float | None
    peak_memory_mb: float
    device: str
    precision: str


@dataclasses.dataclass
class RunState:
    """Everything besides the arguments that the next step depends on, or the result reports.

    Attributes:
        modules: of the update, without wrappers; those without weights may count something.
        optimizers: of the update.
        plan: settings that must agree between the sittings of one run; the optimisers' classes
            are added.
        best: step, score and states of the modules with weights at the best validation.
    """

    modules: Mapping[str, nn.Module]
    optimizers: Mapping[str, Optimizer]
    plan: dict[str, Any]
    step: int = 0
    seconds: float = 0.0
    history: list[Row] = dataclasses.field(default_factory=list)
    best: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        kinds = {name: type(optimizer).__name__ for name, optimizer in self.optimizers.items()}
        self.plan = self.plan | {"optimizers": kinds}

    def save(self, path: Path) -> None:
        """Write all of it, the random states included."""
        save_checkpoint(
            path,
            {
                "plan": self.plan,
                "step": self.step,
                "seconds": self.seconds,
                "history": self.history,
                "best": self.best,
                "modules": {name: module.state_dict() for name, module in self.modules.items()},
                "optimizers": {name: o.state_dict() for name, o in self.optimizers.items()},
                "rng": rng_state(),
            },
        )

    def load(self, path: Path) -> None:
        """Continue from ``path``; nothing changes unless all of it fits.

        Raises:
            ValueError: the file is damaged, or of a run with another plan or other networks.
        """
        saved = load_checkpoint(path)
        if saved["plan"] != self.plan:
            raise ValueError(
                f"checkpoint {path} belongs to a run with {saved['plan']}, got {self.plan}; "
                "repeat those settings or give another path"
            )
        there = _shapes(saved["modules"])
        here = _shapes({name: module.state_dict() for name, module in self.modules.items()})
        if there != here:
            name = next(n for n in (*here, *there) if here.get(n) != there.get(n))
            raise ValueError(
                f"checkpoint {path} holds another network: {name} has shape {there.get(name)}, "
                f"expected {here.get(name)}; build the network as before or give another path"
            )
        for name, module in self.modules.items():
            module.load_state_dict(saved["modules"][name])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(saved["optimizers"][name])
        set_rng_state(saved["rng"])
        self.step, self.seconds = saved["step"], saved["seconds"]
        self.history, self.best = saved["history"], saved["best"]

    def keep_best(self, score: float) -> None:
        """Copy the weights if ``score`` is higher than any before; NaN never is."""
        if score > (self.best["score"] if self.best else -math.inf):
            weights = {
                name: {k: v.detach().cpu().clone() for k, v in module.state_dict().items()}
                for name, module in self.modules.items()
                if has_weights(module)
            }
            self.best = {"step": self.step, "score": score, "modules": weights}

    def finish(self) -> FitResult:
        """Leave the modules in eval mode with their selected weights, and report."""
        for name, weights in self.best["modules"].items() if self.best else ():
            self.modules[name].load_state_dict(weights)
        for module in self.modules.values():
            module.eval()
        return FitResult(
            steps_done=self.step,
            stopped_by="steps" if self.step == self.plan["steps"] else "seconds",
            seconds=self.seconds,
            history=self.history,
            best_step=self.best["step"] if self.best else None,
            best_validation=self.best["score"] if self.best else None,
            peak_memory_mb=peak_memory_mb(self.plan["device"]),
            device=self.plan["device"],
            precision=self.plan["precision"],
        )


def has_weights(module: nn.Module) -> bool:
    """A loss has none."""
    return any(True for _ in module.parameters())


def _shapes(states: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[int, ...]]:
    """Of all tensors, e.g. ``"network.0.weight"``."""
    return {
        f"{name}.{entry}": tuple(value.shape)
        for name, state in states.items()
        for entry, value in state.items()
        if isinstance(value, torch.Tensor)
    }


def peak_memory_mb(device: str) -> float:
    """Peak of CUDA's tensors since the last reset, or of this process's resident memory."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    return _machine.peak_memory() / 2**20
