"""Time and memory of one training step, loss by loss (Fig. 6 and 7 of Skeleton Recall)."""

import dataclasses
import json
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tubekit.data import target_map
from tubekit.experiments.environment import commit, device_name, now, versions
from tubekit.experiments.record import RESULTS, write_text
from tubekit.losses import SegmentationLoss
from tubekit.types import SegOutput


@dataclasses.dataclass(frozen=True)
class StepCost:
    """Medians over the repeats.

    Attributes:
        loader_seconds: making the target maps the loss needs, on the CPU, for one batch.
        step_seconds: forward, loss, backward; without the loader.
        saved_mb: bytes that autograd keeps for the backward pass, network and loss together:
            the same on every device, and what decides whether a step fits.
        peak_mb: peak of the device's allocator; NaN on the CPU, which does not tell.
    """

    loader_seconds: float
    step_seconds: float
    saved_mb: float
    peak_mb: float


def measure_step(
    network: nn.Module, loss: SegmentationLoss, image: Tensor, target: Tensor, *, repeats: int = 5
) -> StepCost:
    """Cost of one step on the device of ``image`` (b c *s) with labels ``target`` (b 1 *s)."""
    maps, loader = _maps(loss, target)
    cuda = image.is_cuda
    times, saved, peak = [], 0, float("nan")
    for repeat in range(repeats + 1):
        network.zero_grad(set_to_none=True)
        if cuda:
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
        began = time.perf_counter()
        if repeat == 0:  # the first pass counts bytes and warms up, it is not timed
            saved = _count_saved(network, loss, image, target, maps)
            continue
        _forward(network, loss, image, target, maps).backward()
        if cuda:
            torch.cuda.synchronize()
            peak = torch.cuda.max_memory_allocated() / 1e6
        times.append(time.perf_counter() - began)
    return StepCost(loader, statistics.median(times), saved / 1e6, peak)


def _forward(
    network: nn.Module,
    loss: SegmentationLoss,
    image: Tensor,
    target: Tensor,
    maps: dict[str, Tensor],
) -> Tensor:
    output = network(image)
    return loss(output.logits if isinstance(output, SegOutput) else output, target, **maps)


def _maps(loss: SegmentationLoss, target: Tensor) -> tuple[dict[str, Tensor], float]:
    labels = target[:, 0].cpu().numpy()
    began = time.perf_counter()
    made = {
        name: np.stack([target_map(name, y, (1.0,) * y.ndim) for y in labels])
        for name in loss.needs
    }
    seconds = time.perf_counter() - began
    return {k: torch.from_numpy(v)[:, None].to(target) for k, v in made.items()}, seconds


def _count_saved(
    network: nn.Module,
    loss: SegmentationLoss,
    image: Tensor,
    target: Tensor,
    maps: dict[str, Tensor],
) -> int:
    seen: dict[int, int] = {}
    kept: list[Tensor] = []  # keeps storages alive, so that no address is counted twice

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        seen.setdefault(storage.data_ptr(), storage.nbytes())
        kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        value = _forward(network, loss, image, target, maps)
    weights = {p.untyped_storage().data_ptr() for p in network.parameters()}
    value.backward()
    return sum(size for address, size in seen.items() if address not in weights)


def write_costs(name: str, rows: list[dict[str, Any]], device: str, root: Path = RESULTS) -> Path:
    """Store measured costs with the machine that made them, in ``costs/<name>.json``."""
    path = root / "costs" / f"{name}.json"
    passport = {
        "device": device_name(device),
        "versions": versions(),
        "commit": commit(),
        "finished": now(),
    }
    write_text(path, json.dumps({"rows": rows, **passport}, indent=1) + "\n")
    return path


def read_costs(name: str, root: Path = RESULTS) -> dict[str, Any]:
    """Stored costs.

    Raises:
        ValueError: the file is missing or cut short.
    """
    path = root / "costs" / f"{name}.json"
    try:
        return json.loads(path.read_text())
    except (OSError, json.JSONDecodeError) as error:
        raise ValueError(
            f"no complete cost record {path}; expected the JSON that `tubekit cost` writes; "
            "run that command"
        ) from error
