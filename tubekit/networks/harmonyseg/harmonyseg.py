"""HarmonySeg in two and three dimensions."""

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from tubekit import _check
from tubekit._accept import numbers, taking
from tubekit.networks.blocks import (
    CONVS,
    LEAK,
    NORMS,
    check_arguments,
    check_image,
    kaiming,
)
from tubekit.networks.harmonyseg.deep_mutual_query import DeepMutualQuery
from tubekit.networks.harmonyseg.deep_to_shallow import DeepToShallow
from tubekit.networks.harmonyseg.flexible_conv import FlexibleConv
from tubekit.networks.harmonyseg.shallow_query import ShallowQuery
from tubekit.networks.stages import resize
from tubekit.types import SegOutput


class HarmonySeg(nn.Module):
    """Two encoders that ask each other, and a decoder in which every level stands alone.

    ``fusion="attention"``: the image and its vesselness map, the LAST channels, have an encoder
    each. At the coarsest level the two query each other (DMQ), at the finer ones their fused
    features look at themselves (SQ). ``fusion="none"``: all channels go to one encoder, as the
    paper does for airways and coronary arteries, where neighbouring structures spoil the
    vesselness. Either way every level is decoded on its own (D2SD).

    Args:
        ndim: 2 or 3 spatial axes.
        in_channels: channels of the image and, with ``"attention"``, of the vesselness.
        out_channels: channels of the logits; 1 means binary.
        features: channels per level, full resolution first. With ``"attention"`` all but the
            last must be multiples of 2 * ``shallow_heads``, the last one of ``heads``.
        fusion: ``"attention"`` or ``"none"``.
        vesselness_channels: trailing channels for the second encoder; for ``"attention"``.
        pooling: ``"budget"`` or ``"literal"``, see ``ShallowQuery``; for ``"attention"``.
        token_budget: see ``ShallowQuery``; for ``"attention"``.
        heads: of the deep mutual query; for ``"attention"``.
        shallow_heads: of the shallow queries; for ``"attention"``.
        deep_supervision: also return the prediction ``Seg_i`` of every level. ``Seg_1`` has full
            resolution like the fused logits but is another prediction, so ``deep`` starts with
            it; weights halved from entry to entry then give each ``Seg_i`` half of the finer one.
        attention_maps: also return where attention goes; needs ``"attention"``.
        fused: ``"logits"`` or ``"features"``, see ``DeepToShallow``.

    Attributes:
        divisor: the image size along each axis must be a multiple of this.

    Raises:
        ValueError: an option out of range, or no channel left for the image.

    Example:
        >>> import torch
        >>> from tubekit.networks import HarmonySeg
        >>> network = HarmonySeg(2, 2, 1, features=(8, 8))
        >>> network(torch.zeros(1, 2, 16, 16)).shape
        torch.Size([1, 1, 16, 16])

    Reference: Huang et al., ICCV 2025, arXiv:2504.07827. Widths, heads, pooling and blocks that
        the paper leaves open are described in the parts.
    """

    @taking(numbers)
    def __init__(
        self,
        ndim: int,
        in_channels: int,
        out_channels: int,
        *,
        features: Sequence[int] = (32, 64, 128, 256),
        fusion: str = "attention",
        vesselness_channels: int = 1,
        pooling: str = "budget",
        token_budget: int | None = None,
        heads: int = 4,
        shallow_heads: int = 2,
        deep_supervision: bool = False,
        attention_maps: bool = False,
        fused: str = "logits",
    ) -> None:
        super().__init__()
        check_arguments(
            "HarmonySeg",
            ndim,
            in_channels,
            out_channels,
            features=features,
            vesselness_channels=vesselness_channels,
        )
        _check.option("fusion", fusion, ("attention", "none"))
        if attention_maps and fusion == "none":
            raise ValueError(
                "attention_maps needs fusion='attention', got fusion='none', which has no "
                "attention; switch one of the two"
            )
        self.vesselness_channels = vesselness_channels if fusion == "attention" else 0
        image_channels = in_channels - self.vesselness_channels
        if image_channels < 1:
            raise ValueError(
                f"in_channels must count the image and {vesselness_channels} vesselness "
                f"channel(s), got {in_channels}; append the map with "
                "tubekit.data.with_vesselness and count it, or use fusion='none'"
            )
        self.in_channels = in_channels
        self.divisor = (2 ** (len(features) - 1),) * ndim
        self.deep_supervision = deep_supervision
        self.attention_maps = attention_maps

        def encoder(channels: int) -> nn.ModuleList:
            return nn.ModuleList(
                FlexibleConv(ndim, i, o, stride=1 if level == 0 else 2)
                for level, (i, o) in enumerate(pairwise((channels, *features)))
            )

        *shallow, deepest = features
        self.image_encoder = encoder(image_channels)
        if fusion == "attention":
            self.vesselness_encoder = encoder(vesselness_channels)
            self.deep_query = DeepMutualQuery(deepest, heads)
            self.shallow_queries = nn.ModuleList(
                ShallowQuery(ndim, c, shallow_heads, pooling=pooling, token_budget=token_budget)
                for c in shallow
            )
            self.enrich = nn.ModuleList(_Enrich(ndim, c, 2 * deepest) for c in shallow)
        else:
            self.enrich = nn.ModuleList(CONVS[ndim](deepest, c, 1, bias=False) for c in shallow)
        context = 2 * deepest if fusion == "attention" else deepest
        self.decoder = DeepToShallow(
            ndim,
            (*shallow, context),
            features,
            out_channels,
            fused=fused,
            deep_supervision=deep_supervision,
        )
        kaiming(self, leak=LEAK)

    def forward(self, image: Float[Tensor, "b c *s"]) -> Tensor | SegOutput:
        """Logits (b k *s), or a SegOutput with deep supervision or attention maps.

        The maps are ``v2c`` and ``c2v`` on the coarsest grid, see ``DeepMutualQuery.received``,
        and ``sq1``, ``sq2``, ... on the pooled grid of each finer level, (b 1 *grid) each.

        Raises:
            ValueError: vesselness, channels, type or size of the image do not fit; the message
                says what to append or how to pad.
        """
        self._check(image)
        v = self.vesselness_channels
        images = _levels(self.image_encoder, image[:, : self.in_channels - v])
        maps = None
        if v:
            vessels = _levels(self.vesselness_encoder, image[:, -v:])
            context = torch.cat(self.deep_query(images[-1], vessels[-1]), dim=1)
            # zip stops before the coarsest level.
            inputs = [
                enrich(c + u, context) + query(c, u)
                for enrich, query, c, u in zip(
                    self.enrich, self.shallow_queries, images, vessels, strict=False
                )
            ]
            if self.attention_maps:
                maps = self._maps(images, vessels)
        else:
            context = images[-1]
            inputs = [
                c + resize(project(context), c.shape[2:])
                for project, c in zip(self.enrich, images, strict=False)
            ]
        logits, segs = self.decoder([*inputs, context])
        if not (self.deep_supervision or self.attention_maps):
            return logits
        return SegOutput(logits, segs if self.deep_supervision else (), maps)

    def _maps(self, images: list[Tensor], vessels: list[Tensor]) -> dict[str, Tensor]:
        maps: dict[str, Tensor] = self.deep_query.received(images[-1], vessels[-1])
        for level, query in enumerate(self.shallow_queries):
            shallow = cast(ShallowQuery, query)
            maps[f"sq{level + 1}"] = shallow.received(images[level], vessels[level])
        return maps

    def _check(self, image: Tensor) -> None:
        _check.tensor("image", image)
        v = self.vesselness_channels
        if image.ndim == len(self.divisor) + 2 and v and image.shape[1] < self.in_channels:
            raise ValueError(
                f"image must have {self.in_channels} channels with {v} of vesselness last, got "
                f"{image.shape[1]}: the vesselness map is missing; append it with "
                "tubekit.data.with_vesselness, or build the network with fusion='none' and "
                f"in_channels={image.shape[1]}"
            )
        check_image(image, channels=self.in_channels, divisor=self.divisor, weights=self)


class _Enrich(nn.Module):
    """Features of one level together with the up-sampled deep mutual queries.

    A 1x1 convolution of the concatenation of both, instance norm, LeakyReLU. It is the sum of
    one convolution per part, and that of the deep part commutes with up-sampling: so nothing is
    concatenated at full resolution. A wider kernel is not needed, a flexible block follows.
    """

    def __init__(self, ndim: int, channels: int, context: int) -> None:
        super().__init__()
        self.own = CONVS[ndim](channels, channels, 1, bias=False)
        self.deep = CONVS[ndim](context, channels, 1, bias=False)
        self.norm = NORMS["instance"][ndim](channels, eps=1e-5, affine=True)

    def forward(
        self, x: Float[Tensor, "b c *s"], context: Float[Tensor, "b d *t"]
    ) -> Float[Tensor, "b c *s"]:
        mixed = self.own(x) + resize(self.deep(context), x.shape[2:])
        return F.leaky_relu(self.norm(mixed), LEAK, inplace=True)


def _levels(encoder: nn.ModuleList, image: Tensor) -> list[Tensor]:
    """Features of every level, fine to coarse."""
    found = [image]
    for block in encoder:
        found.append(block(found[-1]))
    return found[1:]
