"""Growth-suppression balance: two terms let vessels grow, two hold them back."""

from typing import Any, cast

import torch
from torch import Tensor

from tubekit._accept import Whole, whole
from tubekit._recorded import refuse_export
from tubekit.losses.base import Known, Labels, Logits, SegmentationLoss, Value, nonnegative
from tubekit.losses.mix_equivalence import MixEquivalenceLoss
from tubekit.losses.reconnection import ReconnectionLoss
from tubekit.losses.relaxed_supervision import RelaxedSupervisionLoss
from tubekit.losses.spatial_prior import SpatialPriorLoss

GROWTH = ("relaxed_supervision", "reconnection")
SUPPRESSION = ("spatial_prior", "mix_equivalence")


class GrowthSuppressionLoss(SegmentationLoss):
    """Relaxed supervision + reconnection + suppression * (spatial prior + mix-equivalence).

    For incomplete labels: the first two reward vessels that nobody annotated, the other two charge
    for them. Range (-inf, inf), at least ``-suppression``.

    With ``suppression=0`` the last two are neither computed nor are their maps needed, so no
    second pass of the network is made.

    In training mode the first ``warmup_steps`` calls leave reconnection out, since skeletons of an
    untrained network mean nothing. The calls are counted in a buffer, so a checkpoint with
    ``loss.state_dict()`` resumes the count; under ``DeepSupervision`` every level of a
    weight above 0 is a call. In evaluation mode nothing is left out or counted.

    Args:
        suppression: weight of the two suppressing terms, the paper's lambda; at least 0.
        warmup_steps: training calls without reconnection.
        symmetric: see ``RelaxedSupervisionLoss``.
        mean_over: of both cross-entropies, see ``RelaxedSupervisionLoss``, ``ReconnectionLoss``.
        iterations: see ``ReconnectionLoss``.
        threshold: see ``ReconnectionLoss``.
        max_distance: see ``ReconnectionLoss``.
        min_voxels: see ``ReconnectionLoss``.
        on: see ``ReconnectionLoss``.
        form: see ``SpatialPriorLoss``.
        radius: see ``SpatialPriorLoss``.
        image_channels: see ``SpatialPriorLoss``.
        targets: see ``MixEquivalenceLoss``.
        **options: see ``SegmentationLoss``.
    Raises:
        ValueError: an argument out of range, or an option that the loss refuses.

    Equation: :eq:`eq-growth-suppression`

    Reference: Huang et al., HarmonySeg, ICCV 2025, equation 9.

    Example:
        >>> import torch
        >>> from tubekit.losses import GrowthSuppressionLoss
        >>> target = torch.zeros(1, 1, 5, 7, dtype=torch.long)
        >>> target[:, :, 1:4] = 1
        >>> logits = 4.0 * target - 2
        >>> loss = GrowthSuppressionLoss(suppression=0.0, iterations=2)
        >>> loss(logits, target, confidence=torch.ones(1, 1, 5, 7))
        tensor(0.2320)
    """

    calls: Tensor
    refuses = RelaxedSupervisionLoss.refuses | {"reduction": "a mixture joins samples"}

    def __init__(
        self,
        suppression: float = 1.0,
        warmup_steps: Whole = 0,
        *,
        symmetric: bool = False,
        mean_over: str = "voxels",
        iterations: Whole = 10,
        threshold: float = 0.5,
        max_distance: float = 15.0,
        min_voxels: Whole = 3,
        on: str = "skeleton",
        form: str = "printed",
        radius: Whole | None = None,
        image_channels: Whole | None = None,
        targets: str = "labels",
        **options: Any,
    ) -> None:
        super().__init__(**options)
        nonnegative(suppression=suppression)
        self.suppression = suppression
        self.warmup_steps = whole("warmup_steps", warmup_steps, at_least=0)
        self.relaxed_supervision = RelaxedSupervisionLoss(symmetric, mean_over=mean_over)
        self.reconnection = ReconnectionLoss(
            iterations, threshold, max_distance, min_voxels, on=on, mean_over=mean_over
        )
        self.spatial_prior = SpatialPriorLoss(form, radius, image_channels=image_channels)
        self.mix_equivalence = MixEquivalenceLoss(targets)
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))
        self.needs = self.relaxed_supervision.needs
        if suppression:
            self.needs += self.spatial_prior.needs + self.mix_equivalence.needs

    def from_logits(
        self, logits: Logits, target: Labels, *, valid: Known = None, **maps: Tensor
    ) -> Value:
        probs = self.probs(logits)  # once, for the terms that all take it
        terms = []
        for name, weight in self._weights().items():
            part = cast(SegmentationLoss, getattr(self, name))
            own = {n: maps[n] for n in part.needs} | {"probs": probs}
            terms.append(weight * part.from_logits(logits, target, valid=valid, **own))
        if self.training:
            self.calls += 1
        return torch.stack(terms).sum()

    def _weights(self) -> dict[str, float]:
        """Of the terms that this call computes."""
        names = GROWTH[: 1 if self._warming_up() else 2]
        suppression = dict.fromkeys(SUPPRESSION if self.suppression else (), self.suppression)
        return dict.fromkeys(names, 1.0) | suppression

    def _warming_up(self) -> bool:
        if not (self.training and self.warmup_steps):
            return False
        refuse_export(
            "GrowthSuppressionLoss decides by a count of calls in its warm-up",
            "call eval() or set warmup_steps=0",
        )
        return int(self.calls) < self.warmup_steps
