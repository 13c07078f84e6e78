"""The contract of every exported network, and checks that the contract can fail."""

from itertools import pairwise, product

import pytest
import torch
from torch import Tensor, nn

from tests.networks.builders import BUILDERS, EVERY, LAYERS, added, image_for, outputs
from tubekit import networks
from tubekit.networks import UNet
from tubekit.types import SegOutput


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
        for step in (1e-10, -2e-10):  # so small that no ReLU changes its side
            for p, d in zip(parameters, directions, strict=True):
                p += step * d
            ends.append(float(value()))
    assert (ends[0] - ends[1]) / 2e-10 == pytest.approx(slope, rel=1e-4)


@EVERY
def test_image_moves_the_logits_everywhere(name: str) -> None:
    network = BUILDERS[name][1](1, 2).eval()
    image = image_for(network, 1)
    results = zip(outputs(network(image)), outputs(network(image.flip(-1))), strict=True)
    assert all((a - b).abs().flatten(2).amax(2).min() > 1e-4 for a, b in results)


@EVERY
def test_evaluation_is_deterministic_and_per_sample(name: str) -> None:
    network = BUILDERS[name][1](1, 2).double().eval()
    image = image_for(network, 1).double()
    both = outputs(network(image))[0]
    assert torch.equal(both, outputs(network(image))[0])
    torch.testing.assert_close(outputs(network(image[:1]))[0], both[:1], rtol=1e-8, atol=1e-10)


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
