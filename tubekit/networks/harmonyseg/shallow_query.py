"""SQ: at the finer levels, half of the fused features go through pooled self-attention."""

from math import prod

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from tubekit import _check
from tubekit._accept import numbers, taking
from tubekit.networks.blocks import LEAK, MAX_POOLS, conv_norm
from tubekit.networks.harmonyseg.attention import Attention, attend, received, to_grid, to_tokens
from tubekit.networks.stages import resize

AVERAGE = {2: F.avg_pool2d, 3: F.avg_pool3d}
TOKENS_PER_AXIS = {2: 16, 3: 8}
LITERAL_LIMIT = 16384  # positions; the time grows with the square


class ShallowQuery(nn.Module):
    """Fuse, split in two halves, let the first one look at itself, join.

    ``SQ = Cat(F'_S1, F_S2)`` with ``F'_S1 = Self(AvgP(Q_S1), MaxP(K_S1), V_S1)``. Image and
    vesselness features are fused by concatenation, a 1x1 convolution, instance norm and
    LeakyReLU. As everywhere in this network, Self keeps its input, so ``F_S1`` itself is added.

    As printed, only queries and keys are pooled, and the pooling is not specified. If it makes
    the grid smaller, keys and values no longer match. There are two consistent readings:

    - ``"budget"`` pools the values too, by maximum like the keys, over windows so large that at
      most ``token_budget`` positions per axis remain; the result is up-sampled.
    - ``"literal"`` pools queries and keys over 3 voxels with stride 1, which keeps the size. It
      costs the square of the number of voxels.

    Args:
        ndim: 2 or 3 spatial axes.
        channels: of either input and of the output.
        heads: attention heads within the first half.
        pooling: ``"budget"`` or ``"literal"``.
        token_budget: positions per axis of the pooled grid, 2 or more; ``None`` is 16 in 2-D
            and 8 in 3-D.
    Raises:
        ValueError: an option out of range, or ``token_budget`` given for ``"literal"``.

    Example:
        >>> import torch
        >>> from tubekit.networks import ShallowQuery
        >>> image, vesselness = torch.zeros(2, 1, 8, 16, 16)
        >>> ShallowQuery(2, 8)(image, vesselness).shape
        torch.Size([1, 8, 16, 16])

    Equation: :eq:`eq-shallow-query`

    Reference: Huang et al., ICCV 2025, arXiv:2504.07827, equations 2 and 3.
    """

    @taking(numbers)
    def __init__(
        self,
        ndim: int,
        channels: int,
        heads: int = 2,
        *,
        pooling: str = "budget",
        token_budget: int | None = None,
    ) -> None:
        super().__init__()
        _check.option("ndim", ndim, tuple(AVERAGE))
        _check.option("pooling", pooling, ("budget", "literal"))
        if channels % 2:
            raise ValueError(
                f"the shallow query splits its channels into halves, got {channels} channels; "
                "choose even features"
            )
        if token_budget is not None and (pooling == "literal" or token_budget < 2):
            raise ValueError(
                "token_budget must be 2 or more and belongs to pooling='budget', got "
                f"token_budget={token_budget} with pooling={pooling!r}; leave it None"
            )
        self.ndim = ndim
        self.pooling = pooling
        self.budget = TOKENS_PER_AXIS[ndim] if token_budget is None else token_budget
        self.fuse = conv_norm(ndim, 2 * channels, channels, kernel=1, leak=LEAK)
        self.norm = nn.LayerNorm(channels // 2)
        self.attention = Attention(channels // 2, heads)

    def forward(
        self, image: Float[Tensor, "b c *s"], vesselness: Float[Tensor, "b c *s"]
    ) -> Float[Tensor, "b c *s"]:
        """``SQ_i`` of the features ``F_Ci`` and ``F_Vi`` of one level.

        Raises:
            ValueError: more positions than ``pooling="literal"`` can take.
        """
        first, second = self.fuse(torch.cat((image, vesselness), dim=1)).chunk(2, dim=1)
        q, k, v = self._pooled(first)
        found = attend(to_tokens(q), to_tokens(k), to_tokens(v), self.attention.heads)
        found = to_grid(self.attention.out(found), q.shape[2:])
        return torch.cat((first + self._unpooled(found, first.shape[2:]), second), dim=1)

    @torch.no_grad()
    def received(
        self, image: Float[Tensor, "b c *s"], vesselness: Float[Tensor, "b c *s"]
    ) -> Float[Tensor, "b 1 *t"]:
        """How much each position of the pooled grid is looked at; sum 1, without gradient."""
        first = self.fuse(torch.cat((image, vesselness), dim=1)).chunk(2, dim=1)[0]
        q, k, _ = self._pooled(first)
        shares = received(to_tokens(q), to_tokens(k), self.attention.heads)
        return to_grid(shares[..., None], k.shape[2:])

    def _window(self, grid: torch.Size) -> tuple[int, ...]:
        return tuple(-(-int(size) // self.budget) for size in grid)

    def _pooled(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values (b c *t)."""
        if self.pooling == "literal" and prod(x.shape[2:]) > LITERAL_LIMIT:
            raise ValueError(
                f"pooling='literal' compares all pairs of at most {LITERAL_LIMIT} voxels, got "
                f"{prod(x.shape[2:])} in grid {tuple(x.shape[2:])}; use pooling='budget' or "
                "smaller patches"
            )
        average, maximum = AVERAGE[self.ndim], MAX_POOLS[self.ndim]
        last = x.ndim - 1  # counted from the front: torch's older ONNX exporter passes on no -1
        x = self.norm(x.movedim(1, last))
        k = self.attention.key(x).movedim(last, 1)
        v = self.attention.value(x).movedim(last, 1)
        x = x.movedim(last, 1)
        # On the CPU avg_pool3d knows no half precision.
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        if self.pooling == "literal":
            wide = average(wide, 3, stride=1, padding=1, count_include_pad=False)
            k = maximum(k, 3, stride=1, padding=1)
        else:
            window = self._window(x.shape[2:])
            wide = average(wide, window, ceil_mode=True)
            k, v = (maximum(y, window, ceil_mode=True) for y in (k, v))
        # The mean of projections is the projection of the mean: cheaper on the pooled grid.
        return self.attention.query(wide.to(x.dtype).movedim(1, last)).movedim(last, 1), k, v

    def _unpooled(self, x: Tensor, grid: torch.Size) -> Tensor:
        """Back to ``grid``, so that each pooled value lies at the centre of its window."""
        if self.pooling == "literal":
            return x
        covered = [n * w for n, w in zip(x.shape[2:], self._window(grid), strict=True)]
        x = resize(x, covered)
        for axis, size in enumerate(grid, start=2):
            x = x.narrow(axis, 0, size)
        return x
