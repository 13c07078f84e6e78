"""Networks: ``forward(image (b c *s)) -> Tensor | SegOutput``, the same in train and eval mode.

Every network has ``divisor``, one factor per axis that the image size must be a multiple of.
"""

from tubekit.networks.cs2net import CS2Net
from tubekit.networks.dcunet import DCUNet
from tubekit.networks.deformable_conv import DeformableConv
from tubekit.networks.dscnet import DSCNet
from tubekit.networks.harmonyseg import HarmonySeg
from tubekit.networks.harmonyseg.attention import attend
from tubekit.networks.harmonyseg.deep_mutual_query import DeepMutualQuery
from tubekit.networks.harmonyseg.flexible_conv import FlexibleConv
from tubekit.networks.harmonyseg.shallow_query import ShallowQuery
from tubekit.networks.hrnet import HRNet
from tubekit.networks.snake_conv import DynamicSnakeConv, SnakeConv
from tubekit.networks.transunet import TransUNet
from tubekit.networks.unet import UNet
from tubekit.networks.unetpp import UNetPlusPlus
from tubekit.networks.wingsnet import WingsNet

__all__ = [
    "CS2Net",
    "DCUNet",
    "DSCNet",
    "DeepMutualQuery",
    "DeformableConv",
    "DynamicSnakeConv",
    "FlexibleConv",
    "HRNet",
    "HarmonySeg",
    "ShallowQuery",
    "SnakeConv",
    "TransUNet",
    "UNet",
    "UNetPlusPlus",
    "WingsNet",
    "attend",
]
