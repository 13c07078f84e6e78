"""Variations: another trainer of nnU-Net, another weight, a loss of your own choice."""

from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from nnunetv2.training.nnUNetTrainer.variants.data_augmentation.nnUNetTrainerNoMirroring import (
    nnUNetTrainerNoMirroring,
)

from tubekit.interop.nnunet import WithLoss, WithSkeletonRecall
from tubekit.losses import SegmentationLoss, SkeletonRecallLoss, SoftClDiceLoss, WeightedSum


class SkeletonRecallNoMirroring(WithSkeletonRecall, nnUNetTrainerNoMirroring):
    added_weight = 0.1
    reskeletonise = True


class BothTrainer(WithLoss, nnUNetTrainer):
    def added_loss(self) -> SegmentationLoss:
        parts = [SkeletonRecallLoss(self.reduction), SoftClDiceLoss(3, reduction=self.reduction)]
        return WeightedSum(parts, [1.0, 0.5])
