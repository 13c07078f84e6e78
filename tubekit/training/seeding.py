"""Equal seeds, equal numbers: the only place that touches global random states."""

import os
import random

import numpy as np
import torch

from tubekit._accept import numbers, taking

_WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"


class deterministic:  # a verb, used like torch.set_grad_enabled
    """Seed Python, NumPy and torch and ask torch for deterministic algorithms.

    As a call, ``deterministic(0)``, it stays; as ``with deterministic(0):`` random states, flags
    and environment are afterwards what they were before.

    The same code on the same machine with the same library versions and number of threads then
    gives the same bits on a CPU. On CUDA, operations that have no deterministic algorithm still
    run, with torch's own warning, so equality there is to rounding only.

    Args:
        seed: 0 to 2**32 - 1.

    Raises:
        ValueError: the seed is out of range.

    Example:
        >>> with deterministic(0):
        ...     network = torch.nn.Linear(2, 1)
    """

    @taking(numbers)
    def __init__(self, seed: int) -> None:
        if not 0 <= seed < 2**32:
            raise ValueError(f"seed must lie in 0..{2**32 - 1}, got {seed}; choose another")
        self._states = random.getstate(), np.random.get_state(), rng_state()  # noqa: NPY002
        self._strict = torch.are_deterministic_algorithms_enabled()
        self._lenient = torch.is_deterministic_algorithms_warn_only_enabled()
        self._cudnn = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
        self._workspace = os.environ.get(_WORKSPACE)
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002  # libraries below us still draw from it
        torch.manual_seed(seed)
        torch.use_deterministic_algorithms(True, warn_only=torch.cuda.is_available())
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
        os.environ.setdefault(_WORKSPACE, ":4096:8")  # cuBLAS is deterministic only with this

    def __enter__(self) -> None:
        """Everything is done already."""

    def __exit__(self, *error: object) -> None:
        if self._workspace is None:
            os.environ.pop(_WORKSPACE, None)
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = self._cudnn
        torch.use_deterministic_algorithms(self._strict, warn_only=self._lenient)
        python, numpy, torch_state = self._states
        set_rng_state(torch_state)
        np.random.set_state(numpy)  # noqa: NPY002
        random.setstate(python)


def rng_state() -> dict[str, list[torch.Tensor]]:
    """torch's random states on the CPU and on every CUDA device."""
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {"cpu": [torch.get_rng_state()], "cuda": cuda}


def set_rng_state(state: dict[str, list[torch.Tensor]]) -> None:
    """Inverse of ``rng_state``; CUDA states are ignored where the number of devices differs."""
    torch.set_rng_state(state["cpu"][0])
    if torch.cuda.is_available() and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])
