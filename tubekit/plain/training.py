"""Patches, the falling rate, and the loop."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn


def poly(step: int, steps: int) -> float:
    """Equation ``eq-poly``: the factor on the learning rate."""
    return (1 - step / steps) ** 0.9


def draw_patch(
    image: np.ndarray, label: np.ndarray, side: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A square of an image (c y x) and of its label; one time in three around the foreground."""
    free = np.array(label.shape) - side
    start = rng.integers(free + 1)
    if label.any() and rng.random() < 1 / 3:
        start = np.clip(rng.choice(np.argwhere(label > 0)) - side // 2, 0, free)
    rows, columns = (slice(s, s + side) for s in start)
    return image[:, rows, columns], label[rows, columns]


def train(
    network: nn.Module,
    loss: Callable[[Tensor, dict[str, Tensor]], Tensor],
    batches: Callable[[int], dict[str, Tensor]],
    optimizer: torch.optim.Optimizer,
    steps: int,
) -> None:
    """The loop: look, compare, ask for the slope, take a step down, a little shorter each time."""
    network.train()
    rate = optimizer.param_groups[0]["lr"]
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = rate * poly(step, steps)
        batch = batches(step)
        value = loss(network(batch["image"]), batch)
        optimizer.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 12.0)
        optimizer.step()
    network.eval()
