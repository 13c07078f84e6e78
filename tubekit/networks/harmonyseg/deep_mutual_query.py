"""DMQ: at the coarsest level, image and vesselness ask each other."""

from jaxtyping import Float
from torch import Tensor, nn

from tubekit._accept import numbers, taking
from tubekit.networks.harmonyseg.attention import Attention, to_grid, to_tokens


class DeepMutualQuery(nn.Module):
    """Cross-attention in both directions, each added to the self-attention of its own side.

    ``DQ_V2C = Cross(Q_V, K_C, V_C) + Self(F_C4)``: vesselness asks where vessels are dense, image
    features answer. ``DQ_C2V = Cross(Q_C, K_V, V_V) + Self(F_V4)``: the image asks which
    responses of the filter to believe. Self keeps its input: it is ``F`` plus the attention of
    ``F`` to itself. Features are layer-normalised over channels first. There is no position
    encoding, so moving all positions moves the result.

    The paper prints the first equation and describes the second in words; heads, normalisation
    and the kept input are choices made here.

    Args:
        channels: of either input.
        heads: attention heads, d_k = channels / heads.
    Raises:
        ValueError: ``heads`` does not divide ``channels``.

    Example:
        >>> import torch
        >>> from tubekit.networks import DeepMutualQuery
        >>> image, vesselness = torch.zeros(2, 1, 8, 4, 4)
        >>> [x.shape for x in DeepMutualQuery(8)(image, vesselness)]
        [torch.Size([1, 8, 4, 4]), torch.Size([1, 8, 4, 4])]

    Equation: :eq:`eq-deep-mutual-query`

    Reference: Huang et al., ICCV 2025, arXiv:2504.07827, equation 1.
    """

    @taking(numbers)
    def __init__(self, channels: int, heads: int = 4) -> None:
        super().__init__()
        self.image_norm = nn.LayerNorm(channels)
        self.vesselness_norm = nn.LayerNorm(channels)
        self.cross_v2c = Attention(channels, heads)
        self.cross_c2v = Attention(channels, heads)
        self.self_image = Attention(channels, heads)
        self.self_vesselness = Attention(channels, heads)

    def forward(
        self, image: Float[Tensor, "b c *s"], vesselness: Float[Tensor, "b c *s"]
    ) -> tuple[Float[Tensor, "b c *s"], Float[Tensor, "b c *s"]]:
        """``DQ_V2C`` and ``DQ_C2V``.

        Args:
            image: deepest image features ``F_C4``.
            vesselness: deepest vesselness features ``F_V4``.
        """
        c, v = self._normed(image, vesselness)
        v2c = self.cross_v2c(v, c) + self.self_image(c, c)
        c2v = self.cross_c2v(c, v) + self.self_vesselness(v, v)
        grid = image.shape[2:]
        return image + to_grid(v2c, grid), vesselness + to_grid(c2v, grid)

    def received(
        self, image: Float[Tensor, "b c *s"], vesselness: Float[Tensor, "b c *s"]
    ) -> dict[str, Float[Tensor, "b 1 *s"]]:
        """Which positions the other side looks at, mean over heads and queries; sum 1.

        Returns:
            ``v2c``: image positions as the vesselness sees them; ``c2v``: vesselness positions
            as the image sees them. Without gradient.
        """
        c, v = self._normed(image, vesselness)
        maps = {"v2c": self.cross_v2c.received(v, c), "c2v": self.cross_c2v.received(c, v)}
        return {name: to_grid(m[..., None], image.shape[2:]) for name, m in maps.items()}

    def _normed(self, image: Tensor, vesselness: Tensor) -> tuple[Tensor, Tensor]:
        return self.image_norm(to_tokens(image)), self.vesselness_norm(to_tokens(vesselness))
