"""The naive network, rate, patches and loop against the library's."""

import numpy as np
import pytest
import torch

from tubekit import losses, networks
from tubekit import training as library
from tubekit.data import PatchSampler
from tubekit.plain import training, unet
from tubekit.plain.losses import binary_cross_entropy, soft_dice
from tubekit.types import Case, Spec


def twins() -> tuple[torch.nn.Module, torch.nn.Module]:
    """The library's network and the naive one with the same weights."""
    torch.manual_seed(0)
    ours, naive = networks.UNet(2, 1, 1, features=(4, 6, 8)), unet.UNet(1, 1, (4, 6, 8))
    named = zip(naive.state_dict(), ours.state_dict().values(), strict=True)
    naive.load_state_dict(dict(named))
    return ours, naive


def test_unet():
    ours, naive = twins()
    image = torch.randn(2, 1, 16, 24)
    assert torch.equal(ours(image), naive(image))


def test_poly():
    for steps in (1, 7, 1000):
        for step in {0, steps // 2, steps - 1, steps}:
            assert training.poly(step, steps) == library.poly(step, steps)


def batches(index: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(index)
    image = torch.rand(2, 1, 16, 16, generator=generator)
    return {"image": image, "target": (image > 0.5).long()}


def test_the_loop():
    """Five steps, then the same answer; biases before a normalisation only move by rounding."""
    ours, naive = twins()
    adam = Spec(library.adamw, lr=1e-2)
    library.fit(library.Supervised(ours, losses.DiceCELoss(), adam), batches, steps=5)

    def loss(logits: torch.Tensor, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        probs, masks = logits.sigmoid(), batch["target"].float()
        return binary_cross_entropy(logits, masks) + 1 - soft_dice(probs, masks).mean()

    optimizer = torch.optim.AdamW(naive.parameters(), lr=1e-2)
    training.train(naive, loss, batches, optimizer, 5)
    assert not naive.training
    image = batches(99)["image"]
    torch.testing.assert_close(ours(image), naive(image), rtol=1e-3, atol=1e-4)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(1e-2 * library.poly(4, 5))


def test_patches_lie_in_the_image_and_look_at_the_foreground():
    """Image and label are cut together, and the vessel is met as often as by the library."""
    image = np.random.default_rng(0).normal(size=(1, 40, 40)).astype(np.float32)
    label = np.zeros((40, 40), int)
    label[5, 5] = 1
    image[0, 5, 5] = 50
    rng = np.random.default_rng(1)
    drawn = [training.draw_patch(image, label, 8, rng) for _ in range(600)]
    for patch, truth in drawn:
        assert patch.shape == (1, 8, 8)
        assert truth.shape == (8, 8)
        assert np.array_equal(patch[0] == 50, truth == 1)
    naive = np.mean([truth.any() for _, truth in drawn])
    sampler = PatchSampler([Case("a", image, label, (1.0, 1.0))], 8, 100, maps=(), augment=False)
    met = [sampler.batch(step)["target"].flatten(1).any(1) for step in range(6)]
    assert naive == pytest.approx(torch.cat(met).float().mean().item(), abs=0.08)
    training.draw_patch(image, np.zeros((40, 40), int), 40, rng)
