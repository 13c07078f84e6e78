"""Deep supervision: the same loss on every output of a decoder, coarse ones included."""

from collections.abc import Sequence
from typing import cast

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from tubekit.geometry import tubed_skeleton
from tubekit.losses.base import SegmentationLoss, check_batch, nonnegative, with_valid
from tubekit.types import SegOutput


class DeepSupervision(SegmentationLoss):
    """Weighted mean of one loss over all resolutions of a network's output.

    Target and maps are taken to each coarser grid by nearest neighbour. That breaks tubes one
    voxel wide; ``reskeletonise`` draws the tube anew on each coarser label instead.

    Args:
        loss: applied at every level.
        weights: relative weights, fine to coarse, scaled to the sum 1; ``None`` halves the weight
            from level to level, and every level keeps a part.
        reskeletonise: make the map ``tube`` of coarser levels from their own label, with the
            paper's radius of 2 voxels of that level.
        as_released: nnU-Net's weights: halved from level to level, the coarsest level 0. A
            network with a single output keeps the weight 1.
    Raises:
        ValueError: weights are negative, all 0, or given together with ``as_released``;
            ``reskeletonise`` without a loss that needs ``tube``.

    Equation: :eq:`eq-deep-supervision`
    """

    def __init__(
        self,
        loss: SegmentationLoss,
        weights: Sequence[float] | None = None,
        *,
        reskeletonise: bool = False,
        as_released: bool = False,
    ) -> None:
        super().__init__()
        if weights is not None:
            nonnegative(**{f"weights[{i}]": w for i, w in enumerate(weights)})
            if as_released or not sum(weights):
                raise ValueError(
                    f"weights must have a positive sum and exclude as_released, got {weights} with "
                    f"as_released={as_released}; choose one of the two"
                )
        if reskeletonise and "tube" not in loss.needs:
            raise ValueError(
                f"reskeletonise needs a loss with the map 'tube', got needs={loss.needs}; "
                "leave it off"
            )
        self.loss = loss
        self.needs = loss.needs
        self.weights = None if weights is None else tuple(float(w) for w in weights)
        self.reskeletonise = reskeletonise
        self.as_released = as_released

    def forward(
        self,
        logits: Tensor | SegOutput | Sequence[Tensor],
        target: Tensor,
        *,
        valid: Tensor | None = None,
        **maps: Tensor,
    ) -> Float[Tensor, ""]:
        """Loss of all levels.

        Args:
            logits: a network's output, or logits fine to coarse; (b c *s) each, the first one on
                the grid of ``target``.
            target: (b 1 *s), integer classes.
            valid: as ``SegmentationLoss.forward``.
            **maps: as ``loss`` needs them, on the grid of ``target``.
        Returns:
            A scalar.
        Raises:
            TypeError: as ``SegmentationLoss.forward``.
            ValueError: as ``SegmentationLoss.forward``, or not one weight per level.
        """
        levels, maps = _levels(logits), with_valid(maps, valid)
        weights = self.level_weights(len(levels))
        check_batch(levels[0], target, maps, self.needs)
        terms = []
        for level, weight in zip(levels, weights, strict=True):
            grid = level.shape[2:]
            labels = resize_nearest(target, grid)
            here = {name: resize_nearest(values, grid) for name, values in maps.items()}
            if self.reskeletonise and grid != target.shape[2:]:
                here["tube"] = _tube(labels)
            terms.append(weight * self.loss(level, labels, **here))
        return torch.stack(terms).sum()

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


def _levels(logits: Tensor | SegOutput | Sequence[Tensor]) -> tuple[Tensor, ...]:
    if isinstance(logits, SegOutput):
        return (logits.logits, *logits.deep)
    # An array or None counts as one level, which check_batch then refuses.
    several = isinstance(logits, Sequence)
    return tuple(cast(Sequence[Tensor], logits)) if several else (cast(Tensor, logits),)


def _tube(target: Integer[Tensor, "b 1 *s"]) -> Integer[Tensor, "b 1 *s"]:
    labels = target[:, 0].cpu().numpy()
    tubes = torch.stack([torch.from_numpy(tubed_skeleton(label)) for label in labels])
    return tubes[:, None].to(target)
