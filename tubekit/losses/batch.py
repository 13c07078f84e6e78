"""What a loss takes: logits, targets and maps, brought into one form and checked once."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from tubekit import _check
from tubekit._recorded import recorded
from tubekit.losses import checks


class Batch(NamedTuple):
    """What reaches an equation.

    Attributes:
        logits: (b c *s), float32 or float64.
        target: (b 1 *s) int64 classes, or (b c *s) floating shares, always so for one channel.
        valid: (b 1 *s) bool, or ``None`` for all voxels.
        maps: the target maps by name; ``spacing``, where given, as one tuple per sample.
    """

    logits: Tensor
    target: Tensor
    valid: Tensor | None
    maps: dict[str, Any]

    def samples(self) -> "list[Batch]":
        """Every sample as a batch of its own."""
        alone = []
        for one in (slice(i, i + 1) for i in range(len(self.logits))):
            valid = None if self.valid is None else self.valid[one]
            maps = {name: value[one] for name, value in self.maps.items()}
            alone.append(Batch(self.logits[one], self.target[one], valid, maps))
        return alone


def accepted(
    logits: object,
    target: object,
    valid: object,
    maps: Mapping[str, object],
    *,
    needs: Sequence[str] = (),
    optional: Sequence[str] = (),
    ignore_index: int | None = None,
    multi_label: bool = False,
    validate: bool = True,
) -> Batch:
    """Bring a batch into one form; raise one clear error for what no equation can use.

    Names, types and shapes are always checked. Values are checked with ``validate``, in one read
    of the device, and not while a program is recorded. Logits may be NaN or infinite: the loss
    then is as well, and a gradient scaler skips the step.
    """
    checks.names(maps, needs, optional)
    scores = _plain(logits)
    checks.logits(scores)
    given = {"target": target, **maps} | ({} if valid is None else {"valid": valid})
    spacing = given.pop("spacing", None)
    tensors = {name: _plain(value) for name, value in given.items()}
    checks.shapes(scores, tensors, multi_label)
    # Of the unsigned integers some know no comparison.
    tensors = {
        n: v if v.is_floating_point() or n == "valid" else v.long() for n, v in tensors.items()
    }
    labels, known = tensors.pop("target"), tensors.pop("valid", None)
    if ignore_index is not None:
        # One-hot, a label of a class is 1 in its channel.
        one_hot = not multi_label and 0 <= ignore_index < labels.shape[1] > 1
        seen = labels[:, [ignore_index]] != 1 if one_hot else labels != ignore_index
        seen = seen.all(1, keepdim=True)
        known = seen if known is None else known & seen
    if known is not None:
        labels = labels.where(known, 0)
        tensors = {n: v if v.is_floating_point() else v.where(known, 0) for n, v in tensors.items()}
    # Sums over a million voxels need more than the three digits of bfloat16.
    wide = scores.float() if scores.dtype in (torch.float16, torch.bfloat16) else scores
    digits = torch.finfo(labels.dtype).eps if labels.is_floating_point() else 0.0
    if shares := multi_label or labels.shape[1] > 1 or wide.shape[1] == 1:
        labels = labels.to(wide.dtype)  # of one channel the classes 0 and 1 are its shares
    if validate and not recorded():
        form = {"shares": shares, "exclusive": not multi_label}
        checks.values(labels, tensors, wide.shape[1], **form, digits=digits, known=known)
    labels = labels if shares else labels.long()
    if spacing is not None:
        tensors["spacing"] = per_sample(spacing, len(wide), wide.ndim - 2)
    return Batch(wide, labels, known, tensors)


def _plain(value: Any) -> Any:
    """MONAI's tensors without meta data, which every operation would copy."""
    return value.as_tensor() if isinstance(value, Tensor) and hasattr(value, "as_tensor") else value


def per_sample(spacing: Any, samples: int, ndim: int) -> tuple[tuple[float, ...], ...]:
    """Millimetres of every sample: one row for all, or (b axes); ``None`` means unit voxels."""
    if isinstance(spacing, list | tuple) and any(isinstance(v, Tensor) and v.ndim for v in spacing):
        raise ValueError(
            f"spacing must be numbers or one tensor, got a {type(spacing).__name__} of tensors, "
            "which may be samples or, from a DataLoader that joins tuples, axes; "
            "torch.stack(spacing) joins samples, torch.stack(spacing, 1) axes"
        )
    values = spacing.tolist() if hasattr(spacing, "tolist") else spacing
    many = values is not None and len(values) > 0 and all(np.ndim(v) == 1 for v in values)
    rows = list(values) if many else [values] * samples
    if len(rows) != samples:
        raise ValueError(
            f"spacing needs one row per sample ({samples}), got {len(rows)}; pass (b axes) "
            "millimetres, or one row for all"
        )
    return tuple(_check.spacing(row, ndim) for row in rows)
