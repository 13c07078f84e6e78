"""TransUNet: convolutions see detail, a transformer on their coarsest features sees the whole."""

from collections.abc import Sequence
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tubekit._accept import numbers, per_axis, taking
from tubekit.networks.blocks import (
    CONVS,
    MAX_POOLS,
    check_arguments,
    check_image,
    conv_norm,
    kaiming,
)
from tubekit.networks.residual import standard_bottleneck, standard_conv_norm
from tubekit.networks.stages import resize


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
        check_arguments(
            "TransUNet",
            ndim,
            in_channels,
            out_channels,
            norm=norm,
            lengths={"blocks": 3, "decoder": 5},
            width=width,
            blocks=blocks,
            hidden=hidden,
            layers=layers,
            heads=heads,
            mlp=mlp,
            decoder=decoder,
        )
        cells = per_axis("grid", grid, ndim)
        if hidden % heads or not 0 <= dropout < 1:
            raise ValueError(
                "hidden must be a multiple of heads and dropout lie in [0, 1), got hidden "
                f"{hidden}, heads {heads}, dropout {dropout}; change one of them"
            )
        self.in_channels = in_channels
        self.divisor = (16,) * ndim

        self.stem = standard_conv_norm(ndim, in_channels, width, 7, 2)
        widths = [width, 4 * width, 8 * width, 16 * width]
        self.stages = nn.ModuleList()
        for i, number in enumerate(blocks):
            outer, inner = widths[i], widths[i + 1]
            first = standard_bottleneck(ndim, outer, inner, 1 if i == 0 else 2)
            rest = (standard_bottleneck(ndim, inner, inner) for _ in range(number - 1))
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

        conv = partial(conv_norm, ndim, norm=norm, leak=0.0)
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
        return resize(self.position, cells)

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
        """Logits at the size of the image."""
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
            x = resize(x, [2 * size for size in x.shape[2:]])
            x = stage(torch.cat((x, features.pop()), dim=1) if features else x)
        return self.head(x)
