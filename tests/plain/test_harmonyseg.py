"""HarmonySeg as its equations, against the library: values, and gradients where there are any."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tubekit import data, geometry, losses, networks, phantoms
from tubekit.losses.spatial_prior import unit_range
from tubekit.plain import harmonyseg_attention as attention
from tubekit.plain import harmonyseg_losses as terms
from tubekit.plain import harmonyseg_network as network

close = torch.testing.assert_close


def scattered(module: nn.Module) -> nn.Module:
    """Random norms too, so that a forgotten one shows."""
    for parameter in module.double().parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    return module


def noise(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64)


def same(plain: nn.Module, library: nn.Module, *inputs: Tensor) -> None:
    """The plain module takes the library's weights and gives its values and its slopes."""
    plain.double().load_state_dict(scattered(library).state_dict())
    close(plain(*inputs), library(*inputs))
    for module in (plain, library):
        result = module(*inputs)
        parts = result if isinstance(result, tuple) else (result,)
        sum((part**3).sum() for part in parts).backward()
    theirs = dict(library.named_parameters())
    for name, parameter in plain.named_parameters():
        close(parameter.grad, theirs[name].grad, msg=name)


@pytest.mark.parametrize("heads", [1, 2, 3])
def test_attention(heads):
    q, k, v = noise(2, 5, 6), noise(2, 7, 6), noise(2, 7, 6)
    close(attention.by_heads(q, k, v, heads), networks.attend(q, k, v, heads))


def test_deep_mutual_query():
    same(
        attention.DeepMutualQuery(8, 4),
        networks.DeepMutualQuery(8, 4),
        noise(2, 8, 3, 5),
        noise(2, 8, 3, 5),
    )


@pytest.mark.parametrize(("side", "window"), [(8, 1), (32, 2), (48, 3)])
def test_shallow_query(side, window):
    same(
        attention.ShallowQuery(8, 2, window),
        networks.ShallowQuery(2, 8, 2),
        noise(2, 8, side, side),
        noise(2, 8, side, side),
    )


@pytest.mark.parametrize(("inputs", "outputs", "stride"), [(3, 8, 1), (8, 8, 1), (8, 4, 2)])
def test_flexible_convolution(inputs, outputs, stride):
    same(
        network.FlexibleConv(inputs, outputs, stride),
        networks.FlexibleConv(2, inputs, outputs, stride=stride),
        noise(2, inputs, 12, 10),
    )


def test_the_whole_network():
    same(
        network.HarmonySeg((8, 8, 16), windows=(2, 1)),
        networks.HarmonySeg(2, 2, 1, features=(8, 8, 16)),
        noise(2, 2, 32, 32),
    )


MASKS = {
    "random": np.random.default_rng(0).random((9, 8, 7)) < 0.1,
    "flat": np.random.default_rng(1).random((11, 13)) < 0.2,
    "one voxel": np.eye(5, dtype=bool) & (np.arange(5) == 2),
    "more vessel than background": np.random.default_rng(2).random((6, 6)) < 0.7,
    "half": np.arange(36).reshape(6, 6) < 18,
    "full": np.ones((4, 4), bool),
}


@pytest.mark.parametrize("name", MASKS)
def test_confidence(name):
    plain = terms.confidence(MASKS[name])
    np.testing.assert_allclose(plain, data.confidence_map(MASKS[name].astype(int)), rtol=1e-6)


@pytest.mark.parametrize("name", ["random", "flat", "one voxel", "full"])
def test_relaxed_supervision(name):
    y, logits = torch.from_numpy(MASKS[name]), noise(*MASKS[name].shape).requires_grad_()
    trust = torch.from_numpy(terms.confidence(MASKS[name]))
    plain = terms.relaxed_supervision(logits.sigmoid(), y.double(), trust)
    library = losses.RelaxedSupervisionLoss()(
        logits[None, None], y.long()[None, None], confidence=trust[None, None]
    )
    close(plain, library)
    close(*(torch.autograd.grad(x, logits)[0] for x in (plain, library)))


def broken_skeleton(seed: int) -> np.ndarray:
    label = phantoms.phantom_cases("fundus", 1, seed, size=(96, 96))[0].label > 0
    rng = np.random.default_rng(seed)
    return geometry.skeletonize(
        phantoms.cut_gaps(label.astype(int), n=5, length=6.0, rng=rng).label > 0
    )


@pytest.mark.parametrize("seed", range(6))
def test_joining(seed):
    skeleton = broken_skeleton(seed)
    np.testing.assert_array_equal(terms.join(skeleton), geometry.reconnect(skeleton))


RING = np.pad(np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], bool), ((1, 1), (1, 9)))
RING[2, 8:11] = True


@pytest.mark.parametrize(
    "skeleton", [RING, np.zeros((3, 4), bool), np.eye(5, dtype=bool), np.eye(9, dtype=bool)[None]]
)
def test_joining_of_loops_of_one_piece_and_of_nothing(skeleton):
    np.testing.assert_array_equal(terms.join(skeleton), geometry.reconnect(skeleton))


@pytest.mark.parametrize("seed", range(3))
def test_reconnection(seed):
    rng = torch.Generator().manual_seed(seed)
    probs = torch.from_numpy(broken_skeleton(seed)).double() * 0.9
    probs = (probs + 0.05 * torch.rand(probs.shape, generator=rng).double()).requires_grad_()
    plain = terms.reconnection(geometry.soft_skeleton(probs[None, None], 10)[0, 0])
    library = losses.reconnection_loss(probs[None, None])
    assert plain > 0
    close(plain, library)
    close(*(torch.autograd.grad(x, probs)[0] for x in (plain, library)))


@pytest.mark.parametrize(("shape", "radius"), [((9, 12), 5), ((4, 3), 2), ((1, 7), 1)])
def test_spatial_prior(shape, radius):
    probs, image = torch.rand(shape, dtype=torch.float64), torch.rand(shape, dtype=torch.float64)
    probs.requires_grad_()
    plain = terms.spatial_prior(probs, image, radius, 0.1)
    library = losses.spatial_prior(probs[None, None], image[None, None], radius=radius)
    close(plain, library, rtol=1e-5, atol=1e-7)
    slopes = (torch.autograd.grad(x, probs)[0] for x in (plain, library))
    close(*slopes, rtol=1e-5, atol=1e-7)


def test_mix_equivalence_and_the_sum():
    masks = torch.rand(2, 1, 6, 7) < 0.3
    logits, again = noise(2, 1, 6, 7), noise(2, 1, 6, 7)
    image, alpha = torch.rand(2, 1, 6, 7, dtype=torch.float64), torch.tensor([0.3, 0.8])
    trust = torch.from_numpy(np.stack([terms.confidence(m[0].numpy()) for m in masks]))[:, None]
    weight = alpha.double().view(2, 1, 1, 1).expand(2, 1, 6, 7)
    y, probs, mixed = masks.double(), logits.sigmoid(), again.sigmoid()
    scaled = unit_range(image)
    mix = sum(
        terms.mix_equivalence(mixed[i, 0], y[i, 0], y[i - 1, 0], float(alpha[i])) / 2
        for i in range(2)
    )
    close(
        mix,
        losses.MixEquivalenceLoss()(logits, masks.long(), mixed_logits=again, mix_weight=weight),
    )
    relaxed = sum(
        terms.relaxed_supervision(probs[i, 0], y[i, 0], trust[i, 0]) / 2 for i in range(2)
    )
    soft = geometry.soft_skeleton(probs, 10)
    joined = sum(terms.reconnection(s[0]) / 2 for s in soft)
    prior = sum(terms.spatial_prior(probs[i, 0], scaled[i, 0], 5, 0.1) / 2 for i in range(2))
    library = losses.GrowthSuppressionLoss(suppression=0.7)(
        logits,
        masks.long(),
        confidence=trust,
        image=image,
        mixed_logits=again,
        mix_weight=weight,
    )
    plain = terms.growth_suppression(relaxed, joined, prior, mix, 0.7)
    close(plain, library, rtol=1e-5, atol=1e-6)
