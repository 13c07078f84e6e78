"""U-Net: parameter counts by hand and by MONAI, levels, anisotropy, initialisation, errors."""

import math
from itertools import pairwise

import pytest
import torch
from monai.networks.nets import DynUNet
from torch import nn

from tubekit.networks import UNet


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def by_hand(ndim: int, inputs: int, outputs: int, features: tuple[int, ...], deep: bool) -> int:
    """Weights, biases and the two affine parameters of each norm, stage after stage."""

    def stage(a: int, b: int) -> int:
        return (3**ndim * a * b + 3 * b) + (3**ndim * b * b + 3 * b)

    total = 0
    for a, b in zip((inputs, *features), features, strict=False):
        total += stage(a, b)
    for level, (fine, coarse) in enumerate(pairwise(features)):
        total += 2**ndim * coarse * fine + fine  # transposed convolution
        total += stage(2 * fine, fine)
        if level == 0 or deep:
            total += fine * outputs + outputs
    return total


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("features", [(16, 32, 64, 128), (32, 64, 128, 256, 512, 512)])
def test_parameter_count_by_hand(ndim: int, deep: bool, features: tuple[int, ...]) -> None:
    with torch.device("meta"):
        network = UNet(ndim, 3, 2, features=features, deep_supervision=deep)
    assert count(network) == by_hand(ndim, 3, 2, features, deep)


def test_laptop_network_has_half_a_million_parameters() -> None:
    assert count(UNet(2, 1, 1, features=(16, 32, 64, 128))) == 483_153


def test_equals_monai_with_the_same_weights() -> None:
    """MONAI's DynUNet follows the same design but leaves out the biases before a norm."""
    features, kernels, strides = (4, 6, 8), ((3, 1),) * 3, (1, (2, 1), 2)
    theirs = DynUNet(
        2,
        2,
        3,
        kernels,
        strides,
        strides[1:],
        filters=features,
        norm_name=("instance", {"affine": True}),
    )
    ours = UNet(2, 2, 3, features=features, kernel_sizes=kernels, strides=strides, conv_bias=False)
    stages = [theirs.input_block, *theirs.downsamples, theirs.bottleneck]
    pairs = list(zip(ours.encoder, stages, strict=True))
    for level, up in zip((1, 0), theirs.upsamples, strict=True):  # theirs are coarse to fine
        ours.ups[level].weight.data = up.transp_conv.conv.weight.data
        pairs.append((ours.decoder[level], up.conv_block))
    for stage, block in pairs:
        for layer, conv, norm in (
            (stage[0], block.conv1, block.norm1),
            (stage[2], block.conv2, block.norm2),
        ):
            layer[0].load_state_dict(conv.conv.state_dict())
            nn.init.normal_(norm.weight)
            nn.init.normal_(norm.bias)
            layer[1].load_state_dict(norm.state_dict())
    ours.heads[0].load_state_dict(theirs.output_block.conv.conv.state_dict())
    image = torch.randn(2, 2, 16, 12)
    assert count(ours) == count(theirs)
    torch.testing.assert_close(ours(image), theirs(image), rtol=1e-4, atol=1e-5)


def test_deep_levels_run_fine_to_coarse_without_the_full_one() -> None:
    network = UNet(2, 1, 3, features=(4, 4, 4, 4, 4), deep_supervision=True)
    result = network(torch.randn(2, 1, 32, 64))
    assert result.logits.shape == (2, 3, 32, 64)
    assert [tuple(d.shape) for d in result.deep] == [(2, 3, 16, 32), (2, 3, 8, 16), (2, 3, 4, 8)]
    assert network.divisor == (16, 16)


def test_anisotropic_strides() -> None:
    network = UNet(
        3, 1, 2, features=(4, 4, 4, 4), strides=(1, (1, 2, 2), (1, 2, 2), 2), deep_supervision=True
    )
    assert network.divisor == (2, 8, 8)
    result = network(torch.randn(1, 1, 6, 16, 24))
    assert [tuple(d.shape[2:]) for d in result.deep] == [(6, 8, 12), (6, 4, 6)]


def test_kernel_sizes_keep_slices_apart() -> None:
    """With kernels and strides of 1 along z, a change in one slice stays there in a conv stage."""
    flat = (1, 3, 3)
    network = UNet(
        3, 1, 1, features=(2, 2), kernel_sizes=(flat, flat), strides=(1, (1, 2, 2)), norm="batch"
    ).eval()
    image = torch.zeros(1, 1, 4, 8, 8)
    changed = image.clone()
    changed[:, :, 1] = torch.randn(8, 8)
    moved = (network(changed) - network(image)).abs().amax((0, 1, 3, 4))
    assert moved[1] > 0
    assert moved[[0, 2, 3]].eq(0).all()


def test_initial_weights_follow_he() -> None:
    network = UNet(2, 64, 1, features=(64, 64))
    weight = network.encoder[0][0][0].weight
    expected = math.sqrt(2 / (1 + 0.01**2) / (64 * 9))
    assert weight.std().item() == pytest.approx(expected, rel=0.02)
    assert all(p.eq(0).all() for n, p in network.named_parameters() if n.endswith("0.bias"))


def test_layers_are_those_of_nnunet() -> None:
    network = UNet(3, 1, 1, features=(4, 8), blocks_per_stage=3)
    stage = network.encoder[1]
    assert len(stage) == 6
    conv, norm = stage[0]
    assert conv.stride == (2, 2, 2)
    assert conv.bias is not None
    assert (norm.eps, norm.affine, norm.track_running_stats) == (1e-5, True, False)
    assert stage[1].negative_slope == 0.01
    assert [layer[0].stride for layer in stage[2::2]] == [(1, 1, 1)] * 2
    assert network.ups[0].kernel_size == network.ups[0].stride == (2, 2, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ndim": 1}, "ndim must be one of 2, 3"),
        ({"features": (8,)}, "UNet needs 2 or more entries in features"),
        ({"features": (8, 0)}, "features of UNet must be an integer of at least 1"),
        ({"blocks_per_stage": 0}, "blocks_per_stage of UNet must be an integer of at least 1"),
        ({"strides": (1, 2)}, "each of the 3 stages"),
        ({"strides": (1, (2, 2, 2), 2)}, "strides needs one integer, or one per axis"),
        ({"strides": (2, 2, 2)}, "must start with 1"),
        ({"kernel_sizes": (3, 3, 2)}, "must be odd"),
        ({"norm": "layer"}, "norm must be one of"),
    ],
)
def test_bad_arguments(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        UNet(
            **({"ndim": 2, "in_channels": 1, "out_channels": 1, "features": (4, 4, 4)} | arguments)
        )
