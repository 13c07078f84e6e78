"""What one step of a training is, whatever it trains."""

from collections.abc import Mapping, MutableMapping
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer

Batch = Mapping[str, Tensor]
Modules = MutableMapping[str, nn.Module]
Optimizers = MutableMapping[str, Optimizer]


class Progress(NamedTuple):
    """Where a training is.

    Attributes:
        step: steps already done, from 0.
        steps: of the whole training.
        seed: of the training.
        batch: its number; several devices see several batches in one step.

    Example:
        >>> from tubekit.training import Progress
        >>> Progress(step=25, steps=100).share
        0.25
    """

    step: int
    steps: int
    seed: int = 0
    batch: int = 0

    @property
    def share(self) -> float:
        """In [0, 1]."""
        return self.step / self.steps


@runtime_checkable
class Update(Protocol):
    """One step of anything. ``fit`` calls it and knows no loss.

    Attributes:
        modules: by name, all that has weights or counts of its own: moved to the device, saved
            and resumed by ``fit``. While it runs, ``fit`` puts wrappers for precision and several
            devices in their places, so ``step`` takes them from here.
        optimizers: by name; scheduled, saved and resumed by ``fit``.
    """

    modules: Modules
    optimizers: Optimizers

    def step(self, batch: Batch, at: Progress, fabric: Fabric) -> dict[str, Tensor]:
        """Change the weights by one batch; what comes back is recorded by its names."""
        ...


def descend(
    terms: Mapping[str, Tensor],
    module: nn.Module,
    optimizer: Optimizer,
    fabric: Fabric,
    *,
    grad_clip: float,
) -> Tensor:
    """One step down the sum of the terms, with the gradient clipped; the sum comes back.

    Args:
        terms: scalars with a graph.
        module: whose gradient is clipped.
        optimizer: of its weights.
        fabric: runs the backward pass in the precision of the training.
        grad_clip: largest norm of the whole gradient; ``math.inf`` does not clip.
    Raises:
        FloatingPointError: a term or the gradient is not finite; no weight has changed then.
    """
    first, *others = terms.values()
    total = sum(others, first)
    fabric.backward(total)
    norm = fabric.clip_gradients(module, optimizer, None, grad_clip, error_if_nonfinite=False)
    values = torch.stack([*terms.values(), torch.as_tensor(norm, device=total.device)]).detach()
    if not values.isfinite().all():  # the one look at the device's numbers in a step
        *found, size = values.tolist()
        named = zip(terms, found, strict=True)
        got = " and ".join(f"{name} {value}" for name, value in named)
        raise FloatingPointError(
            f"loss and gradient must be finite, got {got} and gradient norm {size}; lower the "
            "learning rate or look at the batch"
        )
    optimizer.step()
    optimizer.zero_grad()
    return total.detach()
