"""MONAI: losses, a tube transform and metrics of this library, called as MONAI calls its own."""

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from tubekit._extras import extra
from tubekit.data import target_map
from tubekit.geometry import tubed_skeleton
from tubekit.losses import SegmentationLoss
from tubekit.metrics import Metric
from tubekit.types import Spacing

with extra("train", __name__):
    from monai.config import KeysCollection
    from monai.data import MetaTensor
    from monai.metrics import CumulativeIterationMetric
    from monai.metrics.utils import do_metric_reduction
    from monai.transforms import MapTransform, Transform
    from monai.utils import convert_to_dst_type, convert_to_numpy, ensure_tuple

__all__ = ["MonaiLoss", "MonaiMetric", "TubedSkeleton", "TubedSkeletond"]


class MonaiLoss(nn.Module):
    """A loss of this library as ``loss(input, target)``, with the targets of MONAI.

    The input is always logits: leave out ``softmax=True`` and ``sigmoid=True`` of MONAI's losses,
    and activations at the end of a network. For overlapping classes (several sigmoids) build the
    loss with ``multi_label=True``; the target then is a mask per channel.

    Args:
        loss: any loss, a ``WeightedSum`` included.
    """

    def __init__(self, loss: SegmentationLoss) -> None:
        super().__init__()
        self.loss = loss

    def forward(
        self, input: Float[Tensor, "b c *s"], target: Tensor, **maps: Tensor
    ) -> Float[Tensor, ""]:
        """Check and convert the target, then compute the loss.

        Args:
            input: logits; one channel is a sigmoid, more are a softmax with the background first.
            target: class indices (b 1 *s) of any type, or one-hot (b c *s) with the background.
            **maps: target maps that the loss needs, e.g. ``tube=batch["tube"]``; (b 1 *s). One
                that is left out is made here, on the processor, at every call.
        Returns:
            A scalar.
        Raises:
            TypeError: as ``SegmentationLoss.forward``.
            ValueError: as ``SegmentationLoss.forward``, or a target that is neither class indices
                nor one-hot.
        """
        labels = _plain(target)
        if not self.loss.multi_label:
            labels = _class_indices(labels, input.shape[1])
        maps = {name: _plain(values) for name, values in maps.items()}
        for name in self.loss.needs:
            if name not in maps and not self.loss.multi_label:
                maps[name] = _made(name, labels)
        return self.loss(_plain(input), labels, **maps)


class TubedSkeleton(Transform):
    """Tubed skeleton of a label map, for Skeleton Recall.

    Args:
        radius: of the tube in voxels, 0 or more; 2 in the paper.
        ignore_label: class that counts as background and carries no tube.

    Equation: :eq:`eq-tubed-skeleton`

    Reference: Kirchhoff et al., Skeleton Recall Loss, ECCV 2024, algorithm 1.
    """

    def __init__(self, radius: int = 2, ignore_label: int | None = None) -> None:
        self.radius = radius
        self.ignore_label = ignore_label

    def __call__(self, label: np.ndarray | Tensor) -> np.ndarray | Tensor:
        """Tube of one label map.

        Args:
            label: class indices (1 *s), of any numeric type.
        Returns:
            The tube with class indices, int64, in the container of ``label`` with its meta data.
        Raises:
            ValueError: more than one channel, values that are no class indices, or as
                ``tubekit.geometry.tubed_skeleton``.
        """
        values = convert_to_numpy(label)
        if values.shape[0] != 1:
            raise ValueError(
                f"label must have shape (1, ...) with class indices, got {tuple(values.shape)}; "
                "make the tube before the label is turned into one-hot channels"
            )
        classes = values[0].astype(np.int64)
        _whole_numbers("label", bool((classes == values[0]).all()))
        tube = tubed_skeleton(classes, self.radius, ignore_label=self.ignore_label)
        return convert_to_dst_type(tube[None], label, dtype=np.int64)[0]


class TubedSkeletond(MapTransform):
    """Dictionary transform that puts the tubed skeleton of a label beside it.

    Place it after every transform that moves, crops or relabels the label.

    Args:
        keys: of the label maps, (1 *s) each.
        radius: see ``TubedSkeleton``.
        names: keys of the tubes, one per label.
        ignore_label: see ``TubedSkeleton``.
        allow_missing_keys: leave samples without label as they are.
    Raises:
        ValueError: not one name per key.
    """

    def __init__(
        self,
        keys: KeysCollection,
        radius: int = 2,
        names: KeysCollection = "tube",
        ignore_label: int | None = None,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.names = ensure_tuple(names)
        if len(self.names) != len(self.keys):
            raise ValueError(
                f"one name per key is needed, got {len(self.names)} for {len(self.keys)} keys; "
                "pass names, a key for the tube of every label"
            )
        self.tubed_skeleton = TubedSkeleton(radius, ignore_label)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        result = dict(data)
        for key, name in self.key_iterator(result, self.names):
            result[name] = self.tubed_skeleton(result[key])
        return result


class MonaiMetric(CumulativeIterationMetric):
    """A metric of this library, gathered over batches as MONAI gathers its own.

    Args:
        metric: ``(pred, target, *, spacing) -> float``, e.g. ``tubekit.metrics.cldice``.
        include_background: also measure channel 0; a single channel is always measured.
        reduction: of MONAI: ``"mean"``, ``"mean_batch"``, ``"sum"``, ``"none"``, ...; values that
            are not defined (NaN) are left out.
    """

    def __init__(
        self, metric: Metric, include_background: bool = False, reduction: str = "mean"
    ) -> None:
        super().__init__()
        self.metric = metric
        self.include_background = include_background
        self.reduction = reduction

    def _compute_tensor(
        self,
        y_pred: Tensor,
        y: Tensor | None = None,
        spacing: Spacing | None = None,
        **kwargs: Any,
    ) -> Tensor:
        if y is None or kwargs:
            raise TypeError(
                f"a metric takes y_pred, y and spacing, got y={type(y).__name__} and "
                f"{sorted(kwargs)}; pass prediction and label, and nothing else"
            )
        first = 0 if self.include_background or y_pred.shape[1] == 1 else 1
        pairs = zip(_plain(y_pred).cpu().numpy(), _plain(y).cpu().numpy(), strict=True)
        values = [
            [self.metric(p, t, spacing=spacing) for p, t in zip(a[first:], b[first:], strict=True)]
            for a, b in pairs
        ]
        return torch.tensor(values, dtype=torch.float32)

    def aggregate(self, reduction: str | None = None) -> Tensor:
        """Reduce what was gathered since the last ``reset``; NaN where nothing was defined."""
        values = self.get_buffer()
        if not isinstance(values, Tensor):
            raise ValueError(
                "a metric needs at least one batch, got none; call it before aggregate"
            )
        reduced, count = do_metric_reduction(values, reduction or self.reduction)
        # MONAI calls a mean over nothing 0, which as a distance would be perfect.
        return reduced.masked_fill(count == 0, float("nan"))


def _plain(values: Tensor) -> Tensor:
    return values.as_tensor() if isinstance(values, MetaTensor) else values


def _class_indices(target: Tensor, channels: int) -> Tensor:
    """Labels (b 1 *s), int64, from class indices or one-hot channels."""
    if target.ndim > 1 and target.shape[1] == channels > 1:
        one_hot = ((target == 0) | (target == 1)).all() and (target.sum(1) == 1).all()
        if not one_hot:
            raise ValueError(
                f"a target of {channels} channels must be one-hot with exactly one 1 per voxel, "
                "got other values; overlapping classes need one loss each"
            )
        return target.argmax(1, keepdim=True)
    labels = target.long()
    _whole_numbers("target", bool((labels == target).all()))
    return labels


def _whole_numbers(name: str, ok: bool) -> None:
    if not ok:
        raise ValueError(
            f"{name} must hold class indices, got fractions; resample labels with "
            'mode="nearest" and leave them out of intensity scaling'
        )


def _made(name: str, labels: Tensor) -> Tensor:
    maps = [torch.from_numpy(target_map(name, label)) for label in labels[:, 0].cpu().numpy()]
    return torch.stack(maps)[:, None].to(labels.device)
