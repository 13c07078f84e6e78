"""What it is worth to lay volumes with their channels last, as ``fit(channels_last=True)`` does."""

import functools
from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from tubekit.benchmarks.measure import Row
from tubekit.losses import DiceCELoss
from tubekit.networks import UNet
from tubekit.training.processors import lay_channels_last, with_channels_last

SIZE = (2, 1, 32, 48, 48)


def rows() -> Iterator[Row]:
    """One training step of the 3-D U-Net in both layouts; pictures gain nothing and keep theirs."""
    yield Row(
        instrument="Training step of the 3-D U-Net, channels last, 2 x 32 x 48 x 48",
        peer="the same step in torch's ordinary layout",
        ours=functools.partial(step, True),
        peer_run=functools.partial(step, False),
        difference=lambda ours, theirs: (ours - theirs).abs().max().item(),
        equality="deviation of the logits",
        tolerance=1e-4,
        time_target=None,
        repeats=5,
        note="Forward, loss and backward; 32, 64 and 128 features. It may gain or lose, so "
        "nothing is asked; the ordinary layout is the default, and records keep it.",
    )


def step(channels_last: bool) -> Float[Tensor, "b c z y x"]:
    """Forward, loss, backward; returns the logits."""
    net, (image, target) = network(channels_last), batch()
    net.zero_grad(set_to_none=True)
    logits = net(with_channels_last(image) if channels_last else image)
    DiceCELoss()(logits, target).backward()
    return logits.detach()


@functools.lru_cache(maxsize=2)
def network(channels_last: bool) -> UNet:
    torch.manual_seed(0)
    net = UNet(3, 1, 2, features=(32, 64, 128))
    if channels_last:
        lay_channels_last(net)
    return net


@functools.lru_cache(maxsize=1)
def batch() -> tuple[Tensor, Tensor]:
    image = torch.randn(SIZE, generator=torch.Generator().manual_seed(0))
    return image, (image > 1).long()
