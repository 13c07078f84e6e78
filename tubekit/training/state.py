"""What a run has done so far, how it survives a kill, and what it reports."""

import dataclasses
import math
import sys
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn
from torch.optim import Optimizer

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
        history: one row per step: ``step`` (from 1), ``loss``, ``lr``, ``validation`` (None
            where none was made).
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
        loss: may hold state of its own, e.g. a count of noise draws.
        plan: settings that must agree between the sittings of one run; the optimiser's class is
            added.
        best: step, score and weights of the best validation.
    """

    network: nn.Module
    loss: nn.Module
    optimizer: Optimizer
    plan: dict[str, Any]
    step: int = 0
    seconds: float = 0.0
    history: list[Row] = dataclasses.field(default_factory=list)
    best: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        self.plan = self.plan | {"optimizer": type(self.optimizer).__name__}

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
                "network": self.network.state_dict(),
                "loss": self.loss.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "rng": rng_state(),
            },
        )

    def load(self, path: Path) -> None:
        """Continue from ``path``; nothing changes unless all of it fits.

        Raises:
            ValueError: the file is damaged, or of a run with another plan or network.
        """
        saved = load_checkpoint(path)
        if saved["plan"] != self.plan:
            raise ValueError(
                f"checkpoint {path} belongs to a run with {saved['plan']}, got {self.plan}; "
                "repeat those settings or give another path"
            )
        weights = self.network.state_dict()
        there = {name: tuple(value.shape) for name, value in saved["network"].items()}
        here = {name: tuple(value.shape) for name, value in weights.items()}
        if there != here:
            name = next(n for n in (*here, *there) if here.get(n) != there.get(n))
            raise ValueError(
                f"checkpoint {path} holds another network: {name} has shape {there.get(name)}, "
                f"expected {here.get(name)}; build the network as before or give another path"
            )
        self.network.load_state_dict(saved["network"])
        self.loss.load_state_dict(saved["loss"])
        self.optimizer.load_state_dict(saved["optimizer"])
        set_rng_state(saved["rng"])
        self.step, self.seconds = saved["step"], saved["seconds"]
        self.history, self.best = saved["history"], saved["best"]

    def keep_best(self, score: float) -> None:
        """Copy the weights if ``score`` is higher than any before; NaN never is."""
        if score > (self.best["score"] if self.best else -math.inf):
            weights = {
                name: value.detach().cpu().clone()
                for name, value in self.network.state_dict().items()
            }
            self.best = {"step": self.step, "score": score, "network": weights}

    def finish(self) -> FitResult:
        """Leave the network in eval mode with its selected weights, and report."""
        if self.best:
            self.network.load_state_dict(self.best["network"])
        self.network.eval()
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


def peak_memory_mb(device: str) -> float:
    """Peak of CUDA's tensors since the last reset, or of this process's resident memory."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    if sys.platform == "win32":
        import psutil

        return float(psutil.Process().memory_info().peak_wset) / 2**20
    import resource  # Unix only

    unit = 2**20 if sys.platform == "darwin" else 2**10  # macOS counts bytes, Linux KiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
