"""nnU-Net v2 trainers that add a loss for thin tubes to cross-entropy and Dice."""

from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

from tubekit.interop.nnunet import WithSkeletonRecall, WithSoftClDice


class SkeletonRecallTrainer(WithSkeletonRecall, nnUNetTrainer):
    added_weight = 1.0


class SoftClDiceTrainer(WithSoftClDice, nnUNetTrainer):
    added_weight = 1.0
    iterations = 10
