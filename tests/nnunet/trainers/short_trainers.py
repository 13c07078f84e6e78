"""The trainers of the book for two epochs of three steps, and variations on them."""

from nnunetv2.training.nnUNetTrainer.variants.data_augmentation.nnUNetTrainerNoMirroring import (
    nnUNetTrainerNoMirroring,
)

from tubekit.interop.nnunet import WithSkeletonRecall
from tubekit.interop.nnunet_trainers.tubekit_trainers import (
    SkeletonRecallTrainer,
    SoftClDiceTrainer,
)


class Short:
    def initialize(self):
        self.num_epochs, self.num_iterations_per_epoch, self.num_val_iterations_per_epoch = 2, 3, 1
        super().initialize()


class ShortSkeletonRecall(Short, SkeletonRecallTrainer):
    pass


class ShortSoftClDice(Short, SoftClDiceTrainer):
    iterations = 3


class LightSkeletonRecall(Short, WithSkeletonRecall, nnUNetTrainerNoMirroring):
    added_weight = 0.1
    reskeletonise = True
