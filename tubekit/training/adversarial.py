"""A network against a judge that tells its answers from references, with a slow-moving teacher."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from tubekit.training.objective import as_objective
from tubekit.training.optimizers import adamw
from tubekit.training.supervised import MakeOptimizer, made, positive
from tubekit.training.update import Batch, Modules, Optimizers, Progress, descend
from tubekit.types import SegOutput


class Adversarial:
    """Two players by turns: the network answers, the judge learns to tell answers from references.

    The network's terms are ``label``, where the batch has a target, and ``fool``: the judge
    should take its probabilities for a reference. The judge's term is ``judge``.

    Args:
        network: as for ``Supervised``, with one logit channel.
        judge: masks (b 1 *s) in [0, 1] to one logit per sample; high means reference.
        loss: of answers against targets; not used for a batch without ``target``.
        weight: of ``fool``; a factor, or what gives one for a ``Progress``.
        follow: share of the teacher that a step keeps, in [0, 1); the module ``teacher`` is then
            the running average of the network's weights. ``None`` means no teacher.
        optimizer: of the network.
        judge_optimizer: of the judge.
        grad_clip: largest norm of each whole gradient, above 0.
        reference: entry of the batch with the masks (b 1 *s) that the judge takes as real.
    Raises:
        ValueError: ``grad_clip`` or ``follow`` out of range.

    Example:
        >>> import torch
        >>> from tubekit.losses import CrossEntropyLoss
        >>> from tubekit.training import Adversarial, fit
        >>> network = torch.nn.Conv2d(1, 1, 3, padding=1)
        >>> judge = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 1))
        >>> mask = torch.eye(4).long().view(1, 1, 4, 4)
        >>> batch = {"image": mask.float(), "target": mask, "reference": mask}
        >>> update = Adversarial(network, judge, CrossEntropyLoss())
        >>> list(fit(update, lambda index: batch, steps=1).history[0])
        ['step', 'fool', 'label', 'judge', 'loss', 'lr', 'validation']

    Reference: Goodfellow et al., NeurIPS 2014 (non-saturating form); Tarvainen and Valpola,
        NeurIPS 2017 (the teacher).
    """

    def __init__(
        self,
        network: nn.Module,
        judge: nn.Module,
        loss: nn.Module,
        *,
        weight: float | Callable[[Progress], float] = 0.1,
        follow: float | None = None,
        optimizer: MakeOptimizer = adamw,
        judge_optimizer: MakeOptimizer = adamw,
        grad_clip: float = 12.0,
        reference: str = "reference",
    ) -> None:
        if follow is not None and not 0 <= follow < 1:
            raise ValueError(f"follow must lie in [0, 1), got {follow}; 0.99 is usual")
        self.modules: Modules = {
            "network": network,
            "judge": judge,
            "objective": as_objective(loss, "label"),
        }
        self.teacher: AveragedModel | None = None
        if follow is not None:
            average = get_ema_multi_avg_fn(follow)
            self.teacher = AveragedModel(network, multi_avg_fn=average, use_buffers=True)
            self.modules["teacher"] = self.teacher
        self.optimizers: Optimizers = {
            "network": made(optimizer, network),
            "judge": made(judge_optimizer, judge),
        }
        self.weight, self.reference = weight, reference
        self.grad_clip = positive(grad_clip)

    def step(self, batch: Batch, at: Progress, fabric: Fabric) -> dict[str, Tensor]:
        """The network's turn, then the judge's."""
        network, judge = self.modules["network"], self.modules["judge"]
        output = network(batch["image"])
        answers = SegOutput.of(output).logits.sigmoid()
        weight = self.weight(at) if callable(self.weight) else self.weight
        terms = {"fool": weight * _judged(judge, answers, real=True)}
        if "target" in batch:
            terms |= self.modules["objective"](output, batch, at, again=network)
        loss = descend(terms, network, self.optimizers["network"], fabric, grad_clip=self.grad_clip)

        verdicts = {
            "judge": _judged(judge, batch[self.reference].to(answers.dtype), real=True)
            + _judged(judge, answers.detach(), real=False)
        }
        self.optimizers["judge"].zero_grad()  # its part of the network's turn
        descend(verdicts, judge, self.optimizers["judge"], fabric, grad_clip=self.grad_clip)
        if self.teacher is not None:
            self.teacher.update_parameters(network)
        return {**terms, **verdicts, "loss": loss}


def _judged(judge: nn.Module, masks: Tensor, *, real: bool) -> Tensor:
    logits = judge(masks)
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, float(real)))
