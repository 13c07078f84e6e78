"""Processors that a training on a CPU takes, and the order in which volumes lie in memory."""

import functools
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from tubekit._machine import cores, threads

log = logging.getLogger(__name__)


@contextmanager
def share_of_processors(device: str) -> Iterator[None]:
    """At most this program's share of the processors, as ``tubekit._machine`` finds it.

    Torch knows no quota and starts a thread for each processor of a node. The load decides nothing:
    results depend, in their last bits, on the number of threads, so a run that goes on under
    another load would be another run. A busy machine is said, once.
    """
    before = torch.get_num_threads()
    fitting = threads() if device == "cpu" else before
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if device == "cpu" and fitting > 1 and load >= cores():
        _say_busy()
    torch.set_num_threads(fitting)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@functools.cache
def _say_busy() -> None:
    # A page of the book shows what was written, so only a person at a terminal is told.
    level = logging.WARNING if sys.stderr.isatty() else logging.INFO
    log.log(
        level,
        "this machine is busy: threads that wait for each other can cost more than they save; "
        "OMP_NUM_THREADS=1 before the call uses one",
    )


def lay_channels_last(network: nn.Module) -> None:
    """Let the kernels of 3-D convolutions lie with their channels last, in place."""
    for parameter in network.parameters():
        if parameter.ndim == 5:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last_3d)


def with_channels_last(image: Tensor) -> Tensor:
    """A batch of volumes with its channels last in memory; images in 2-D as they are."""
    return image.contiguous(memory_format=torch.channels_last_3d) if image.ndim == 5 else image
