"""The contract of every exported network, and checks that the contract can fail."""

from collections.abc import Callable
from itertools import pairwise, product

import pytest
import torch
from torch import Tensor, nn

from tubekit import networks
from tubekit.networks import HRNet, UNet
from tubekit.networks.cs2net import CS2Net
from tubekit.networks.dcunet import DCUNet
from tubekit.networks.dscnet import DSCNet
from tubekit.networks.harmonyseg import HarmonySeg
from tubekit.networks.transunet import TransUNet
from tubekit.networks.unetpp import UNetPlusPlus
from tubekit.networks.wingsnet import WingsNet
from tubekit.types import SegOutput

Build = Callable[[int, int], nn.Module]


def attending(network: CS2Net) -> CS2Net:
    """With its attention switched on: as published it starts at 0 and its weights rest a step."""
    nn.init.constant_(network.attention.spatial.gamma, 0.5)
    nn.init.constant_(network.attention.channel.gamma, 0.5)
    return network


def small_transunet(ndim: int, in_channels: int, out_channels: int) -> TransUNet:
    return TransUNet(
        ndim,
        in_channels,
        out_channels,
        width=8,
        blocks=(1, 1, 1),
        hidden=16,
        layers=2,
        heads=2,
        mlp=16,
        decoder=(8, 8, 6, 4, 4),
        grid=2,
        dropout=0.0,  # the slope below needs the same function at every call
    )


# At least one builder per exported network: (in_channels, out_channels) -> network.
BUILDERS: dict[str, tuple[int, Build]] = {
    "UNet-2d": (2, lambda i, o: UNet(2, i, o, features=(4, 6, 8))),
    "UNet-3d": (3, lambda i, o: UNet(3, i, o, features=(4, 6), blocks_per_stage=1)),
    "UNet-deep": (2, lambda i, o: UNet(2, i, o, features=(4, 4, 4, 4), deep_supervision=True)),
    "UNet-anisotropic": (
        3,
        lambda i, o: UNet(
            3,
            i,
            o,
            features=(4, 4, 4),
            strides=(1, (1, 2, 2), 2),
            kernel_sizes=((1, 3, 3), 3, 3),
            deep_supervision=True,
        ),
    ),
    "UNet-batch": (2, lambda i, o: UNet(2, i, o, features=(4, 6), norm="batch", conv_bias=False)),
    "HRNet": (2, lambda i, o: HRNet(i, o, width=4, modules=(1, 1, 1, 1), blocks=1)),
    "CS2Net-2d": (2, lambda i, o: attending(CS2Net(2, i, o, features=(4, 8, 16)))),
    "CS2Net-3d": (3, lambda i, o: attending(CS2Net(3, i, o, features=(4, 8), norm="instance"))),
    "CS2Net-released": (
        2,
        lambda i, o: attending(CS2Net(2, i, o, features=(4, 16), as_released=True)),
    ),
    "TransUNet-2d": (2, lambda i, o: small_transunet(2, i, o)),
    "TransUNet-3d": (3, lambda i, o: small_transunet(3, i, o)),
    "HarmonySeg-2d": (2, lambda i, o: HarmonySeg(2, i + 1, o, features=(4, 8))),
    "HarmonySeg-3d": (3, lambda i, o: HarmonySeg(3, i + 1, o, features=(4, 8))),
    "HarmonySeg-deep": (
        2,
        lambda i, o: HarmonySeg(2, i + 1, o, features=(4, 8), deep_supervision=True),
    ),
    "HarmonySeg-literal": (
        2,
        lambda i, o: HarmonySeg(2, i + 1, o, features=(4, 8), pooling="literal", fused="features"),
    ),
    "HarmonySeg-alone": (
        2,
        lambda i, o: HarmonySeg(
            2, i, o, features=(4, 8), fusion="none", fused="features", deep_supervision=True
        ),
    ),
    "DSCNet-2d": (2, lambda i, o: DSCNet(2, i, o, features=(4, 8, 8), kernel=5)),
    "DSCNet-3d": (3, lambda i, o: DSCNet(3, i, o, features=(4, 8), kernel=3)),
    "DCUNet-2d": (2, lambda i, o: DCUNet(2, i, o, features=(4, 6, 8))),
    "DCUNet-3d": (3, lambda i, o: DCUNet(3, i, o, features=(3, 4))),
    "UNetPlusPlus-2d": (2, lambda i, o: UNetPlusPlus(2, i, o, features=(4, 5, 6, 7))),
    "UNetPlusPlus-3d": (
        3,
        lambda i, o: UNetPlusPlus(3, i, o, features=(4, 5, 6), deep_supervision=True),
    ),
    "WingsNet-2d": (2, lambda i, o: WingsNet(2, i, o, features=(4, 4, 6))),
    "WingsNet-3d": (3, lambda i, o: WingsNet(3, i, o, features=(4, 4, 6))),
    "WingsNet-alone": (
        2,
        lambda i, o: WingsNet(2, i, o, features=(4, 6), deep_supervision=False),
    ),
}
# Layers take any size and have tests of their own.
LAYERS = {
    "DeepMutualQuery",
    "DeformableConv",
    "DynamicSnakeConv",
    "FlexibleConv",
    "ShallowQuery",
    "SnakeConv",
    "attend",
}
EVERY = pytest.mark.parametrize("name", BUILDERS)


def image_for(network: nn.Module, channels: int, batch: int = 2) -> Tensor:
    torch.manual_seed(1)
    return torch.randn(batch, channels + added(network), *(2 * d for d in network.divisor))


def added(network: nn.Module) -> int:
    """Channels of vesselness behind those of the image."""
    return getattr(network, "vesselness_channels", 0)


def outputs(result: Tensor | SegOutput) -> list[Tensor]:
    return [result.logits, *result.deep] if isinstance(result, SegOutput) else [result]


def cancelled_biases(network: nn.Module) -> set[str]:
    """Biases of convolutions that an instance or batch norm follows directly."""
    names = set()
    for prefix, module in network.named_modules():
        if isinstance(module, nn.Sequential):
            for i, (first, second) in enumerate(pairwise(module)):
                normed = isinstance(second, nn.modules.batchnorm._NormBase)
                if normed and getattr(first, "bias", None) is not None:
                    names.add(f"{prefix}.{i}.bias")
    return names


def dead_weights(network: nn.Module, image: Tensor) -> set[str]:
    """Parameters whose gradient is zero to rounding for a random weighting of all outputs."""
    network = network.double().train()
    torch.manual_seed(2)
    results = outputs(network(image.double()))
    sum((torch.randn_like(out) * out).sum() for out in results).backward()
    grads = {
        n: 0.0 if p.grad is None else float(p.grad.norm()) for n, p in network.named_parameters()
    }
    return {name for name, value in grads.items() if value < 1e-9}


def test_every_exported_network_is_covered() -> None:
    covered = {name.split("-")[0] for name in BUILDERS}
    assert covered | LAYERS == set(networks.__all__)


@EVERY
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_shapes_type_and_same_output_in_train_and_eval(name: str, channels: int) -> None:
    ndim, build = BUILDERS[name]
    network = build(channels, channels)
    image = image_for(network, channels)
    assert image.ndim == ndim + 2
    for mode in (True, False):
        result = network.train(mode)(image)
        assert isinstance(result, SegOutput) == getattr(network, "deep_supervision", False)
        logits = outputs(result)[0]
        assert logits.shape == (2, channels, *image.shape[2:])
        assert all(out.dtype == torch.float32 and out.isfinite().all() for out in outputs(result))


@EVERY
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_no_dead_weights(name: str, channels: int) -> None:
    network = BUILDERS[name][1](channels, channels)
    image = image_for(network, channels)
    # Only the biases that a normalisation cancels are dead, and these are nnU-Net's default.
    assert dead_weights(network, image) == cancelled_biases(network)


def test_dead_weight_test_finds_a_planted_one() -> None:
    network = UNet(2, 1, 1, features=(4, 6), conv_bias=False)
    network.extra = nn.Conv2d(1, 1, 1)
    assert dead_weights(network, image_for(network, 1)) == {"extra.weight", "extra.bias"}


@EVERY
def test_gradient_is_the_slope(name: str) -> None:
    """Along a random direction of all weights, against a central difference in float64."""
    network = BUILDERS[name][1](1, 2).double().train()
    image = image_for(network, 1).double()
    for parameter in network.parameters():  # biases of 0 may put a ReLU exactly on its kink
        parameter.data += 0.1 * torch.randn_like(parameter)
    weights = [torch.randn_like(out) for out in outputs(network(image))]

    def value() -> Tensor:
        return sum((w * o).sum() for w, o in zip(weights, outputs(network(image)), strict=True))

    parameters = list(network.parameters())
    directions = [torch.randn_like(p) for p in parameters]
    grads = torch.autograd.grad(value(), parameters)
    slope = sum(float((g * d).sum()) for g, d in zip(grads, directions, strict=True))
    ends = []
    with torch.no_grad():
        for step in (1e-9, -2e-9):  # so small that no ReLU changes its side
            for p, d in zip(parameters, directions, strict=True):
                p += step * d
            ends.append(float(value()))
    assert (ends[0] - ends[1]) / 2e-9 == pytest.approx(slope, rel=1e-4)


@EVERY
def test_image_moves_the_logits_everywhere(name: str) -> None:
    network = BUILDERS[name][1](1, 2).eval()
    image = image_for(network, 1)
    results = zip(outputs(network(image)), outputs(network(image.flip(-1))), strict=True)
    assert all((a - b).abs().flatten(2).amax(2).min() > 1e-4 for a, b in results)


@EVERY
def test_evaluation_is_deterministic_and_per_sample(name: str) -> None:
    network = BUILDERS[name][1](1, 2).eval()
    image = image_for(network, 1)
    both = outputs(network(image))[0]
    assert torch.equal(both, outputs(network(image))[0])
    torch.testing.assert_close(outputs(network(image[:1]))[0], both[:1], rtol=1e-4, atol=1e-5)


@EVERY
def test_bfloat16_autocast_runs_and_is_near(name: str) -> None:
    network = BUILDERS[name][1](1, 2).eval()
    image = image_for(network, 1)
    exact = outputs(network(image))[0]
    with torch.autocast("cpu", torch.bfloat16):
        rough = outputs(network(image))[0]
    assert (rough.float() - exact).abs().max() < 0.1 * exact.abs().max()


@EVERY
def test_sizes_that_do_not_divide_name_the_padding(name: str) -> None:
    network = BUILDERS[name][1](1, 1)
    good = tuple(2 * d for d in network.divisor)
    for axis, d in enumerate(network.divisor):
        if d > 1:
            bad = [*good[:axis], good[axis] - 1, *good[axis + 1 :]]
            with pytest.raises(ValueError, match=r"pad it to \(" + ", ".join(map(str, good))):
                network(torch.zeros(1, 1 + added(network), *bad))


@EVERY
def test_padding_that_the_error_names_is_accepted(name: str) -> None:
    network = BUILDERS[name][1](1, 1).eval()
    for size in product((1, 5, 7), repeat=len(network.divisor)):
        with pytest.raises(ValueError, match="pad it to") as caught:
            network(torch.zeros(1, 1 + added(network), *size))
        text = str(caught.value).split("pad it to (")[1].split(")")[0]
        network(torch.zeros(1, 1 + added(network), *map(int, text.split(", "))))


@EVERY
def test_wrong_channels_type_or_axes(name: str) -> None:
    network = BUILDERS[name][1](2, 1)
    image = image_for(network, 2)
    with pytest.raises(ValueError, match="in_channels=1"):
        network(image[:, :1])
    with pytest.raises(ValueError, match=r"weights' type torch.float32, got torch.float64"):
        network(image.double())
    with pytest.raises(ValueError, match="axes"):
        network(torch.zeros(1, 2, *[64] * (5 - len(network.divisor))))
    with pytest.raises(ValueError, match=r"image must have no empty axis, got shape \(0, "):
        network(image[:0])


@EVERY
@pytest.mark.usefixtures("unchecked")
def test_an_array_is_no_tensor(name: str) -> None:
    network = BUILDERS[name][1](2, 1)
    for wrong, found in ((image_for(network, 2).numpy(), "ndarray"), (None, "NoneType")):
        with pytest.raises(ValueError, match=f"image must be a torch tensor, got {found}; pass"):
            network(wrong)
