"""UNet++: the paper's size, the recursion of its equation, the mean of its heads."""

from functools import cache

import pytest
import torch
from torch import Tensor, nn

from tubekit.losses import DeepSupervision, SoftDiceLoss
from tubekit.networks.stages import halve
from tubekit.networks.unetpp import UNetPlusPlus
from tubekit.types import SegOutput

close = torch.testing.assert_close


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def by_hand(
    ndim: int, inputs: int, outputs: int, features: tuple[int, ...], heads: int, extra: int
) -> int:
    """All nodes of equation 1; ``extra`` parameters per channel of a convolution in a stage."""
    total = heads * (features[0] * outputs + outputs)
    for level, width in enumerate(features):
        for column in range(len(features) - level):
            if column:
                entering = (column + 1) * width
                total += 2**ndim * features[level + 1] * width + width
            else:
                entering = features[level - 1] if level else inputs
            total += 3**ndim * (entering + width) * width + 2 * extra * width
    return total


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("deep", [False, True])
def test_parameter_count_by_hand(ndim: int, deep: bool) -> None:
    features = (4, 5, 6, 7)
    with torch.device("meta"):
        network = UNetPlusPlus(ndim, 2, 3, features=features, deep_supervision=deep)
    assert count(network) == by_hand(ndim, 2, 3, features, 3 if deep else 1, 2)


def test_published_size() -> None:
    """The paper's network has biases (1 per channel) where ours has an affine norm (2)."""
    features = (32, 64, 128, 256, 512)
    with torch.device("meta"):
        network = UNetPlusPlus(2, 3, 1)
    published = by_hand(2, 3, 1, features, 1, 1)
    assert round(published / 1e6, 2) == 9.04
    normed = [m for m in network.modules() if isinstance(m, nn.InstanceNorm2d)]
    assert count(network) - published == sum(m.num_features for m in normed) == 3648


@pytest.mark.parametrize("ndim", [2, 3])
def test_nodes_follow_equation_1(ndim: int) -> None:
    network = UNetPlusPlus(ndim, 2, 3, features=(3, 4, 5, 6), deep_supervision=True)
    image = torch.randn(2, 2, *(16, 8, 8)[:ndim])

    @cache
    def node(level: int, column: int) -> Tensor:
        if column == 0:
            return network.encoder[level](halve(node(level - 1, 0)) if level else image)
        name = f"{level},{column}"
        seen = [node(level, k) for k in range(column)]
        seen.append(network.ups[name](node(level + 1, column - 1)))
        return network.nodes[name](torch.cat(seen, 1))

    result = network(image)
    assert isinstance(result, SegOutput)
    heads = [network.heads[3 - column](node(0, column)) for column in (3, 2, 1)]
    close(list(result.deep), heads)
    close(result.logits, sum(heads) / 3)


def test_without_deep_supervision_the_last_node_alone_predicts() -> None:
    deep = UNetPlusPlus(2, 1, 2, features=(3, 4, 5), deep_supervision=True)
    plain = UNetPlusPlus(2, 1, 2, features=(3, 4, 5))
    missing = plain.load_state_dict(deep.state_dict(), strict=False)
    assert not missing.missing_keys
    assert set(missing.unexpected_keys) == {"heads.1.weight", "heads.1.bias"}
    image = torch.randn(1, 1, 8, 12)
    assert torch.equal(plain(image), deep(image).deep[0])


def test_the_papers_loss_is_the_mean_over_the_heads() -> None:
    network = UNetPlusPlus(2, 1, 1, features=(3, 4, 5), deep_supervision=True)
    output = network(torch.randn(2, 1, 8, 8))
    target = (torch.rand(2, 1, 8, 8) > 0.7).long()
    heads = [SoftDiceLoss()(logits, target) for logits in output.deep]
    close(DeepSupervision(SoftDiceLoss(), (0, 1, 1))(output, target), sum(heads) / 2)


def test_pruned_networks_are_contained() -> None:
    """The head of node (0, 1) needs the first two levels only, so that a network can be cut."""
    network = UNetPlusPlus(2, 1, 1, features=(3, 4, 5), deep_supervision=True)
    small = UNetPlusPlus(2, 1, 1, features=(3, 4))
    state = {k: v for k, v in network.state_dict().items() if k in small.state_dict()}
    state |= {f"heads.0.{k}": v for k, v in network.heads[1].state_dict().items()}
    small.load_state_dict(state)
    image = torch.randn(1, 1, 8, 8)
    close(small(image), network(image).deep[1])


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="UNetPlusPlus needs 2 or more entries"):
        UNetPlusPlus(2, 1, 1, features=(4,))
    with pytest.raises(ValueError, match="needs three levels or more"):
        UNetPlusPlus(2, 1, 1, features=(4, 4), deep_supervision=True)
