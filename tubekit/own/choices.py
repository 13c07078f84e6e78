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

_ANY_DIMENSION: dict[str, Callable[..., nn.Module]] = {
    "unet": UNet,
    "unetpp": UNetPlusPlus,
    "cs2net": CS2Net,
    "dcunet": DCUNet,
    "dscnet": DSCNet,
}
NETWORKS = (*_ANY_DIMENSION, "hrnet")


def build_network(
    name: str, *, ndim: int, in_channels: int, out_channels: int, width: int
) -> nn.Module:
    """A network of four levels.

    Args:
        name: one of ``NETWORKS``; ``"hrnet"`` is for images in 2-D only.
        ndim: number of spatial axes.
        in_channels: of the prepared image.
        out_channels: of the logits; 1 means binary.
        width: channels of the finest level; each coarser one has twice as many.
    Raises:
        ValueError: an unknown name, or a network that does not fit the number of axes.
    """
    _check.option("network", name, NETWORKS)
    if name in _ANY_DIMENSION:
        features = tuple(width << level for level in range(4))
        return _ANY_DIMENSION[name](ndim, in_channels, out_channels, features=features)
    if ndim != 2:
        raise ValueError(
            f"expected images in 2-D for the network hrnet, got {ndim} axes; choose one of "
            f"{', '.join(_ANY_DIMENSION)}"
        )
    # The depth of the published W18-Small-v2.
    return HRNet(in_channels, out_channels, width=width, modules=(1, 1, 3, 2), blocks=2)
