"""The two attention blocks of HarmonySeg, in two dimensions; one axis more makes the other."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Equation ``eq-attention`` for tokens (b n d): softmax(Q Kᵀ / √d) V."""
    scores = q @ k.transpose(1, 2) / q.shape[2] ** 0.5
    weights = scores.exp() / scores.exp().sum(dim=2, keepdim=True)
    return weights @ v


def by_heads(q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
    """Attention once for every group of channels, the answers side by side."""
    groups = zip(*(x.chunk(heads, dim=2) for x in (q, k, v)), strict=True)
    return torch.cat([attention(*group) for group in groups], dim=2)


class Attention(nn.Module):
    """Projections make queries of one list of tokens, keys and values of another."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(channels, channels, bias=False)
        self.key = nn.Linear(channels, channels, bias=False)
        self.value = nn.Linear(channels, channels, bias=False)
        self.out = nn.Linear(channels, channels, bias=False)

    def forward(self, asking: Tensor, context: Tensor) -> Tensor:
        q, k, v = self.query(asking), self.key(context), self.value(context)
        return self.out(by_heads(q, k, v, self.heads))


def tokens(features: Tensor) -> Tensor:
    """(b c y x) to (b n c): one token per position."""
    return features.flatten(2).transpose(1, 2)


def grid(tokens: Tensor, like: Tensor) -> Tensor:
    """Back to (b c y x)."""
    return tokens.transpose(1, 2).unflatten(2, like.shape[2:])


class DeepMutualQuery(nn.Module):
    """Equation ``eq-deep-mutual-query``: each side asks the other, and itself."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.image_norm = nn.LayerNorm(channels)
        self.vesselness_norm = nn.LayerNorm(channels)
        self.cross_v2c = Attention(channels, heads)
        self.cross_c2v = Attention(channels, heads)
        self.self_image = Attention(channels, heads)
        self.self_vesselness = Attention(channels, heads)

    def forward(self, image: Tensor, vesselness: Tensor) -> tuple[Tensor, Tensor]:
        c = self.image_norm(tokens(image))
        v = self.vesselness_norm(tokens(vesselness))
        v2c = self.cross_v2c(v, c) + self.self_image(c, c)
        c2v = self.cross_c2v(c, v) + self.self_vesselness(v, v)
        return image + grid(v2c, image), vesselness + grid(c2v, vesselness)


class ShallowQuery(nn.Module):
    """Equation ``eq-shallow-query``: fuse, halve the channels, let the first half ask itself."""

    def __init__(self, channels: int, heads: int, window: int) -> None:
        super().__init__()
        norm = nn.InstanceNorm2d(channels, affine=True)
        self.fuse = nn.Sequential(nn.Conv2d(2 * channels, channels, 1, bias=False), norm)
        self.norm = nn.LayerNorm(channels // 2)
        self.attention = Attention(channels // 2, heads)
        self.window = window

    def forward(self, image: Tensor, vesselness: Tensor) -> Tensor:
        fused = F.leaky_relu(self.fuse(torch.cat([image, vesselness], dim=1)))
        first, second = fused.chunk(2, dim=1)
        ask, x = self.attention, self.norm(tokens(first))
        q, k, v = (grid(project(x), first) for project in (ask.query, ask.key, ask.value))
        q = F.avg_pool2d(q, self.window)
        k, v = F.max_pool2d(k, self.window), F.max_pool2d(v, self.window)
        found = ask.out(by_heads(tokens(q), tokens(k), tokens(v), ask.heads))
        enlarged = F.interpolate(grid(found, q), first.shape[2:], mode="bilinear")
        return torch.cat([first + enlarged, second], dim=1)
