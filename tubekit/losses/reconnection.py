"""Reconnection: a predicted skeleton is compared with itself, its gaps closed."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from tubekit import _check
from tubekit._accept import Whole, whole
from tubekit._recorded import opaque, recorded
from tubekit.geometry import reconnect, soft_skeleton
from tubekit.geometry.reconnect import TARGETS
from tubekit.losses.base import Known, Labels, Logits, Probs, SegmentationLoss, Value, nonnegative
from tubekit.losses.cross_entropy import MEANS

ON = ("skeleton", "probs")
LOWEST = 1e-6  # the logarithm is taken of this at least


def reconnection_loss(
    probs: Float[Tensor, "b k *s"],
    *,
    iterations: Whole = 10,
    threshold: float = 0.5,
    max_distance: float = 15.0,
    min_voxels: Whole = 3,
    to: str = "end_points",
    chains: bool = False,
    on: str = "skeleton",
    mean_over: str = "voxels",
    valid: Bool[Tensor, "b 1 *s"] | None = None,
) -> Float[Tensor, ""]:
    """Cross-entropy of the soft skeleton on the voxels of the joined skeleton.

    The soft skeleton of each class is cut at ``threshold``, and ``reconnect`` draws lines across
    its gaps. The voxels of skeleton and lines are the pseudo-label, a constant; on them
    -log(soft skeleton) is summed. What the sum is divided by is not in the paper. Over all voxels,
    as cross-entropy usually is, the term stays small beside the others; over the pseudo-label it
    outweighs them, and every false ridge of an untrained network strengthens itself.

    As printed, the loss counts a gap more than it mends it. Where the prediction shows a trace
    that stands out along the line, the soft skeleton is above 0 and the gradient raises it. Where
    it shows none, no voxel leaves a residue: the soft skeleton is exactly 0, each voxel adds the
    constant 6 log 10, and neither the residue nor the clamped logarithm passes a gradient on
    (a constant added under the logarithm would not either). And since a soft skeleton
    also rises when its surroundings sink, much of the gradient lowers probabilities.
    ``on="probs"`` takes the logarithm of the probabilities on the same voxels: it raises all of
    them and lowers none.

    Args:
        probs: foreground probabilities in [0, 1].
        iterations: erosions of the soft skeleton, at least the largest radius in voxels.
        threshold: soft skeleton from here on is skeleton, in (0, 1).
        max_distance: longest gap to close, in voxels.
        min_voxels: smaller pieces are taken for noise.
        to: see ``reconnect``.
        chains: see ``reconnect``.
        on: what the logarithm is taken of: the soft skeleton, as printed, or the probabilities.
        mean_over: ``"voxels"``, all valid ones of the batch, or ``"support"``: the pseudo-label.
        valid: voxels of the pseudo-label outside it do not count.
    Returns:
        The mean over classes and, within a class, over the whole batch, from 0 to 6 log 10. A
        class without skeleton has no part; 0, with a gradient of 0, when there is none at all.
    Raises:
        ValueError: an unknown ``to``, ``on`` or ``mean_over``, not 2 or 3 spatial axes, values
            outside [0, 1] or NaN, or shapes differ.

    Components and lines are found on the CPU; from other devices the cut skeleton makes a round
    trip there, one bool per voxel each way.

    Equation: :eq:`eq-reconnection`

    Reference: Huang et al., HarmonySeg, ICCV 2025, equation 6. Threshold, limits, clamp and what
    the mean is taken over are ours; the paper leaves them open.

    Example:
        >>> import torch
        >>> from tubekit.losses import reconnection_loss
        >>> masks = torch.zeros(1, 1, 5, 7)
        >>> masks[:, :, 1:4] = 1
        >>> probs = 0.8 * masks
        >>> reconnection_loss(probs, iterations=2)
        tensor(0.0446)
    """
    _check.option("to", to, TARGETS)
    _check.option("on", on, ON)
    _check.option("mean_over", mean_over, MEANS)
    if valid is not None:
        _check.same_shape(probs=probs[:, :1], valid=valid)
    if probs.numel() and not recorded():
        low, high = probs.detach().aminmax()
        if not (low >= 0 and high <= 1):
            raise ValueError(
                f"probs must lie in [0, 1], got {low.item():g}..{high.item():g}; take the sigmoid "
                "or softmax of logits first"
            )
    limits = max_distance, min_voxels, to, chains
    return reconnected_entropy(probs, iterations, threshold, limits, on, mean_over, valid)


def reconnected_entropy(
    probs: Float[Tensor, "b k *s"],
    iterations: Whole,
    threshold: float,
    limits: tuple[float, Whole, str, bool],
    on: str,
    mean_over: str,
    valid: Bool[Tensor, "b 1 *s"] | None,
) -> Float[Tensor, ""]:
    """The loss of any probabilities; NaN among them makes it NaN."""
    # Without a gradient of its own the skeleton is not differentiated in vain.
    skeleton = soft_skeleton(probs if on == "skeleton" else probs.detach(), iterations)
    max_distance, min_voxels, to, chains = limits
    cut = skeleton.detach() >= threshold
    pseudo_label = joined(cut, float(max_distance), whole("min_voxels", min_voxels), to, chains)
    if valid is not None:
        pseudo_label = pseudo_label & valid
    entropy = -(skeleton if on == "skeleton" else probs).clamp(min=LOWEST).log()
    kept = pseudo_label | entropy.isnan()
    sums = entropy.where(kept, 0).transpose(0, 1).flatten(1).sum(1)
    sizes = pseudo_label.transpose(0, 1).flatten(1).sum(1)
    counts = sizes
    if mean_over == "voxels":
        everywhere = torch.full_like(sizes, pseudo_label[:, :1].numel())
        counts = everywhere if valid is None else valid.sum()
    return (sums / counts.clamp(min=1)).sum() / (sizes > 0).sum().clamp(min=1)


@opaque(lambda cut, *rest: torch.empty_like(cut))
def joined(cut: Tensor, max_distance: float, min_voxels: int, to: str, chains: bool) -> Tensor:
    """``reconnect`` of every sample and class, made on the CPU."""
    skeletons = cut.cpu().numpy()
    lines = np.zeros_like(skeletons)
    for index in np.ndindex(skeletons.shape[:2]):
        lines[index] = reconnect(
            skeletons[index],
            max_distance=max_distance,
            min_voxels=min_voxels,
            to=to,
            chains=chains,
        )
    return torch.from_numpy(lines).to(cut.device)


class ReconnectionLoss(SegmentationLoss):
    """Mean of -log(soft skeleton) on the joined skeleton. Range [0, 6 log 10]; needs no label.

    Args:
        iterations: see ``reconnection_loss``.
        threshold: see ``reconnection_loss``.
        max_distance: see ``reconnection_loss``.
        min_voxels: see ``reconnection_loss``.
        to: see ``reconnection_loss``.
        chains: see ``reconnection_loss``.
        on: see ``reconnection_loss``; the printed form, the default, hardly reaches empty gaps.
        mean_over: see ``reconnection_loss``.
        **options: see ``SegmentationLoss``.
    Raises:
        ValueError: an argument out of range, or an option that the loss refuses.

    Example:
        >>> import torch
        >>> from tubekit.losses import ReconnectionLoss
        >>> target = torch.zeros(1, 1, 5, 7, dtype=torch.long)
        >>> target[:, :, 1:4] = 1
        >>> logits = 4.0 * target - 2
        >>> ReconnectionLoss(iterations=2, threshold=0.2)(logits, target)
        tensor(0.0545)
    """

    refuses = {  # noqa: RUF012
        "include_background": "the background has no skeleton",
        "weight": "it looks at no label",
    }

    def __init__(
        self,
        iterations: Whole = 10,
        threshold: float = 0.5,
        max_distance: float = 15.0,
        min_voxels: Whole = 3,
        to: str = "end_points",
        chains: bool = False,
        on: str = "skeleton",
        mean_over: str = "voxels",
        **options: Any,
    ) -> None:
        super().__init__(**options)
        nonnegative(max_distance=max_distance)
        if not 0 < threshold < 1:
            raise ValueError(f"threshold must lie in (0, 1), got {threshold}; 0.5 is usual")
        _check.option("to", to, TARGETS)
        _check.option("on", on, ON)
        _check.option("mean_over", mean_over, MEANS)
        self.mean_over = mean_over
        self.iterations, self.threshold = whole("iterations", iterations), threshold
        self.max_distance, self.min_voxels = max_distance, whole("min_voxels", min_voxels)
        self.to_, self.chains, self.on = to, chains, on  # every module has a method "to"

    def from_logits(
        self,
        logits: Logits,
        target: Labels,
        *,
        valid: Known = None,
        probs: Probs | None = None,
        **maps: Tensor,
    ) -> Value:
        probs = self.probs(logits) if probs is None else probs
        return reconnected_entropy(
            probs if valid is None else probs * valid,
            self.iterations,
            self.threshold,
            (self.max_distance, self.min_voxels, self.to_, self.chains),
            self.on,
            self.mean_over,
            valid,
        )
