"""Networks: ``forward(image (b c *s)) -> Tensor | SegOutput``, the same in train and eval mode.

Every network has ``divisor``, one factor per axis that the image size must be a multiple of.
"""

from tubekit.networks.hrnet import HRNet
from tubekit.networks.snake_conv import DynamicSnakeConv, SnakeConv
from tubekit.networks.unet import UNet

__all__ = ["DynamicSnakeConv", "HRNet", "SnakeConv", "UNet"]
