"""Losses of torch and MONAI as parts of sums: ``loss(logits, target)`` without target maps."""

from collections.abc import Iterable
from typing import Any

from torch import Tensor, nn

from tubekit.losses.base import Known, Labels, Logits, SegmentationLoss, Value

OF_PARTS = {
    "include_background": "it is an option of the parts",
    "weight": "it is an option of the parts",
}
"""What a loss made of losses refuses, and why."""


class ForeignLoss(SegmentationLoss):
    """A loss that knows nothing of maps, ``valid`` or options, called in its own convention.

    ``torch.nn.CrossEntropyLoss`` gets classes (b *s); other losses of ``torch.nn`` get the target
    in the type of the logits, (b c *s); all others, those of MONAI, get it as it is: classes
    (b 1 *s), int64, or shares (b c *s).

    Args:
        loss: called as ``loss(logits, target)``; its value is averaged over the voxels that count
            where it is no scalar.
        **options: see ``SegmentationLoss``. Voxels that do not count are refused, but for
            ``CrossEntropyLoss``, which has its own label for them.
    Raises:
        ValueError: an argument out of range, or an option that the loss refuses.

    Example:
        >>> import torch
        >>> from tubekit.losses import ForeignLoss
        >>> logits = torch.tensor([[[[-2.0, 1.0, 3.0]]]])
        >>> target = torch.tensor([[[[0, 1, 1]]]])
        >>> ForeignLoss(torch.nn.BCEWithLogitsLoss())(logits, target)
        tensor(0.1629)
    """

    refuses = OF_PARTS

    def __init__(self, loss: nn.Module, **options: Any) -> None:
        super().__init__(**options)
        if not isinstance(loss, nn.Module):
            raise ValueError(
                f"a loss must be a module, got {type(loss).__name__}; wrap a function in one"
            )
        self.loss = loss

    def from_logits(
        self, logits: Logits, target: Labels, *, valid: Known = None, **maps: Tensor
    ) -> Value:
        if isinstance(self.loss, nn.CrossEntropyLoss | nn.NLLLoss):
            if not target.is_floating_point():
                if valid is None:
                    return self.loss(logits, target[:, 0]).mean()
                # Of no voxel the mean is NaN, and so its slope: there all count, times 0.
                left_out = ~valid & valid.any()
                target = target.masked_fill(left_out, self.loss.ignore_index)
                value: Tensor = self.loss(logits, target[:, 0])
                if value.ndim:
                    return (value * valid[:, 0]).sum() / valid.sum().clamp(min=1)
                return value * valid.any()
        elif type(self.loss).__module__.startswith("torch.nn"):
            target = target.to(logits.dtype)
        if valid is not None:
            raise ValueError(
                f"{type(self.loss).__name__} cannot leave voxels out, got valid or ignore_index; "
                "use the loss of tubekit, or labels without ignored voxels"
            )
        value = self.loss(logits, target)
        return value.mean()


def as_loss(loss: nn.Module) -> SegmentationLoss:
    """A loss of this library as it is, any other one wrapped."""
    return loss if isinstance(loss, SegmentationLoss) else ForeignLoss(loss)


def inherited(losses: Iterable[nn.Module], options: dict[str, Any]) -> dict[str, Any]:
    """Options of a loss made of losses: what it is not given is that of its parts.

    Bare losses of torch and MONAI have none.

    Raises:
        ValueError: the parts differ, one reduces to more than a scalar, or one joins samples that
            ``reduction`` is to tell apart.
    """
    own = [loss for loss in losses if isinstance(loss, SegmentationLoss)]
    for part in own:
        if options.get("reduction", "mean") != "mean" and _joins_samples(part):
            raise ValueError(
                f"a mixture joins samples, got reduction={options['reduction']!r} with "
                f"{type(part).__name__}; use the mean"
            )
        if part.reduction in ("sum", "none"):
            raise ValueError(
                f"a part must have one value, the mean, got {type(part).__name__} with "
                f"reduction={part.reduction!r}; give the reduction to the sum"
            )
    for name in ("ignore_index", "multi_label"):
        found = {getattr(part, name) for part in own}
        if len(found) > 1:
            raise ValueError(
                f"all parts must have the same {name}, got {', '.join(map(str, found))}; give "
                "each part the same"
            )
        if own and name == "multi_label" and name in options and options[name] not in found:
            raise ValueError(
                f"multi_label must be that of the parts, {found.pop()}, got {options[name]}; give "
                "it to the parts"
            )
        if own:
            options.setdefault(name, found.pop())
    options.setdefault("validate", all(part.validate for part in own))
    return options


def _joins_samples(loss: SegmentationLoss) -> bool:
    parts = [part for part in loss.modules() if isinstance(part, SegmentationLoss)]
    return any("reduction" in part.refuses or "mixed_logits" in part.needs for part in parts)
