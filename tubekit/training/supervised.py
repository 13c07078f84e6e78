"""The step that most trainings are made of: images, labels, one network."""

from collections.abc import Callable, Iterable

from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer

from tubekit.training.objective import as_objective
from tubekit.training.optimizers import nnunet_sgd
from tubekit.training.update import Batch, Modules, Optimizers, Progress, descend
from tubekit.types import Spec

MakeOptimizer = Callable[[Iterable[nn.Parameter]], Optimizer] | Spec


class Supervised:
    """Compare the network's answer with the label, and step downhill.

    Args:
        network: returns logits, a SegOutput, or a tuple or list of logits with the finest first.
        loss: a loss, or an ``Objective`` of several.
        optimizer: parameters to optimiser, e.g. ``Spec(adamw, lr=1e-3)``.
        grad_clip: largest norm of the whole gradient, above 0; ``math.inf`` does not clip.
    Raises:
        ValueError: ``grad_clip`` out of range.

    Example:
        >>> from tubekit.losses import DiceCELoss
        >>> from tubekit.networks import UNet
        >>> from tubekit.training import Supervised
        >>> update = Supervised(UNet(2, 1, 1, features=(4, 8)), DiceCELoss())
        >>> list(update.modules), list(update.optimizers)
        (['network', 'objective'], ['network'])
    """

    def __init__(
        self,
        network: nn.Module,
        loss: nn.Module,
        optimizer: MakeOptimizer = nnunet_sgd,
        grad_clip: float = 12.0,
    ) -> None:
        self.modules: Modules = {"network": network, "objective": as_objective(loss)}
        self.optimizers: Optimizers = {"network": made(optimizer, network)}
        self.grad_clip = positive(grad_clip)

    def step(self, batch: Batch, at: Progress, fabric: Fabric) -> dict[str, Tensor]:
        """One step of gradient descent; the loss, and its terms where there are several."""
        network, objective = self.modules["network"], self.modules["objective"]
        output = network(batch["image"])
        terms = objective(output, batch, at, again=network)
        optimizer = self.optimizers["network"]
        loss = descend(terms, network, optimizer, fabric, grad_clip=self.grad_clip)
        return {**terms, "loss": loss}


def made(optimizer: MakeOptimizer, *modules: nn.Module) -> Optimizer:
    """An optimiser of all parameters of the modules."""
    make = optimizer.build if isinstance(optimizer, Spec) else optimizer
    return make(p for module in modules for p in module.parameters())


def positive(grad_clip: float) -> float:
    if not grad_clip > 0:
        raise ValueError(f"grad_clip must be positive, got {grad_clip}; math.inf does not clip")
    return float(grad_clip)
