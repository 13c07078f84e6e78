"""HRNetV2: parallel branches of several resolutions that exchange features again and again."""

from collections.abc import Sequence
from functools import partial
from itertools import permutations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tubekit._accept import numbers, taking
from tubekit.networks.blocks import CONVS, check_arguments, check_image, conv_norm, kaiming
from tubekit.networks.residual import Residual
from tubekit.networks.stages import resize

_conv_norm = partial(conv_norm, norm="batch")
_conv_relu = partial(_conv_norm, leak=0.0)


def _basic(ndim: int, channels: int) -> Residual:
    first = _conv_relu(ndim, channels, channels)
    return Residual(nn.Sequential(first, _conv_norm(ndim, channels, channels)))


def _bottleneck(ndim: int, channels_in: int) -> Residual:
    body = nn.Sequential(
        _conv_relu(ndim, channels_in, 64, kernel=1),
        _conv_relu(ndim, 64, 64),
        _conv_norm(ndim, 64, 256, kernel=1),
    )
    return Residual(
        body, None if channels_in == 256 else _conv_norm(ndim, channels_in, 256, kernel=1)
    )


class _Exchange(nn.Module):
    """Residual blocks on each branch, then every branch receives the sum of all branches."""

    def __init__(self, ndim: int, widths: list[int], blocks: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(*(_basic(ndim, width) for _ in range(blocks))) for width in widths
        )
        self.paths = nn.ModuleDict(
            {
                f"{source}to{target}": self._path(ndim, widths, source, target)
                for source, target in permutations(range(len(widths)), 2)
            }
        )

    @staticmethod
    def _path(ndim: int, widths: list[int], source: int, target: int) -> nn.Module:
        if source > target:  # coarse to fine: match the channels here, upsample in forward
            return _conv_norm(ndim, widths[source], widths[target], kernel=1)
        halvings = [
            _conv_relu(ndim, widths[source], widths[source], stride=2)
            for _ in range(target - source - 1)
        ]
        last = _conv_norm(ndim, widths[source], widths[target], stride=2)
        return nn.Sequential(*halvings, last)

    def forward(self, xs: list[Tensor]) -> list[Tensor]:
        xs = [branch(x) for branch, x in zip(self.branches, xs, strict=True)]
        fused = []
        for target, total in enumerate(xs):
            for source, x in enumerate(xs):
                if source != target:
                    y = self.paths[f"{source}to{target}"](x)
                    total = total + (resize(y, total.shape[2:]) if source > target else y)
            fused.append(torch.relu(total))
        return fused


class HRNet(nn.Module):
    """HRNetV2 with random initial weights; the paper has images in 2-D.

    A stem brings the image to a quarter of its size; four branches (1/4 to 1/32, widths w, 2w,
    4w, 8w) run side by side; all are upsampled to 1/4, concatenated, mixed by a 1x1 convolution
    and read out; the logits are upsampled to the image.

    Args:
        in_channels: channels of the image.
        out_channels: channels of the logits; 1 means binary.
        ndim: 2 or 3 spatial axes.
        width: channels of the finest branch, 48 for HRNetV2-W48.
        modules: exchange modules of stages 1 to 4; in stage 1, groups of bottlenecks.
        blocks: residual blocks per branch in each module. ``width=18, modules=(1, 1, 3, 2),
            blocks=2`` is the published W18-Small-v2.

    Attributes:
        divisor: 32 per axis.

    Raises:
        ValueError: a number below 1, or not four module counts.

    Example:
        >>> import torch
        >>> from tubekit.networks import HRNet
        >>> network = HRNet(1, 2, width=4, modules=(1, 1, 1, 1), blocks=1)
        >>> network(torch.zeros(1, 1, 64, 64)).shape
        torch.Size([1, 2, 64, 64])

    Reference: Sun et al., arXiv:1904.04514, section 3 (HRNetV2).
    """

    @taking(numbers)
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        ndim: int = 2,
        width: int = 48,
        modules: Sequence[int] = (1, 1, 4, 3),
        blocks: int = 4,
    ) -> None:
        super().__init__()
        check_arguments(
            "HRNet",
            ndim,
            in_channels,
            out_channels,
            lengths={"modules": 4},
            width=width,
            modules=modules,
            blocks=blocks,
        )
        self.in_channels = in_channels
        self.divisor = (32,) * ndim
        self.stem = nn.Sequential(
            _conv_relu(ndim, in_channels, 64, stride=2), _conv_relu(ndim, 64, 64, stride=2)
        )
        self.stage1 = nn.Sequential(
            *(_bottleneck(ndim, 64 if i == 0 else 256) for i in range(modules[0] * blocks))
        )
        widths = [width << branch for branch in range(4)]
        self.start = _conv_relu(ndim, 256, width)  # stage 1 to the finest branch
        # Each stage adds one branch at half the resolution of the coarsest one so far.
        self.grow = nn.ModuleList(
            _conv_relu(ndim, 256 if i == 0 else widths[i], widths[i + 1], stride=2)
            for i in range(3)
        )
        self.stages = nn.ModuleList(
            nn.Sequential(
                *(_Exchange(ndim, widths[: i + 2], blocks) for _ in range(modules[i + 1]))
            )
            for i in range(3)
        )
        self.mix = _conv_relu(ndim, sum(widths), sum(widths), kernel=1)
        kaiming(self, leak=0.0)
        self.head = CONVS[ndim](sum(widths), out_channels, 1)

    def forward(self, image: Float[Tensor, "b c *s"]) -> Float[Tensor, "b k *s"]:
        """Logits at the size of the image."""
        check_image(image, channels=self.in_channels, divisor=self.divisor, weights=self)
        features = self.stage1(self.stem(image))  # (b 256 *s/4)
        xs = [self.start(features), self.grow[0](features)]
        xs = self.stages[0](xs)
        for grow, stage in zip(self.grow[1:], self.stages[1:], strict=True):
            xs = stage([*xs, grow(xs[-1])])
        xs = [x if i == 0 else resize(x, xs[0].shape[2:]) for i, x in enumerate(xs)]
        return resize(self.head(self.mix(torch.cat(xs, dim=1))), image.shape[2:])
