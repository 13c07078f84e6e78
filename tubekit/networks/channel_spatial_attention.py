"""Attention over positions and over channels; each is added to its input with a learnt weight."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tubekit.networks.blocks import CONVS, check_arguments, conv_norm

REDUCTION = 8  # channels per channel of a query


def _exact(x: Tensor) -> Tensor:
    """(b c n) in float32 or float64: scores are sums of many products, too long for bfloat16."""
    return x.flatten(2).to(torch.promote_types(x.dtype, torch.float32))


class SpatialAttention(nn.Module):
    """x + gamma * V A^T: every position receives a weighted mean of all positions.

    Queries Q see three neighbours along the last axis, keys K three along the axis before it, so
    two crossing lines decide how well two positions match; a volume adds J along its first axis.
    Row i of A holds the weights with which position i receives, and sums to 1:

    - image: A = softmax(Q^T K)
    - volume: A = softmax((Q^T K) (J^T K)), computed as Q^T (K J^T) K, which costs a small matrix
      of channels instead of a product of two n x n matrices.

    The lines are followed by normalisation and ReLU in both. The authors' 3-D code leaves these
    out and normalises over the receiving positions, so that its weighted means are none.

    Args:
        ndim: 2 or 3 spatial axes.
        channels: of input and output, 8 or more; queries and keys have an eighth of them.
        norm: ``"batch"`` or ``"instance"``, of queries and keys.
        scaled: divide scores by the root of their length, as transformers do, and take K J^T as a
            mean over positions. The paper does neither, so its softmax sharpens with the width.

    Attributes:
        gamma: starts at 0, so a new layer is the identity, and in the first step of a training
            gamma alone receives a gradient.

    Raises:
        ValueError: an option out of range.

    Reference: Mou et al., CS2-Net, MedIA 67, 2021, spatial attention block in 2-D and 3-D.
    """

    def __init__(
        self, ndim: int, channels: int, *, norm: str = "batch", scaled: bool = False
    ) -> None:
        super().__init__()
        check_arguments("spatial attention", ndim, channels, channels, norm=norm)
        if channels < REDUCTION:
            raise ValueError(
                f"spatial attention needs {REDUCTION} channels or more, got {channels}; "
                "widen the level that it works on"
            )

        def line(axis: int) -> nn.Sequential:
            kernel = [1] * ndim
            kernel[axis] = 3
            size = channels // REDUCTION
            return conv_norm(ndim, channels, size, kernel=kernel, norm=norm, bias=True, leak=0.0)

        self.query, self.key = line(-1), line(-2)
        self.judge = line(-3) if ndim == 3 else None
        self.value = CONVS[ndim](channels, channels, 1)
        self.gamma = nn.Parameter(torch.zeros(1))
        self.scale = math.sqrt(REDUCTION / channels) if scaled else None

    def affinity(self, x: Float[Tensor, "b c *s"]) -> Float[Tensor, "b n n"]:
        """A: in row i the weights of all n positions for position i, in array order."""
        query, key = self.query(x), self.key(x)
        judge = None if self.judge is None else self.judge(x)
        with torch.autocast(x.device.type, enabled=False):
            query, key = _exact(query), _exact(key)  # (b c/8 n)
            if judge is not None:
                mix = _exact(judge) @ key.transpose(1, 2)  # (b c/8 c/8)
                query = (mix if self.scale is None else mix * (self.scale / key.shape[-1])) @ query
            scores = query.transpose(1, 2) @ key
            return torch.softmax(scores if self.scale is None else scores * self.scale, dim=-1)

    def forward(self, x: Float[Tensor, "b c *s"]) -> Float[Tensor, "b c *s"]:
        """The input and its weighted means."""
        affinity = self.affinity(x)
        value = self.value(x).flatten(2)
        mean = value @ affinity.to(value.dtype).transpose(1, 2)
        return x + self.gamma * mean.reshape(x.shape)


class ChannelAttention(nn.Module):
    """x + gamma * C x: every channel receives a weighted mean of all channels.

    With F = x as a matrix of channels by positions, C = softmax(F F^T) with rows that sum to 1:
    channels that respond at the same places support each other. 2-D and 3-D are the same; the
    authors' 3-D code squares F F^T first.

    Args:
        scaled: divide the scores by the number of positions, so that an image gets the same
            weights as the same image laid twice side by side. The paper does not: its softmax
            picks single channels on large images.
        as_released: softmax(-F F^T), as in the authors' code (and that of DANet, which it
            follows): channels that respond elsewhere weigh most.

    Attributes:
        gamma: the only parameter; starts at 0, so a new layer is the identity.

    Reference: Mou et al., CS2-Net, MedIA 67, 2021, channel attention block.
    """

    def __init__(self, *, scaled: bool = False, as_released: bool = False) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1))
        self.scaled, self.as_released = scaled, as_released

    def affinity(self, x: Float[Tensor, "b c *s"]) -> Float[Tensor, "b c c"]:
        """C: in row i the weights of all channels for channel i."""
        with torch.autocast(x.device.type, enabled=False):
            features = _exact(x)
            scores = features @ features.transpose(1, 2)
            if self.scaled:
                scores = scores / features.shape[-1]
            return torch.softmax(-scores if self.as_released else scores, dim=-1)

    def forward(self, x: Float[Tensor, "b c *s"]) -> Float[Tensor, "b c *s"]:
        """The input and its weighted means."""
        affinity = self.affinity(x).to(x.dtype)
        return x + self.gamma * (affinity @ x.flatten(2)).reshape(x.shape)


class ChannelSpatialAttention(nn.Module):
    """Sum of both attentions over the same input, 2 x at the start.

    Arguments as in ``SpatialAttention`` and ``ChannelAttention``.

    Reference: Mou et al., CS2-Net, MedIA 67, 2021, channel and spatial attention module.
    """

    def __init__(
        self,
        ndim: int,
        channels: int,
        *,
        norm: str = "batch",
        scaled: bool = False,
        as_released: bool = False,
    ) -> None:
        super().__init__()
        self.spatial = SpatialAttention(ndim, channels, norm=norm, scaled=scaled)
        self.channel = ChannelAttention(scaled=scaled, as_released=as_released)

    def forward(self, x: Float[Tensor, "b c *s"]) -> Float[Tensor, "b c *s"]:
        return self.spatial(x) + self.channel(x)
