"""TransUNet: convolutions see detail, a transformer on their coarsest features sees the whole."""

from collections.abc import Sequence
from math import gcd

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from tubekit import _check
from tubekit._accept import numbers, taking
from tubekit.networks.blocks import CONVS, MAX_POOLS, NORMS, check_image, conv_norm, kaiming

CONVOLVE = {2: F.conv2d, 3: F.conv3d}
LINEAR = {2: "bilinear", 3: "trilinear"}
GROUPS = 32  # of group norm, fewer where the channels are not a multiple


class _StandardConv(nn.Module):
    """Convolution whose kernels are brought to mean 0 and variance 1 at each call (Qiao 2019)."""

    def __init__(self, ndim: int, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs, *(kernel,) * ndim))
        nn.init.kaiming_normal_(self.weight)
        self.stride, self.padding = stride, kernel // 2

    def forward(self, x: Tensor) -> Tensor:
        weight = F.layer_norm(self.weight, self.weight.shape[1:], eps=1e-5)
        return CONVOLVE[x.ndim - 2](x, weight, None, self.stride, self.padding)


def _conv_group_norm(
    ndim: int, inputs: int, outputs: int, kernel: int, stride: int = 1
) -> nn.Sequential:
    return nn.Sequential(
        _StandardConv(ndim, inputs, outputs, kernel, stride),
        nn.GroupNorm(gcd(GROUPS, outputs), outputs, eps=1e-6),
    )


class _Bottleneck(nn.Module):
    """ReLU(body(x) + shortcut(x)); the body narrows to a quarter and carries the stride."""

    def __init__(self, ndim: int, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        middle = outputs // 4
        self.body = nn.Sequential(
            _conv_group_norm(ndim, inputs, middle, 1).append(nn.ReLU(inplace=True)),
            _conv_group_norm(ndim, middle, middle, 3, stride).append(nn.ReLU(inplace=True)),
            _conv_group_norm(ndim, middle, outputs, 1),
        )
        self.shortcut: nn.Module = nn.Identity()
        if inputs != outputs:
            self.shortcut = nn.Sequential(  # here every channel is a group of its own
                _StandardConv(ndim, inputs, outputs, 1, stride), nn.GroupNorm(outputs, outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.body(x) + self.shortcut(x))


class TransUNet(nn.Module):
    """ResNet encoder, transformer on its last features, decoder of upsampling steps with skips.

    The defaults are R50-ViT-B/16. A 7x7 convolution and max-pooling bring the image to 1/4, three
    stages of bottlenecks with weight standardisation and group norm to 1/16. These features become
    one token per voxel, receive a learnt position embedding and pass ``layers`` pre-norm
    transformer layers. A convolution and four times upsampling by 2, skip (1/8, 1/4, 1/2, none)
    and two convolutions lead back. All spatial operations exist for 2 and 3 axes alike.

    From the paper and its code: the layers, their order and all widths; with 3 channels in and 9
    out, and ``grid=14`` (224 x 224 pixels), there are their 105 277 081 parameters. Different:

    - random initial weights instead of those from ImageNet-21k;
    - the position embedding is interpolated to the size at hand, so any multiple of 16 fits;
    - max-pooling pads by 1, so that the skip at 1/4 has that size (the authors pool without
      padding, then append a row and a column of zeros to the skip, but not to the path);
    - upsampling with voxel centres in place (``align_corners=False``), as the skips lie;
    - dropout also acts on the attention weights.

    The biases of the keys shift all scores of a query alike and so have no effect, as in every
    such transformer.

    A size for two processor cores: ``width=16, blocks=(1, 1, 1), hidden=128, layers=4, heads=4,
    mlp=256, decoder=(64, 64, 32, 16, 16), grid=8``.

    Args:
        ndim: 2 or 3 spatial axes.
        in_channels: channels of the image.
        out_channels: channels of the logits; 1 means binary.
        width: channels of the first convolution; the stages have 4, 8 and 16 times as many.
        blocks: bottlenecks of the three stages.
        hidden: length of a token, a multiple of ``heads``.
        layers: transformer layers.
        heads: attention heads per layer.
        mlp: hidden width of the two-layer perceptron in each layer.
        decoder: channels after the transformer, then after each of the four upsamplings.
        grid: size of the learnt position embedding, an integer or one per axis: the image size
            of the training divided by 16.
        dropout: probability in the transformer, in [0, 1); works in training mode only.
        norm: of the decoder, ``"batch"`` as in the paper or ``"instance"``.

    Attributes:
        divisor: 16 per axis.

    Raises:
        ValueError: an option out of range.

    Example:
        >>> import torch
        >>> from tubekit.networks import TransUNet
        >>> small = {"blocks": (1, 1, 1), "decoder": (8, 8, 4, 4, 4), "layers": 1, "grid": 2}
        >>> network = TransUNet(2, 1, 2, **small, width=4, hidden=8, heads=2, mlp=8)
        >>> network(torch.zeros(1, 1, 32, 32)).shape
        torch.Size([1, 2, 32, 32])

    Reference: Chen et al., TransUNet, arXiv:2102.04306, section 3; MedIA 97, 2024.
    """

    @taking(numbers)
    def __init__(
        self,
        ndim: int,
        in_channels: int,
        out_channels: int,
        *,
        width: int = 64,
        blocks: Sequence[int] = (3, 4, 9),
        hidden: int = 768,
        layers: int = 12,
        heads: int = 12,
        mlp: int = 3072,
        decoder: Sequence[int] = (512, 256, 128, 64, 16),
        grid: int | Sequence[int] = 14,
        dropout: float = 0.1,
        norm: str = "batch",
    ) -> None:
        super().__init__()
        _check.option("ndim", ndim, tuple(CONVS))
        _check.option("norm", norm, tuple(NORMS))
        cells = (grid,) * ndim if isinstance(grid, int) else tuple(grid)
        if (
            (len(blocks), len(decoder), len(cells)) != (3, 5, ndim)
            or min(in_channels, out_channels, width, hidden, layers, heads, mlp) < 1
            or min(*blocks, *decoder, *cells) < 1
        ):
            raise ValueError(
                "TransUNet needs positive numbers, three of blocks, five of decoder and one of "
                f"grid per axis, got in_channels {in_channels}, out_channels {out_channels}, width "
                f"{width}, blocks {tuple(blocks)}, hidden {hidden}, layers {layers}, heads {heads}"
                f", mlp {mlp}, decoder {tuple(decoder)}, grid {cells}; correct these"
            )
        if hidden % heads or not 0 <= dropout < 1:
            raise ValueError(
                "hidden must be a multiple of heads and dropout lie in [0, 1), got hidden "
                f"{hidden}, heads {heads}, dropout {dropout}; change one of them"
            )
        self.in_channels = in_channels
        self.divisor = (16,) * ndim
        self.linear = LINEAR[ndim]

        self.stem = _conv_group_norm(ndim, in_channels, width, 7, 2).append(nn.ReLU(inplace=True))
        widths = [width, 4 * width, 8 * width, 16 * width]
        self.stages = nn.ModuleList()
        for i, number in enumerate(blocks):
            first = _Bottleneck(ndim, widths[i], widths[i + 1], 1 if i == 0 else 2)
            rest = (_Bottleneck(ndim, widths[i + 1], widths[i + 1], 1) for _ in range(number - 1))
            self.stages.append(nn.Sequential(first, *rest))

        self.embed = CONVS[ndim](widths[-1], hidden, 1)
        self.position = nn.Parameter(torch.zeros(1, hidden, *cells))
        self.dropout = nn.Dropout(dropout)
        # One by one: nn.TransformerEncoder would start all layers with the same weights.
        self.transformer = nn.Sequential(
            *(
                nn.TransformerEncoderLayer(
                    hidden,
                    heads,
                    mlp,
                    dropout,
                    activation="gelu",
                    layer_norm_eps=1e-6,
                    batch_first=True,
                    norm_first=True,
                )
                for _ in range(layers)
            ),
            nn.LayerNorm(hidden, eps=1e-6),
        )

        def conv(channels_in: int, channels_out: int) -> nn.Sequential:
            kernel, stride = (3,) * ndim, (1,) * ndim
            layer = conv_norm(
                ndim, channels_in, channels_out, kernel=kernel, stride=stride, norm=norm, bias=False
            )
            return layer.append(nn.ReLU(inplace=True))

        self.neck = conv(hidden, decoder[0])
        skips = (widths[2], widths[1], widths[0], 0)
        self.decoder = nn.ModuleList(
            nn.Sequential(conv(a + skip, b), conv(b, b))
            for a, b, skip in zip(decoder[:-1], decoder[1:], skips, strict=True)
        )
        self.head = CONVS[ndim](decoder[-1], out_channels, 3, padding=1)
        kaiming(self, leak=0.0)

    def positions(self, cells: Sequence[int]) -> Float[Tensor, "1 h *g"]:
        """The position embedding for a grid of this many tokens per axis."""
        if tuple(cells) == tuple(self.position.shape[2:]):
            return self.position
        return F.interpolate(self.position, tuple(cells), mode=self.linear, align_corners=False)

    def _attended(self, tokens: Float[Tensor, "b n h"]) -> Float[Tensor, "b n h"]:
        """The transformer; while traced without torch's fused layers, which ONNX does not have."""
        fused = torch.backends.mha.get_fastpath_enabled() if torch.jit.is_tracing() else False
        if not fused:
            return self.transformer(tokens)
        torch.backends.mha.set_fastpath_enabled(False)
        try:
            return self.transformer(tokens)
        finally:
            torch.backends.mha.set_fastpath_enabled(True)

    def forward(self, image: Float[Tensor, "b c *s"]) -> Float[Tensor, "b k *s"]:
        """Logits at the size of the image.

        Raises:
            ValueError: channels, type or size of the image do not fit; the message says how to
                pad.
        """
        check_image(image, channels=self.in_channels, divisor=self.divisor, weights=self)
        x = self.stem(image)
        features = [x]  # at 1/2, 1/4, 1/8, 1/16
        x = MAX_POOLS[x.ndim - 2](x, 3, 2, 1)
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        x = self.embed(features.pop())
        grid = x.shape[2:]
        tokens = (x + self.positions(grid)).flatten(2).transpose(1, 2)  # (b n h)
        tokens = self._attended(self.dropout(tokens))
        x = self.neck(tokens.transpose(1, 2).unflatten(2, grid))
        for stage in self.decoder:
            x = F.interpolate(x, scale_factor=2, mode=self.linear, align_corners=False)
            x = stage(torch.cat((x, features.pop()), dim=1) if features else x)
        return self.head(x)
