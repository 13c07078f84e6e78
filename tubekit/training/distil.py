"""A small network learns from a large one."""

import torch
import torch.nn.functional as F
from lightning.fabric import Fabric
from torch import Tensor, nn

from tubekit.training.objective import as_objective
from tubekit.training.optimizers import nnunet_sgd
from tubekit.training.supervised import MakeOptimizer, made, positive
from tubekit.training.update import Batch, Modules, Optimizers, Progress, descend
from tubekit.types import SegOutput


class Distil:
    """The student's loss on the ``label``, plus its distance from the teacher's softened answer.

    Args:
        network: the student.
        teacher: trained; its weights do not change.
        loss: of the student against the label; not used for a batch without ``target``.
        temperature: above 0; larger ones show more of what the teacher thinks of wrong classes.
        weight: of ``distil``, the Kullback-Leibler divergence times the temperature squared.
        optimizer: of the student.
        grad_clip: largest norm of the whole gradient, above 0.
    Raises:
        ValueError: ``temperature`` or ``grad_clip`` out of range.

    Example:
        >>> import torch
        >>> from tubekit.losses import CrossEntropyLoss
        >>> from tubekit.training import Distil, fit
        >>> student, teacher = torch.nn.Conv2d(1, 1, 1), torch.nn.Conv2d(1, 1, 3, padding=1)
        >>> batch = {"image": torch.eye(4).view(1, 1, 4, 4)}
        >>> update = Distil(student, teacher, CrossEntropyLoss())
        >>> list(fit(update, lambda index: batch, steps=1).history[0])
        ['step', 'distil', 'loss', 'lr', 'validation']

    Reference: Hinton, Vinyals and Dean, arXiv 1503.02531, section 2.
    """

    def __init__(
        self,
        network: nn.Module,
        teacher: nn.Module,
        loss: nn.Module,
        *,
        temperature: float = 2.0,
        weight: float = 1.0,
        optimizer: MakeOptimizer = nnunet_sgd,
        grad_clip: float = 12.0,
    ) -> None:
        if not temperature > 0:
            raise ValueError(f"temperature must be positive, got {temperature}; 2 is usual")
        self.modules: Modules = {
            "network": network,
            "teacher": teacher.requires_grad_(False),
            "objective": as_objective(loss, "label"),
        }
        self.optimizers: Optimizers = {"network": made(optimizer, network)}
        self.temperature, self.weight = temperature, weight
        self.grad_clip = positive(grad_clip)

    def step(self, batch: Batch, at: Progress, fabric: Fabric) -> dict[str, Tensor]:
        """One step of the student."""
        network, teacher = self.modules["network"], self.modules["teacher"].eval()
        output = network(batch["image"])
        with torch.no_grad():
            told = SegOutput.of(teacher(batch["image"])).logits
        distance = divergence(SegOutput.of(output).logits, told, self.temperature)
        terms = {"distil": self.weight * distance}
        if "target" in batch:
            terms |= self.modules["objective"](output, batch, at, again=network)
        optimizer = self.optimizers["network"]
        loss = descend(terms, network, optimizer, fabric, grad_clip=self.grad_clip)
        return {**terms, "loss": loss}


def divergence(logits: Tensor, told: Tensor, temperature: float) -> Tensor:
    """Mean over voxels of KL(teacher || student) at a temperature, times its square.

    Args:
        logits: of the student, (b k *s); one channel means binary.
        told: of the teacher, likewise.
        temperature: divides both.
    """
    if logits.shape[1] == 1:
        logits, told = (torch.cat([torch.zeros_like(x), x], dim=1) for x in (logits, told))
    student, teacher = (F.log_softmax(x.float() / temperature, dim=1) for x in (logits, told))
    apart = F.kl_div(student, teacher, reduction="none", log_target=True).sum(dim=1)
    return apart.mean() * temperature**2
