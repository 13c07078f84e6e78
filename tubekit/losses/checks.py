"""The checks of a loss's input: names, types, shapes, and all values in one look."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from tubekit import _check

UNIT_MAPS = {
    "confidence": "pass what confidence_map makes, without a cast",
    "mix_weight": "expand the share of each sample itself to (b 1 *s)",
}
"""Maps that are shares in [0, 1] with one channel, and what to do where one is not."""
FRACTIONS = (
    "target must hold integer classes, got fractions; resample labels by nearest neighbour, or "
    "pass shares with one channel per class"
)
SEVERAL = (
    "mix_weight must be the same in all voxels of a sample, got several values; "
    + UNIT_MAPS["mix_weight"]
)
SUMS = (
    "target of one channel per class must sum to 1 in every voxel, got other sums; where classes "
    "overlap build the loss with multi_label=True"
)
Rule = tuple[Tensor, str | Callable[[], str]]
"""Whether values are right, and what to say where they are not."""
FROM_NETWORK = ("mixed_logits",)
"""Maps that may be NaN or infinite as logits may."""


def names(maps: Mapping[str, object], needs: Sequence[str], optional: Sequence[str]) -> None:
    if missing := [name for name in needs if name not in maps]:
        raise TypeError(
            f"this loss needs the target maps {', '.join(needs)}, got no {', '.join(missing)}; "
            "let the loader add what loss.needs lists"
        )
    known = (*needs, *optional, "valid")
    if unknown := sorted(set(maps) - set(known)):
        raise TypeError(
            f"this loss takes the maps {', '.join(known)}, got {', '.join(unknown)}; "
            "pass only these, each under its own name"
        )


def logits(logits: Any) -> None:
    if not isinstance(logits, Tensor) or not logits.is_floating_point():
        found = logits.dtype if isinstance(logits, Tensor) else type(logits).__name__
        raise ValueError(
            f"logits must be a floating-point tensor, got {found}; pass the network's raw output "
            "(of a SegOutput its .logits, or wrap the loss in DeepSupervision)"
        )
    if logits.ndim not in (4, 5) or logits.numel() == 0:
        raise ValueError(
            f"logits must have shape (b, c, y, x) or (b, c, z, y, x) without empty axes, got "
            f"{tuple(logits.shape)}; add the batch and channel axes"
        )


def shapes(logits: Tensor, tensors: Mapping[str, Any], multi_label: bool) -> None:
    samples, channels, *grid = logits.shape
    for name, value in tensors.items():
        _check.tensor(name, value)
        found = (*value.shape,)
        if name == "target":  # one-hot channels, or class indices
            allowed = [channels] if multi_label else [1, channels]
        else:  # a map may hold one channel per class, the valid mask has one
            allowed = [1] if name == "valid" or value.ndim != logits.ndim else [found[1]]
        shapes = [(samples, n, *grid) for n in allowed]
        if found not in shapes:
            wanted = " or ".join(map(str, dict.fromkeys(shapes)))
            raise ValueError(
                f"{name} must have shape {wanted} beside logits {tuple(logits.shape)}, got "
                f"{found}; keep the grid of the logits and one channel{_more(name, multi_label)}"
            )
        if name == "valid" and value.dtype != torch.bool:
            raise ValueError(f"valid must be bool, got {value.dtype}; compare it with 0 first")
        if name in UNIT_MAPS and (not value.is_floating_point() or value.shape[1] != 1):
            raise ValueError(
                f"{name} must be floating point with one channel, got {value.dtype} with "
                f"{value.shape[1]} channels; {UNIT_MAPS[name]}"
            )


def _more(name: str, multi_label: bool) -> str:
    if name != "target":
        return ""
    return " per class of multi_label" if multi_label else ", or one per class as one-hot"


def weight(weight: Sequence[float] | None, channels: int, multi_label: bool) -> None:
    classes = channels if multi_label else max(2, channels)
    if weight is not None and len(weight) != classes:
        first = "" if multi_label else ", the background's first"
        raise ValueError(
            f"weight needs {classes} factors for {channels} channels, got {len(weight)}; give one "
            f"per class{first}"
        )


def values(
    labels: Tensor,
    maps: Mapping[str, Tensor],
    channels: int,
    *,
    shares: bool,
    exclusive: bool,
    digits: float = 0.0,
    known: Tensor | None = None,
) -> None:
    """All values at once: every tensor against its limits, and one look at the answers.

    Shares are 0 outside ``known``; everywhere else they must sum to 1 where ``exclusive``, as
    well as the type they came in tells numbers apart: ``digits``, its step at 1.
    """
    classes = max(2, channels)
    rules: list[Rule] = [_within("target", labels, 0, 1 if shares else classes - 1)]
    for name, value in maps.items():
        if name in UNIT_MAPS:
            rules.append(_within(name, value, 0, 1))
        elif not value.is_floating_point():
            rules.append(_within(name, value, 0, classes - 1))
        elif name not in FROM_NETWORK:
            largest = torch.finfo(value.dtype).max
            rules.append(_within(name, value, -largest, largest))
    if labels.is_floating_point() and not shares:
        rules.append(((labels == labels.floor()).all(), FRACTIONS))
    if "mix_weight" in maps:
        weights = maps["mix_weight"].flatten(1)
        rules.append(((weights == weights[:, :1]).all(), SEVERAL))
    if shares and labels.shape[1] > 1 and exclusive:
        whole = 1 if known is None else known.squeeze(1).to(labels.dtype)
        right = (labels.sum(1) - whole).abs() <= max(1e-3, channels * digits)
        rules.append((right.all(), SUMS))
    if not torch.stack([right for right, _ in rules]).all():
        told = next(told for right, told in rules if not right)
        raise ValueError(told if isinstance(told, str) else told())


def _within(name: str, value: Tensor, low: float, high: float) -> Rule:
    """Whether all values lie between two limits, and what to say where they do not."""
    least, most = value.detach().aminmax()  # NaN, where there is one, and that lies nowhere

    def tell() -> str:
        if name != "target" and name not in UNIT_MAPS and value.is_floating_point():
            _check.finite(name, value)
        limits = f"[{low}, {high}]" if name in UNIT_MAPS else f"{low}..{high}"
        remedy = UNIT_MAPS.get(name) or "relabel, or give the network one output channel per class"
        if name == "target":
            worst = (most if most > high else least).item()
            remedy += (
                f"; unlabelled voxels are left out by ignore_index={worst:g} or the mask `valid`"
            )
        return f"{name} must lie in {limits}, got {least.item():g}..{most.item():g}; {remedy}"

    return (least >= low) & (most <= high), tell
