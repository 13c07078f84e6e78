"""HarmonySeg in two dimensions: flexible blocks, levels decoded alone, and the whole."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tubekit.plain.harmonyseg_attention import DeepMutualQuery, ShallowQuery


def layer(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution and normalisation."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.InstanceNorm2d(outputs, affine=True))


def enlarge(features: Tensor, like: Tensor) -> Tensor:
    """To the grid of another map."""
    return F.interpolate(features, like.shape[2:], mode="bilinear")


class FlexibleConv(nn.Module):
    """Three convolutions in a row, seen after each: 3, 5 and 7 pixels wide; then 1x1."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        half = outputs // 2
        self.chain = nn.ModuleList(
            [layer(inputs, half, 3, stride), layer(half, half), layer(half, half)]
        )
        self.mix = layer(3 * half, outputs, kernel=1)
        same = inputs == outputs and stride == 1
        bridge = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
        self.shortcut = nn.Identity() if same else bridge

    def forward(self, x: Tensor) -> Tensor:
        taps = [x]
        for block in self.chain:
            taps.append(F.leaky_relu(block(taps[-1])))
        return F.leaky_relu(self.mix(torch.cat(taps[1:], dim=1)) + self.shortcut(x))


class DeepToShallow(nn.Module):
    """Every level becomes a segmentation of its own; a convolution merges them."""

    def __init__(self, inputs: tuple[int, ...], features: tuple[int, ...]) -> None:
        super().__init__()
        self.pre_decoders = nn.ModuleList(map(FlexibleConv, inputs, features))
        self.heads = nn.ModuleList(nn.Conv2d(n, 1, 1, bias=False) for n in features)
        merge = [layer(len(features), features[0]), nn.Conv2d(features[0], 1, 1)]
        self.fuse = nn.Sequential(*merge)

    def forward(self, levels: list[Tensor]) -> Tensor:
        segmentations = [
            head(decode(x))
            for head, decode, x in zip(self.heads, self.pre_decoders, levels, strict=True)
        ]
        together = torch.cat([enlarge(seg, levels[0]) for seg in segmentations], dim=1)
        return self.fuse[1](F.leaky_relu(self.fuse[0](together)))


class Enrich(nn.Module):
    """The features of a level with the enlarged answers of the deepest one."""

    def __init__(self, channels: int, deep: int) -> None:
        super().__init__()
        self.own = nn.Conv2d(channels, channels, 1, bias=False)
        self.deep = nn.Conv2d(2 * deep, channels, 1, bias=False)
        self.norm = nn.InstanceNorm2d(channels, affine=True)

    def forward(self, x: Tensor, answers: Tensor) -> Tensor:
        return F.leaky_relu(self.norm(self.own(x) + enlarge(self.deep(answers), x)))


class HarmonySeg(nn.Module):
    """Encode twice, ask, decode every level on its own; (b 2 y x) to logits (b 1 y x)."""

    def __init__(self, features: tuple[int, ...], windows: tuple[int, ...]) -> None:
        super().__init__()
        *fine, deep = features
        strides = (1, *[2] * len(fine))
        inputs = (1, *fine)
        self.image_encoder = nn.ModuleList(map(FlexibleConv, inputs, features, strides))
        self.vesselness_encoder = nn.ModuleList(map(FlexibleConv, inputs, features, strides))
        self.deep_query = DeepMutualQuery(deep, heads=4)
        self.shallow_queries = nn.ModuleList(
            ShallowQuery(n, heads=2, window=w) for n, w in zip(fine, windows, strict=True)
        )
        self.enrich = nn.ModuleList(Enrich(n, deep) for n in fine)
        self.decoder = DeepToShallow((*fine, 2 * deep), features)

    def forward(self, images: Tensor) -> Tensor:
        image, vesselness = images[:, :1], images[:, 1:]
        seen = []
        for look, filtered in zip(self.image_encoder, self.vesselness_encoder, strict=True):
            image, vesselness = look(image), filtered(vesselness)
            seen.append((image, vesselness))
        answers = torch.cat(self.deep_query(image, vesselness), dim=1)
        levels = [
            enrich(c + v, answers) + ask(c, v)
            for enrich, ask, (c, v) in zip(self.enrich, self.shallow_queries, seen, strict=False)
        ]
        return self.decoder([*levels, answers])
