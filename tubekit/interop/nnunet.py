"""nnU-Net v2: a trainer minimises its own loss plus one of this library.

A mixin, written before the trainer, adds the loss::

    class SkeletonRecallTrainer(WithSkeletonRecall, nnUNetTrainer):
        pass

``TRAINERS`` is the folder with two such trainers; name it, or a folder of your own, in the
environment variable ``nnUNet_extTrainer``. nnU-Net is not imported before a trainer is built.
"""

from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tubekit.interop.nnunet_parts import LossSum, TargetMaps
from tubekit.losses import SegmentationLoss, SkeletonRecallLoss, SoftClDiceLoss

if TYPE_CHECKING:
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer as Trainer
else:
    Trainer = object

__all__ = ["TRAINERS", "WithLoss", "WithSkeletonRecall", "WithSoftClDice"]

TRAINERS = Path(__file__).parent / "nnunet_trainers"
"""Folder for ``nnUNet_extTrainer`` with ``SkeletonRecallTrainer`` and ``SoftClDiceTrainer``."""


class WithLoss(Trainer):
    """Mixin that adds ``added_weight`` times the loss of ``added_loss`` to a trainer's own loss.

    Write it before the trainer: ``class MyTrainer(WithLoss, nnUNetTrainer)``. The added loss gets
    every level of deep supervision, weighted as nnU-Net weighs its own. Target maps that it needs
    (a tube) are made in the workers that load the data, after the augmentation. Voxels with the
    ignore label do not count. Overlapping regions are binary problems with one sigmoid each; their
    losses are averaged.

    Attributes:
        added_weight: factor of the added loss, at least 0; 0 trains as without it.
        reskeletonise: make the maps of coarser levels from the label of that level; by default
            the map of the full resolution is sampled like the label.
    Raises:
        TypeError: when a class is defined with the trainer before the mixin.
    """

    added_weight: float = 1.0
    reskeletonise: bool = False

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        before = takewhile(lambda base: base is not WithLoss, cls.__mro__)
        for base in before:
            if not issubclass(base, WithLoss) and "_build_loss" in vars(base):
                raise TypeError(
                    f"{cls.__name__} must name the mixin before the trainer {base.__name__}, got "
                    "it after; otherwise nothing would be added, so swap the two"
                )

    def added_loss(self) -> SegmentationLoss:
        """The loss to add, built once per training; override it to add another one."""
        raise TypeError(
            f"{type(self).__name__} must define added_loss; use WithSkeletonRecall or "
            "WithSoftClDice, or return a loss of tubekit.losses from it"
        )

    @property
    def reduction(self) -> str:
        """``"batch"`` where nnU-Net pools its Dice over the batch, otherwise ``"sample"``."""
        return "batch" if self.configuration_manager.batch_dice else "sample"

    def _build_loss(self) -> LossSum:
        labels = self.label_manager
        regions = len(labels.foreground_regions) if labels.has_regions else 0
        added, own = self.added_loss(), super()._build_loss()
        return LossSum(own, added, self.added_weight, regions, labels.ignore_label)

    def get_training_transforms(self, *args: Any, **kwargs: Any) -> Any:
        return self._with_maps(super().get_training_transforms(*args, **kwargs))

    def get_validation_transforms(self, *args: Any, **kwargs: Any) -> Any:
        return self._with_maps(super().get_validation_transforms(*args, **kwargs))

    def train_step(self, batch: dict) -> dict:
        with self.loss.lent(batch, self.device) as own_batch:
            return super().train_step(own_batch)

    def validation_step(self, batch: dict) -> dict:
        with self.loss.lent(batch, self.device) as own_batch:
            return super().validation_step(own_batch)

    def _with_maps(self, composed: Any) -> Any:
        """Insert the maps before the label is sampled for deep supervision, or after it."""
        from batchgeneratorsv2.transforms.utils.deep_supervision_downsampling import (
            DownsampleSegForDSTransform,
        )

        steps = composed.transforms
        if self.loss.needs:
            sampling = [isinstance(step, DownsampleSegForDSTransform) for step in steps]
            at = sampling.index(True) if any(sampling) and not self.reskeletonise else len(steps)
            steps.insert(at, TargetMaps(self.loss.needs, self.loss.regions, self.loss.ignore_label))
        return composed


class WithSkeletonRecall(WithLoss):
    """Mixin that adds Skeleton Recall, on the tubed skeleton of the augmented patch.

    Reference: Kirchhoff et al., Skeleton Recall Loss, ECCV 2024, equations 1 and 2.
    """

    def added_loss(self) -> SegmentationLoss:
        return SkeletonRecallLoss(reduction=self.reduction)


class WithSoftClDice(WithLoss):
    """Mixin that adds soft clDice.

    Attributes:
        iterations: erosions of the soft skeleton, at least the largest radius in voxels.

    Reference: Shit et al., clDice, CVPR 2021.
    """

    iterations: int = 10

    def added_loss(self) -> SegmentationLoss:
        return SoftClDiceLoss(iterations=self.iterations, reduction=self.reduction)
