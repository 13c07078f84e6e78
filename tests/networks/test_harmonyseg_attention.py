"""Attention of HarmonySeg: every symbol of Eqs. 1 to 3 against plain formulas."""

import math
from itertools import product

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tubekit.networks.harmonyseg.attention import Attention, attend, received
from tubekit.networks.harmonyseg.deep_mutual_query import DeepMutualQuery
from tubekit.networks.harmonyseg.shallow_query import LITERAL_LIMIT, ShallowQuery
from tubekit.plain.harmonyseg_attention import by_heads

BOTH = pytest.mark.parametrize("ndim", [2, 3])


def scatter(module: nn.Module) -> nn.Module:
    """Random norms, so that a forgotten one shows."""
    for parameter in module.double().parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    return module


# --- attention ---------------------------------------------------------------------------------


def test_two_tokens_by_hand() -> None:
    """d_k = 4; the scores of the only query are 4 and 0, over sqrt(4): 2 and 0."""
    q = torch.tensor([[[2.0, 0, 0, 0]]])
    k = torch.tensor([[[2.0, 0, 0, 0], [0, 5.0, 0, 0]]])
    v = torch.tensor([[[1.0, 0, 0, 0], [0, 1.0, 0, 0]]])
    first = 1 / (1 + math.exp(-2))
    torch.testing.assert_close(attend(q, k, v, 1), torch.tensor([[[first, 1 - first, 0, 0]]]))
    torch.testing.assert_close(received(q, k, 1), torch.tensor([[first, 1 - first]]))
    # Two heads of d_k = 2: scores 4 / sqrt(2) and 0 in the first, 0 and 0 in the second.
    head = 1 / (1 + math.exp(-4 / math.sqrt(2)))
    torch.testing.assert_close(attend(q, k, v, 2), torch.tensor([[[head, 1 - head, 0, 0]]]))
    share = (head + 0.5) / 2
    torch.testing.assert_close(received(q, k, 2), torch.tensor([[share, 1 - share]]))


@pytest.mark.parametrize("heads", [1, 2, 3])
def test_attend_is_the_formula(heads: int) -> None:
    q, k, v = torch.randn(2, 5, 6), torch.randn(2, 7, 6), torch.randn(2, 7, 6)
    torch.testing.assert_close(attend(q, k, v, heads), by_heads(q, k, v, heads))


@pytest.mark.parametrize("queries", [3, 600])
def test_received_is_the_mean_of_the_weights_of_attend(queries: int) -> None:
    """The values 1 at one key and 0 elsewhere read the weights off ``attend``."""
    q, k = torch.randn(2, queries, 6), 2 * torch.randn(2, 4, 6)
    shares = received(q, k, 2)
    assert not received(q.requires_grad_(), k, 2).requires_grad
    for key in range(4):
        v = torch.zeros(2, 4, 6)
        v[:, key] = 1
        torch.testing.assert_close(shares[:, key], attend(q, k, v, 2).mean((1, 2)))
    torch.testing.assert_close(shares.sum(1), torch.ones(2))


def test_scores_start_with_the_variance_one() -> None:
    attention = Attention(64, 4)
    tokens = torch.randn(1, 256, 64)
    q, k = (x.unflatten(2, (4, 16)) for x in (attention.query(tokens), attention.key(tokens)))
    scores = torch.einsum("bnhd,bmhd->bhnm", q, k) / 4
    assert scores.var().item() == pytest.approx(1, rel=0.2)


# --- deep mutual query, Eq. 1 ------------------------------------------------------------------


def tokens_of(x: Tensor) -> Tensor:
    return x.flatten(2).permute(0, 2, 1)


def side(x: Tensor, norm: nn.LayerNorm) -> Tensor:
    """Pre-normalisation over channels, written out."""
    tokens = tokens_of(x)
    mean, var = tokens.mean(2, keepdim=True), tokens.var(2, unbiased=False, keepdim=True)
    return (tokens - mean) / (var + norm.eps).sqrt() * norm.weight + norm.bias


def plain(attention: Attention, asking: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    q = asking @ attention.query.weight.T
    k, v = keys @ attention.key.weight.T, values @ attention.value.weight.T
    return by_heads(q, k, v, attention.heads) @ attention.out.weight.T


@BOTH
def test_deep_mutual_query_is_equation_one_in_both_directions(ndim: int) -> None:
    query = scatter(DeepMutualQuery(8, heads=2))
    image, vesselness = torch.randn(2, 2, 8, 3, 4, 2)[..., *[0] * (3 - ndim)].double()
    c, v = side(image, query.image_norm), side(vesselness, query.vesselness_norm)
    v2c = plain(query.cross_v2c, v, c, c) + tokens_of(image) + plain(query.self_image, c, c, c)
    c2v = (
        plain(query.cross_c2v, c, v, v)
        + tokens_of(vesselness)
        + plain(query.self_vesselness, v, v, v)
    )
    got = query(image, vesselness)
    assert got[0].shape == got[1].shape == image.shape
    torch.testing.assert_close(tokens_of(got[0]), v2c)
    torch.testing.assert_close(tokens_of(got[1]), c2v)


def test_mutual_query_maps_say_who_looks_where() -> None:
    """Make one image position stand out for vesselness queries only, then the reverse."""
    query = DeepMutualQuery(4, heads=1).double()
    for parameter in query.parameters():
        if parameter.ndim == 2:
            parameter.data = 4 * torch.eye(4).double()
    image, vesselness = torch.zeros(2, 1, 4, 3, 5).double()
    image[:, 0], image[0, :, 1, 2] = 1, torch.tensor([0, 1, 0, 0]).double()
    vesselness[:, 1], vesselness[0, :, 2, 4] = 1, torch.tensor([1, 0, 0, 0]).double()
    maps = query.received(image, vesselness)
    assert maps["v2c"].shape == maps["c2v"].shape == (1, 1, 3, 5)
    assert maps["v2c"].flatten().argmax() == 1 * 5 + 2
    assert maps["c2v"].flatten().argmax() == 2 * 5 + 4


def test_moving_all_positions_moves_the_mutual_queries() -> None:
    """No code for the position: any permutation does, a shift is one."""
    query = scatter(DeepMutualQuery(8))
    image, vesselness = torch.randn(2, 1, 8, 20).double()
    order = torch.randperm(20)
    moved = query(image[..., order], vesselness[..., order])
    for a, b in zip(moved, query(image, vesselness), strict=True):
        torch.testing.assert_close(a, b[..., order])


# --- shallow query, Eqs. 2 and 3 ---------------------------------------------------------------


def plain_shallow(query: ShallowQuery, image: Tensor, vesselness: Tensor) -> Tensor:
    """Project at full resolution, pool window by window, attend; before the up-sampling."""
    first = query.fuse(torch.cat((image, vesselness), 1))[:, : image.shape[1] // 2]
    x = side(first, query.norm).permute(0, 2, 1).unflatten(2, first.shape[2:])

    def project(layer: nn.Linear) -> Tensor:
        return torch.einsum("oc,bc...->bo...", layer.weight, x)

    a, grid = query.attention, first.shape[2:]
    q, k, v = project(a.query), project(a.key), project(a.value)
    if query.pooling == "budget":
        steps = [math.ceil(n / query.budget) for n in grid]
        windows = [
            [slice(i, min(i + w, n)) for i in range(0, n, w)]
            for n, w in zip(grid, steps, strict=True)
        ]
    else:
        windows = [[slice(max(i - 1, 0), i + 2) for i in range(n)] for n in grid]
    every = [(..., *w) for w in product(*windows)]
    q = torch.stack([q[w].flatten(2).mean(2) for w in every], 1)
    k = torch.stack([k[w].flatten(2).amax(2) for w in every], 1)
    if query.pooling == "budget":
        v = torch.stack([v[w].flatten(2).amax(2) for w in every], 1)
    else:
        v = tokens_of(v)
    out = by_heads(q, k, v, a.heads) @ a.out.weight.T
    return out.permute(0, 2, 1).unflatten(2, [len(w) for w in windows])


def shallow(ndim: int, **options: object) -> ShallowQuery:
    return scatter(ShallowQuery(ndim, 8, **options))


@pytest.mark.parametrize("grid", [(6, 9), (4, 3, 5)])
def test_literal_pooling_is_the_printed_equation(grid: tuple[int, ...]) -> None:
    query = shallow(len(grid), pooling="literal")
    image, vesselness = torch.randn(2, 2, 8, *grid).double()
    fused = query.fuse(torch.cat((image, vesselness), 1))
    got = query(image, vesselness)
    torch.testing.assert_close(got[:, :4] - fused[:, :4], plain_shallow(query, image, vesselness))
    assert torch.equal(got[:, 4:], fused[:, 4:])


@pytest.mark.parametrize(("grid", "budget"), [((8, 12), 4), ((7, 13), 4), ((4, 6, 5), 2)])
def test_budget_pooling_is_equation_three_on_windows(grid: tuple[int, ...], budget: int) -> None:
    """The up-sampling, piecewise linear, has the pooled values at the centres of the windows."""
    query = shallow(len(grid), token_budget=budget)
    image, vesselness = torch.randn(2, 2, 8, *grid).double()
    fused = query.fuse(torch.cat((image, vesselness), 1))
    got = query(image, vesselness)
    assert torch.equal(got[:, 4:], fused[:, 4:])
    coarse = plain_shallow(query, image, vesselness)
    steps = [math.ceil(n / budget) for n in grid]
    assert max(coarse.shape[2:]) <= budget
    mode = "bilinear" if len(grid) == 2 else "trilinear"
    fine = F.interpolate(coarse, scale_factor=[float(s) for s in steps], mode=mode)
    torch.testing.assert_close(got[:, :4] - fused[:, :4], fine[..., *map(slice, grid)])


def test_small_grid_within_the_budget_is_not_pooled() -> None:
    query = shallow(2)
    image, vesselness = torch.randn(2, 1, 8, 16, 5).double()
    first = query.fuse(torch.cat((image, vesselness), 1))[:, :4]
    tokens = side(first, query.norm)
    expected = tokens_of(first) + plain(query.attention, tokens, tokens, tokens)
    torch.testing.assert_close(tokens_of(query(image, vesselness)[:, :4]), expected)


@BOTH
def test_default_budget_bounds_the_tokens(ndim: int) -> None:
    query = ShallowQuery(ndim, 4)
    for size in (1, 15, 33, 40):
        grid = (size,) + (2,) * (ndim - 1)
        pooled = query._pooled(torch.randn(1, 2, *grid))
        assert len({x.shape for x in pooled}) == 1
        assert pooled[0].shape[2] <= {2: 16, 3: 8}[ndim]
        assert query(*torch.randn(2, 1, 4, *grid)).shape == (1, 4, *grid)


def test_shallow_maps_show_the_keys_that_are_looked_at() -> None:
    query = shallow(2, token_budget=4)
    shares = query.received(*torch.randn(2, 3, 8, 8, 10).double())
    assert shares.shape == (3, 1, 4, 4)  # windows of 2 x 3
    torch.testing.assert_close(shares.sum((1, 2, 3)), torch.ones(3).double())
    query.attention.key.weight.data.zero_()  # equal keys are looked at equally
    shares = query.received(*torch.randn(2, 3, 8, 8, 10).double())
    torch.testing.assert_close(shares, torch.full_like(shares, 1 / 16))


def test_literal_pooling_says_how_large_is_too_large() -> None:
    side_length = math.isqrt(LITERAL_LIMIT) + 1
    query = ShallowQuery(2, 4, pooling="literal")
    with pytest.raises(ValueError, match="use pooling='budget' or smaller patches"):
        query(*torch.zeros(2, 1, 4, side_length, side_length))
