"""Losses: pure functions on probabilities and masks, and thin Modules on logits and labels."""

from tubekit.losses.base import SegmentationLoss
from tubekit.losses.boundary import BoundaryLoss, boundary_loss
from tubekit.losses.cldice import SoftClDiceLoss, soft_cldice
from tubekit.losses.compose import WeightedSum
from tubekit.losses.cross_entropy import CrossEntropyLoss, FocalLoss, cross_entropy
from tubekit.losses.deep_supervision import DeepSupervision
from tubekit.losses.dice import DiceCELoss, SoftDiceLoss, soft_dice
from tubekit.losses.foreign import ForeignLoss
from tubekit.losses.growth_suppression import GrowthSuppressionLoss
from tubekit.losses.hausdorff import HausdorffDTLoss, hausdorff_dt
from tubekit.losses.mix_equivalence import MixEquivalenceLoss, mix_equivalence
from tubekit.losses.recall import SoftRecallLoss, soft_recall
from tubekit.losses.reconnection import ReconnectionLoss, reconnection_loss
from tubekit.losses.relaxed_supervision import (
    RelaxedSupervisionLoss,
    relaxed_cross_entropy,
    relaxed_dice,
)
from tubekit.losses.skeleton_recall import SkeletonRecallLoss, skeleton_recall
from tubekit.losses.spatial_prior import SpatialPriorLoss, spatial_prior
from tubekit.losses.topological_cldice import TopologicalClDiceLoss, topological_cldice
from tubekit.losses.tversky import TverskyLoss, tversky_index

__all__ = [
    "BoundaryLoss",
    "CrossEntropyLoss",
    "DeepSupervision",
    "DiceCELoss",
    "FocalLoss",
    "ForeignLoss",
    "GrowthSuppressionLoss",
    "HausdorffDTLoss",
    "MixEquivalenceLoss",
    "ReconnectionLoss",
    "RelaxedSupervisionLoss",
    "SegmentationLoss",
    "SkeletonRecallLoss",
    "SoftClDiceLoss",
    "SoftDiceLoss",
    "SoftRecallLoss",
    "SpatialPriorLoss",
    "TopologicalClDiceLoss",
    "TverskyLoss",
    "WeightedSum",
    "boundary_loss",
    "cross_entropy",
    "hausdorff_dt",
    "mix_equivalence",
    "reconnection_loss",
    "relaxed_cross_entropy",
    "relaxed_dice",
    "skeleton_recall",
    "soft_cldice",
    "soft_dice",
    "soft_recall",
    "spatial_prior",
    "topological_cldice",
    "tversky_index",
]
