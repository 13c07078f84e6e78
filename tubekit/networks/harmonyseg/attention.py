"""Attention among the positions of a grid, without a code for their place."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from tubekit._accept import numbers, taking

QUERIES_AT_ONCE = 512  # bounds the memory of attention maps


@taking(heads=numbers)
def attend(
    q: Float[Tensor, "b n c"], k: Float[Tensor, "b m c"], v: Float[Tensor, "b m c"], heads: int
) -> Float[Tensor, "b n c"]:
    """softmax(Q Kᵀ / √d_k) V, in ``heads`` groups of d_k = c / heads channels.

    Args:
        q: one query per position.
        k: one key per position that may be looked at.
        v: what each of these answers.
        heads: groups of channels, each with an attention of its own.
    Returns:
        For every query the mean of the values, weighted by how well their keys fit.

    Example:
        >>> import torch
        >>> from tubekit.networks import attend
        >>> q, k, v = torch.zeros(1, 2, 4), torch.zeros(1, 3, 4), torch.ones(1, 3, 4)
        >>> attend(q, k, v, heads=2).tolist()
        [[[1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0]]]

    Equation: :eq:`eq-attention`

    Reference: Vaswani et al., NeurIPS 2017, equation 1.
    """
    found = F.scaled_dot_product_attention(_split(q, heads), _split(k, heads), _split(v, heads))
    return found.transpose(1, 2).flatten(2)


@torch.no_grad()
def received(
    q: Float[Tensor, "b n c"], k: Float[Tensor, "b m c"], heads: int
) -> Float[Tensor, "b m"]:
    """How much each key is looked at in ``attend``: mean over heads and queries.

    Args:
        q: as in ``attend``.
        k: as in ``attend``.
        heads: as in ``attend``.
    Returns:
        Shares >= 0 with the sum 1 over the m positions, without gradient.
    """
    queries, keys = _split(q, heads), _split(k, heads).transpose(2, 3)
    scale = keys.shape[2] ** -0.5
    total = torch.zeros_like(keys[:, 0, 0], dtype=torch.promote_types(q.dtype, torch.float32))
    for some in queries.split(QUERIES_AT_ONCE, dim=2):
        scores = (some * scale) @ keys  # (b heads some m)
        total += scores.to(total.dtype).softmax(dim=3).sum(dim=(1, 2))
    return total / (heads * q.shape[1])


class Attention(nn.Module):
    """Projections to queries, keys and values, ``attend``, and a projection of the result.

    No projection has a bias: a bias of the keys adds one number to all scores of a query, which
    the softmax cancels; biases of values and output end as one constant, which the next instance
    norm cancels. Weights start as Glorot and Bengio (2010), so scores start with variance 1.

    Args:
        channels: of queries, context and result, 2 or more: the layer norm of one is constant.
        heads: must divide ``channels``.
    Raises:
        ValueError: a single channel, or ``heads`` does not divide ``channels``.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        if heads < 1 or channels % heads or channels < 2:
            raise ValueError(
                "attention needs two channels or more and heads that divide them, got "
                f"{heads} heads for {channels} channels; choose other heads or features"
            )
        self.heads = heads
        self.query = nn.Linear(channels, channels, bias=False)
        self.key = nn.Linear(channels, channels, bias=False)
        self.value = nn.Linear(channels, channels, bias=False)
        self.out = nn.Linear(channels, channels, bias=False)
        for parameter in self.parameters():
            nn.init.xavier_uniform_(parameter)

    def forward(
        self, asking: Float[Tensor, "b n c"], context: Float[Tensor, "b m c"]
    ) -> Float[Tensor, "b n c"]:
        """What the positions ``asking`` take from the positions ``context``."""
        keys, values = self.key(context), self.value(context)
        return self.out(attend(self.query(asking), keys, values, self.heads))

    def received(
        self, asking: Float[Tensor, "b n c"], context: Float[Tensor, "b m c"]
    ) -> Float[Tensor, "b m"]:
        """How much each position of ``context`` is looked at; see the function ``received``."""
        return received(self.query(asking), self.key(context), self.heads)


def to_tokens(x: Float[Tensor, "b c *s"]) -> Float[Tensor, "b n c"]:
    """A feature map as a list of its positions."""
    return x.flatten(2).transpose(1, 2)


def to_grid(tokens: Float[Tensor, "b n c"], grid: Sequence[int]) -> Float[Tensor, "b c *s"]:
    """Inverse of ``to_tokens``."""
    return tokens.transpose(1, 2).unflatten(2, tuple(grid))


def _split(x: Float[Tensor, "b n c"], heads: int) -> Float[Tensor, "b h n d"]:
    return x.unflatten(2, (heads, -1)).transpose(1, 2)
