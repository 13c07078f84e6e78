"""What a trainer of nnU-Net v2 needs for an added loss: its target maps, and the sum."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from tubekit import _check
from tubekit.data import target_map
from tubekit.losses import SegmentationLoss
from tubekit.losses.base import nonnegative

CLASS_MAPS = ("tube", "tube_unclipped", "skeleton")
"""Maps that travel in the channels of nnU-Net's label: those that hold class indices."""


class TargetMaps:
    """Step of nnU-Net's data loading: appends target maps to a sample's label as channels.

    Args:
        needs: names of the maps, of ``CLASS_MAPS``.
        regions: number of overlapping regions; 0 means that the label holds class indices.
        ignore_label: class without a map; regions carry it in a channel of their own, the last.
    """

    def __init__(self, needs: Sequence[str], regions: int, ignore_label: int | None) -> None:
        self.needs, self.regions, self.ignore_label = tuple(needs), regions, ignore_label

    def __call__(self, **sample: Any) -> dict[str, Any]:
        label = sample["segmentation"]
        levels = [self._extended(level) for level in _levels(label)]
        return sample | {"segmentation": levels if isinstance(label, list) else levels[0]}

    def _extended(self, label: Tensor) -> Tensor:
        problems = label[: self.regions].to(torch.int16) if self.regions else label
        if self.ignore_label is not None and not self.regions:
            problems = label.masked_fill(label == self.ignore_label, 0)
        maps = [target_map(name, p) for name in self.needs for p in problems.numpy()]
        return torch.cat([label, *(torch.from_numpy(m)[None].to(label.dtype) for m in maps)])


class LossSum(nn.Module):
    """nnU-Net's loss plus ``weight`` times another one, called as nnU-Net calls its own.

    Args:
        own: nnU-Net's loss; its ``weight_factors``, where it has them, weigh the levels.
        added: loss of this library; it may need the maps of ``CLASS_MAPS``.
        weight: factor of ``added``, at least 0.
        regions: number of overlapping regions; 0 means that the label holds class indices.
        ignore_label: class of the voxels that do not count.
    Raises:
        ValueError: ``added`` needs another map, or ``weight`` is negative.
    """

    def __init__(
        self,
        own: nn.Module,
        added: SegmentationLoss,
        weight: float,
        regions: int = 0,
        ignore_label: int | None = None,
    ) -> None:
        super().__init__()
        nonnegative(added_weight=weight)
        for name in added.needs:
            _check.option("a target map of the added loss", name, CLASS_MAPS)
        self.own, self.added, self.weight = own, added, weight
        self.needs, self.regions, self.ignore_label = added.needs, regions, ignore_label
        self._maps: list[dict[str, Tensor]] | None = None

    @contextmanager
    def lent(self, batch: Mapping[str, Any], device: torch.device) -> Iterator[dict[str, Any]]:
        """Take the target maps out of a batch and keep them for the calls inside ``with``.

        nnU-Net's steps hand on nothing but the label and compare all its channels with the
        prediction, so the maps must reach the loss another way.
        """
        target = batch["target"]
        width = self.regions + (self.ignore_label is not None) if self.regions else 1
        levels = [level.to(device, non_blocking=True) for level in _levels(target)]
        labels = [level[:, :width] for level in levels]
        # One map after the other, with a channel per problem each; as integers, not bool.
        maps = [level[:, width:].short().split(max(1, self.regions), 1) for level in levels]
        self._maps = [dict(zip(self.needs, split, strict=False)) for split in maps]
        try:
            yield {**batch, "target": labels if isinstance(target, list) else labels[0]}
        finally:
            self._maps = None

    def forward(self, output: Tensor | list[Tensor], target: Tensor | list[Tensor]) -> Tensor:
        """Both losses of all levels.

        Raises:
            TypeError: the added loss needs maps and is called outside ``lent``.
        """
        if self._maps is None and self.needs:
            raise TypeError(
                f"the added loss needs the target maps {', '.join(self.needs)}, got none; "
                "call it inside lent(batch, device), as the steps of the mixin do"
            )
        value = self.own(output, target)
        weights = getattr(self.own, "weight_factors", (1.0,))
        maps = self._maps or [{} for _ in weights]
        for level in zip(weights, _levels(output), _levels(target), maps, strict=True):
            # As in nnU-Net, an output of weight 0 stays out of the graph.
            if factor := self.weight * float(level[0]):
                value = value + factor * self._one_level(*level[1:])
        return value

    def _one_level(self, logits: Tensor, label: Tensor, maps: Mapping[str, Tensor]) -> Tensor:
        # Not through the checks of forward: an overflow in half precision must not end a training,
        # because nnU-Net's gradient scaler skips such a step.
        logits = logits.float()
        ignore = self.ignore_label
        if not self.regions:
            valid = None if ignore is None else label != ignore
            label = label if valid is None else label.masked_fill(~valid, 0)
            return self.added.from_logits(logits, label, valid=valid, **maps)
        valid = None if ignore is None else ~label[:, -1:].bool()
        terms = []
        for r in range(self.regions):
            one = slice(r, r + 1)
            own = {name: values[:, one] for name, values in maps.items()}
            mask = label[:, one].short()
            terms.append(self.added.from_logits(logits[:, one], mask, valid=valid, **own))
        return torch.stack(terms).mean()


def _levels(value: Tensor | Sequence[Tensor]) -> list[Tensor]:
    return [value] if isinstance(value, Tensor) else list(value)
