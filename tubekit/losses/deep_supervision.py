"""Deep supervision: the same loss on every output of a decoder, coarse ones included."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Bool, Integer, Num
from torch import Tensor, nn

from tubekit.geometry import tubed_skeleton
from tubekit.losses.base import SegmentationLoss, Value, nonnegative
from tubekit.losses.batch import Batch
from tubekit.losses.foreign import OF_PARTS, as_loss, inherited
from tubekit.losses.hausdorff import HausdorffDTLoss
from tubekit.types import SegOutput


class DeepSupervision(SegmentationLoss):
    """Weighted mean of one loss over all resolutions of a network's output.

    Target and maps are taken to each coarser grid by nearest neighbour. That breaks tubes one
    voxel wide; ``reskeletonise`` draws the tube anew on each coarser label instead. Millimetres
    per voxel, ``loss``'s own or those of a call, grow with the voxels. A level of weight 0 is
    checked and left out.

    Args:
        loss: applied at every level; one of ``torch.nn`` or MONAI too, see ``ForeignLoss``.
        weights: relative weights, fine to coarse, scaled to the sum 1; ``None`` halves the weight
            from level to level, and every level keeps a part.
        reskeletonise: make the map ``tube`` of coarser levels from their own label, with the
            paper's radius of 2 voxels of that level.
        as_released: nnU-Net's weights: halved from level to level, the coarsest level 0. A
            network with a single output keeps the weight 1.
        **options: see ``SegmentationLoss``; ``ignore_index``, ``multi_label`` and ``validate``
            that are not given are those of ``loss``.
    Raises:
        ValueError: weights are negative, all 0, or given together with ``as_released``;
            ``reskeletonise`` without a loss that needs ``tube``; parts of different spacing.

    Equation: :eq:`eq-deep-supervision`

    Example:
        >>> import torch
        >>> from tubekit.losses import CrossEntropyLoss
        >>> fine, coarse = torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 2, 2)
        >>> loss = DeepSupervision(CrossEntropyLoss())
        >>> loss([fine, coarse], torch.zeros(1, 1, 4, 4, dtype=torch.long))
        tensor(0.6931)
    """

    refuses = OF_PARTS

    def __init__(
        self,
        loss: nn.Module,
        weights: Sequence[float] | None = None,
        *,
        reskeletonise: bool = False,
        as_released: bool = False,
        **options: Any,
    ) -> None:
        part = as_loss(loss)
        super().__init__(**inherited([loss], options))
        if weights is not None:
            nonnegative(**{f"weights[{i}]": w for i, w in enumerate(weights)})
            if as_released or not sum(weights):
                raise ValueError(
                    f"weights must have a positive sum and exclude as_released, got {weights} with "
                    f"as_released={as_released}; choose one of the two"
                )
        if reskeletonise and "tube" not in part.needs:
            raise ValueError(
                f"reskeletonise needs a loss with the map 'tube', got needs={part.needs}; "
                "leave it off"
            )
        self.loss = part
        self.needs, self.optional = part.needs, part.optional
        hausdorff = part.modules() if "spacing" in part.optional else ()
        own = {m.spacing for m in hausdorff if isinstance(m, HausdorffDTLoss)}
        if len(own) > 1:
            raise ValueError(
                f"all parts must have the same spacing, got {', '.join(map(str, own))}; leave it "
                "out and pass spacing in the call"
            )
        self.spacing = own.pop() if own else None
        self.weights = None if weights is None else tuple(float(w) for w in weights)
        self.reskeletonise = reskeletonise
        self.as_released = as_released

    def forward(  # type: ignore[override]
        self,
        logits: Any,
        target: Tensor | Sequence[Tensor],
        *,
        valid: Tensor | Sequence[Tensor] | None = None,
        **maps: Any,
    ) -> Value:
        """Loss of all levels.

        Args:
            logits: a network's output, fine to coarse: a ``SegOutput``, a tensor (b c *s), a
                list, tuple or dictionary of them (of its values, in order), or levels stacked as
                (b levels c *s), as MONAI's DynUNet returns them.
            target: as ``SegmentationLoss.forward``, on the grid of the first level; or a list
                with one per level.
            valid: as ``SegmentationLoss.forward``, or a list with one per level.
            **maps: as ``loss`` needs them, on the grid of ``target``; or lists.
        Returns:
            A scalar, or as ``reduction`` asks.
        Raises:
            TypeError: as ``SegmentationLoss.forward``.
            ValueError: as ``SegmentationLoss.forward``, or not one weight, target or map per
                level.
        """
        first = target[0] if isinstance(target, list | tuple) and target else target
        levels = list(_levels(logits, first))
        weights = self.level_weights(len(levels))
        if self.spacing is not None and maps.get("spacing") is None:
            maps["spacing"] = self.spacing
        given = {"target": target, **maps} | ({} if valid is None else {"valid": valid})
        lists = {n: v for n, v in given.items() if isinstance(v, list | tuple) and n != "spacing"}
        for name, entries in lists.items():
            if len(entries) != len(levels):
                raise ValueError(
                    f"{name} needs one entry per level, got {len(entries)} for {len(levels)} "
                    "levels; or pass that of the finest level alone"
                )
        finest = self.accept(levels[0], **{n: lists.get(n, [v])[0] for n, v in given.items()})
        terms = []
        for i, (level, weight) in enumerate(zip(levels, weights, strict=True)):
            own = {n: entries[i] for n, entries in lists.items()}
            for name, other in (("target", "valid"), ("valid", "target")):
                if name in lists and other not in lists:  # what the finest one ignores is its own
                    whole = given.get(other)
                    own[other] = None if whole is None else resize_nearest(whole, level.shape[2:])
            here = self._coarser(level, own, finest) if i else finest
            mean = self.reduction == "mean"
            if weight:
                term = weight * (self.loss.of_batch if mean else self.loss.of_samples)(here)
            else:  # zeros, and as gradient too, whatever the level holds
                term = level.flatten(1)[:, :0].sum(None if mean else 1)
            terms.append(term)
        values = torch.stack(terms)
        return values.sum(0) if self.reduction == "none" else values.sum()

    def _coarser(self, logits: Tensor, own: Mapping[str, Any], finest: Batch) -> Batch:
        """A coarser level; what is not its own is taken from the finest one."""
        grid, fine = tuple(logits.shape[2:]), tuple(finest.logits.shape[2:])
        taken = {"target": finest.target, "valid": finest.valid, **finest.maps}
        here: dict[str, Any] = {
            name: resize_nearest(value, grid)
            for name, value in taken.items()
            if isinstance(value, Tensor) and name not in own
        }
        if "spacing" in taken:
            scale = [f / g for f, g in zip(fine, grid, strict=True)]
            here["spacing"] = [
                [step * factor for step, factor in zip(row, scale, strict=True)]
                for row in taken["spacing"]
            ]
        if self.reskeletonise and grid != fine and "tube" not in own:
            both = {**here, **own}
            here["tube"] = self._tube(both["target"], both.get("valid"))
        return self.accept(logits, **here, **own, known=not own)

    def _tube(
        self, target: Num[Tensor, "b #c *s"], valid: Bool[Tensor, "b 1 *s"] | None
    ) -> Integer[Tensor, "b #c *s"]:
        """Tubes of all classes together, or with ``multi_label`` of every mask alone."""
        if valid is not None:
            target = target.where(valid, 0)
        if target.shape[1] > 1 and not self.multi_label:
            target = target.argmax(1, keepdim=True)
        maps = target.flatten(0, 1).cpu().numpy()
        tubes = [
            torch.from_numpy(tubed_skeleton(one, ignore_label=self.ignore_index)) for one in maps
        ]
        return torch.stack(tubes).view(target.shape).long().to(target.device)

    def level_weights(self, levels: int) -> tuple[float, ...]:
        """Weights of so many levels, fine to coarse, with the sum 1."""
        raw = self.weights or tuple(2.0**-i for i in range(levels))
        if len(raw) != levels:
            raise ValueError(
                f"one weight per level is needed, got {len(raw)} weights for {levels} levels; "
                "count the full resolution and every entry of SegOutput.deep"
            )
        if self.as_released and levels > 1:
            raw = (*raw[:-1], 0.0)
        return tuple(w / sum(raw) for w in raw)


def resize_nearest(values: Tensor, grid: Sequence[int]) -> Tensor:
    """Nearest neighbour between voxel centres, for any type and number of axes.

    Args:
        values: (b c *s).
        grid: new spatial shape.
    Returns:
        (b c *grid), same type.
    """
    for axis, size in enumerate(grid, start=2):
        if size != values.shape[axis]:
            # Exact in integers: floor((i + 1/2) * old / new).
            index = torch.arange(size, device=values.device)
            index = ((2 * index + 1) * values.shape[axis]).div(2 * size, rounding_mode="floor")
            values = values.index_select(axis, index)
    return values


def _levels(output: Any, target: Any) -> Iterator[Any]:
    if isinstance(output, SegOutput):
        yield from (output.logits, *output.deep)
    elif isinstance(output, Mapping | list | tuple):
        for value in output.values() if isinstance(output, Mapping) else output:
            yield from _levels(value, target)
    elif isinstance(output, Tensor) and isinstance(target, Tensor) and output.ndim > target.ndim:
        yield from output.unbind(1)
    else:  # an array or None counts as one level, which is then refused
        yield output
