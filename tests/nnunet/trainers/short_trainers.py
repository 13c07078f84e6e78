"""Trainers of the book for two epochs of three steps."""

from tubekit.interop.nnunet_trainers.more_trainers import BothTrainer
from tubekit.interop.nnunet_trainers.tubekit_trainers import SkeletonRecallTrainer


class Short:
    def initialize(self):
        self.num_epochs, self.num_iterations_per_epoch, self.num_val_iterations_per_epoch = 2, 3, 1
        super().initialize()


class ShortSkeletonRecall(Short, SkeletonRecallTrainer):
    pass


class ShortBoth(Short, BothTrainer):
    pass
