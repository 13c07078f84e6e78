"""D2SD: every level is decoded on its own, then the four answers are put together."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tubekit import _check
from tubekit.networks.blocks import CONVS, LEAK, conv_norm
from tubekit.networks.harmonyseg.flexible_conv import FlexibleConv
from tubekit.networks.stages import resize

FUSED_FEATURES = 8  # channels per level where features instead of logits are fused


class DeepToShallow(nn.Module):
    """Independent pre-decoders to ``Seg_i``, up-sampled and fused by one convolution block.

    A U-Net hands its decoded features from level to level, so a vessel lost at a coarse level is
    hard to win back. Here each level makes its own prediction ``Seg_i`` by a flexible
    convolution block and a 1x1 convolution. All are up-sampled to full resolution, concatenated,
    and fused by a 3x3 convolution, instance norm, LeakyReLU and a 1x1 convolution.

    Args:
        ndim: 2 or 3 spatial axes.
        in_channels: channels of the input of each level, fine to coarse.
        features: channels of each pre-decoder, fine to coarse.
        out_channels: channels of the logits.
        fused: ``"logits"`` fuses the ``Seg_i``; ``"features"`` fuses 8 channels per level, and
            the ``Seg_i`` exist for deep supervision only.
        deep_supervision: every ``Seg_i`` will meet the loss. Only then the heads have a bias,
            because the norm in the fusing block cancels it.
    Raises:
        ValueError: ``fused`` is neither of the two.

    Reference: Huang et al., ICCV 2025, arXiv:2504.07827 (deep-to-shallow decoding).
    """

    def __init__(
        self,
        ndim: int,
        in_channels: Sequence[int],
        features: Sequence[int],
        out_channels: int,
        *,
        fused: str = "logits",
        deep_supervision: bool = False,
    ) -> None:
        super().__init__()
        _check.option("fused", fused, ("logits", "features"))
        self.pre_decoders = nn.ModuleList(
            FlexibleConv(ndim, i, o) for i, o in zip(in_channels, features, strict=True)
        )
        self.heads, self.taps = nn.ModuleList(), nn.ModuleList()
        for width in features:
            if fused == "logits" or deep_supervision:
                self.heads.append(CONVS[ndim](width, out_channels, 1, bias=deep_supervision))
            if fused == "features":
                self.taps.append(CONVS[ndim](width, FUSED_FEATURES, 1, bias=False))
        parts = len(features) * (out_channels if fused == "logits" else FUSED_FEATURES)
        self.fuse = nn.Sequential(
            conv_norm(ndim, parts, features[0], leak=LEAK),
            CONVS[ndim](features[0], out_channels, 1, bias=True),
        )

    def forward(
        self, inputs: Sequence[Float[Tensor, "b _ ..."]]
    ) -> tuple[Float[Tensor, "b k ..."], tuple[Float[Tensor, "b k ..."], ...]]:
        """Fused logits on the grid of ``inputs[0]``, and the logits ``Seg_i``, fine to coarse.

        Args:
            inputs: features of each level, fine to coarse.
        """
        decoded = [block(x) for block, x in zip(self.pre_decoders, inputs, strict=True)]
        segs = tuple(head(x) for head, x in zip(self.heads, decoded, strict=False))
        parts = [tap(x) for tap, x in zip(self.taps, decoded, strict=False)] or segs
        grid = inputs[0].shape[2:]
        return self.fuse(torch.cat([resize(part, grid) for part in parts], dim=1)), segs
