"""clDice on skeletons that keep the topology: one piece stays one piece."""

from operator import index
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from tubekit import _check
from tubekit._accept import Whole, whole
from tubekit._recorded import recorded, refuse_export
from tubekit.geometry import topological_skeleton
from tubekit.losses.base import Probs, SegmentationLoss, Value, nonnegative, positive
from tubekit.losses.cldice import POOLED, centerline_dice


def topological_cldice(
    probs: Float[Tensor, "b k *s"],
    masks: Float[Tensor, "b k *s"],
    *,
    iterations: Whole = 5,
    method: str = "boolean",
    beta: float = 0.0,
    tau: float = 1.0,
    smooth: float = 1.0,
    reduction: str = "batch",
    generator: torch.Generator | None = None,
) -> Float[Tensor, " n"]:
    """Soft clDice with the topology-preserving skeleton in place of the soft one.

    Args:
        probs: foreground probabilities in [0, 1].
        masks: one-hot truth in {0, 1}.
        iterations: layers peeled off; at least the largest radius in voxels.
        method: test for a voxel that may go, ``"boolean"`` (exact) or ``"euler"`` (keeps the Euler
            number only).
        beta: scale of the logistic noise in the binarisation; 0 is deterministic.
        tau: temperature of the binarisation, above 0: the slope of its gradient.
        smooth: added above and below both ratios.
        reduction: sums over the whole batch (one value), or one value per sample.
        generator: source of the noise, on the device of ``probs``; needed when beta is not 0.
    Returns:
        Scores in [0, 1], 1 is best.
    Raises:
        ValueError: shapes differ, or an unknown method or reduction.

    Equation: :eq:`eq-topo-cldice`

    Reference: Menten et al., ICCV 2023.

    Example:
        >>> import torch
        >>> from tubekit.losses import topological_cldice
        >>> masks = torch.zeros(1, 1, 5, 7)
        >>> masks[:, :, 1:4] = 1
        >>> probs = 0.8 * masks
        >>> topological_cldice(probs, masks, iterations=2)
        tensor([0.9091])
    """
    _check.same_shape(probs=probs, masks=masks)
    if not recorded() and probs.detach().sum().isnan():  # of which no skeleton can be made
        return probs.flatten(int(reduction == "sample")).sum(-1).reshape(-1)
    probs_skeleton = topological_skeleton(
        probs, iterations, method, beta=beta, tau=tau, generator=generator
    )
    # The label is certain: no noise, and nothing to differentiate.
    with torch.no_grad():
        masks_skeleton = topological_skeleton(masks, iterations, method, beta=0.0)
    return centerline_dice(
        probs, masks, probs_skeleton, masks_skeleton, smooth=smooth, reduction=reduction
    )


class TopologicalClDiceLoss(SegmentationLoss):
    """1 - topological clDice. Range [0, 1].

    In training mode the binarisation is noisy. Draw n of the noise depends on ``seed`` and n
    alone; n is a buffer, so a checkpoint with ``loss.state_dict()`` resumes to the same numbers.
    In evaluation mode there is no noise.

    Args:
        iterations: see ``topological_cldice``.
        method: see ``topological_cldice``.
        beta: see ``topological_cldice``; the paper's 0.33.
        tau: see ``topological_cldice``.
        smooth: see ``topological_cldice``.
        reduction: see ``SoftClDiceLoss``.
        seed: of the noise, an integer.
        **options: see ``SegmentationLoss``.
    Raises:
        ValueError: an argument out of range, or an option that the loss refuses.

    Example:
        >>> import torch
        >>> from tubekit.losses import TopologicalClDiceLoss
        >>> target = torch.zeros(1, 1, 5, 7, dtype=torch.long)
        >>> target[:, :, 1:4] = 1
        >>> logits = 4.0 * target - 2
        >>> TopologicalClDiceLoss(iterations=2, beta=0.0)(logits, target)
        tensor(0.0523)
    """

    reduces = pools = True
    refuses = POOLED

    draws: Tensor

    def __init__(
        self,
        iterations: Whole = 5,
        method: str = "boolean",
        beta: float = 0.33,
        tau: float = 1.0,
        smooth: float = 1.0,
        reduction: str = "batch",
        seed: Whole = 0,
        **options: Any,
    ) -> None:
        super().__init__(reduction=reduction, **options)
        _check.option("method", method, ("boolean", "euler"))
        nonnegative(beta=beta, smooth=smooth)
        positive(tau=tau)
        self.iterations = whole("iterations", iterations)
        self.method: str = method
        self.beta, self.tau, self.smooth = beta, tau, smooth
        self.seed = index(seed)
        self.register_buffer("draws", torch.zeros((), dtype=torch.int64))

    def from_probs(self, probs: Probs, masks: Probs, **maps: Tensor) -> Value:
        noisy = self.training and self.beta > 0
        score = topological_cldice(
            probs,
            masks,
            iterations=self.iterations,
            method=self.method,
            beta=self.beta if noisy else 0.0,
            tau=self.tau,
            smooth=self.smooth,
            reduction=self.pool,
            generator=self._next_generator(probs.device) if noisy else None,
        )
        return self.reduce(score, lambda share: 1 - share)

    def _next_generator(self, device: torch.device) -> torch.Generator:
        refuse_export(
            "TopologicalClDiceLoss draws noise from a generator of its own in training mode",
            "call eval() or set beta=0",
        )
        # A multiplier keeps the draws of neighbouring seeds apart.
        seed = self.seed * 1_000_003 + int(self.draws)
        self.draws += 1
        return torch.Generator(device).manual_seed(seed)
