"""Networks and losses by the names that the command line knows."""

from collections.abc import Callable

from torch import nn

from tubekit import _check
from tubekit.losses import (
    BoundaryLoss,
    CrossEntropyLoss,
    DiceCELoss,
    SegmentationLoss,
    SkeletonRecallLoss,
    SoftClDiceLoss,
    TopologicalClDiceLoss,
    TverskyLoss,
    WeightedSum,
)
from tubekit.networks import CS2Net, DCUNet, DSCNet, HRNet, UNet, UNetPlusPlus


def _plus(term: SegmentationLoss, weight: float = 1.0) -> SegmentationLoss:
    return WeightedSum([DiceCELoss(), term], [1.0, weight])


LOSSES: dict[str, Callable[[], SegmentationLoss]] = {
    "dice_ce": DiceCELoss,
    "srl": lambda: _plus(SkeletonRecallLoss()),
    "cldice": lambda: _plus(SoftClDiceLoss()),
    "topo_cldice": lambda: _plus(TopologicalClDiceLoss()),
    "tversky": lambda: WeightedSum([CrossEntropyLoss(), TverskyLoss()], [1.0, 1.0]),
    # Distances are tens of voxels where probabilities are at most 1.
    "boundary": lambda: _plus(BoundaryLoss(), 0.01),
}
"""Each is a whole loss: a term for connected tubes comes on top of Dice and cross-entropy."""

_OF_LEVELS: dict[str, Callable[..., nn.Module]] = {
    "unet": UNet,
    "unetpp": UNetPlusPlus,
    "cs2net": CS2Net,
    "dcunet": DCUNet,
    "dscnet": DSCNet,
}
NETWORKS = (*_OF_LEVELS, "hrnet")


def build_network(
    name: str, *, ndim: int, in_channels: int, out_channels: int, width: int
) -> nn.Module:
    """A network of four levels.

    Args:
        name: one of ``NETWORKS``.
        ndim: number of spatial axes.
        in_channels: of the prepared image.
        out_channels: of the logits; 1 means binary.
        width: channels of the finest level; each coarser one has twice as many.
    Raises:
        ValueError: an unknown name.
    """
    _check.option("network", name, NETWORKS)
    if name in _OF_LEVELS:
        features = tuple(width << level for level in range(4))
        return _OF_LEVELS[name](ndim, in_channels, out_channels, features=features)
    # The depth of the published W18-Small-v2.
    return HRNet(in_channels, out_channels, ndim=ndim, width=width, modules=(1, 1, 3, 2), blocks=2)
