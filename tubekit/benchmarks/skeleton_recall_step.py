"""What Skeleton Recall adds to a training step of the 3-D U-Net."""

import functools
from collections.abc import Iterator

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from tubekit.benchmarks.measure import Row, seconds
from tubekit.benchmarks.soft_cldice import scene
from tubekit.data import target_map
from tubekit.losses import DiceCELoss, SegmentationLoss, SkeletonRecallLoss, WeightedSum
from tubekit.networks import UNet

SIDE = 64


def rows() -> Iterator[Row]:
    """One class and 13 classes; the same network, image and label with and without the loss."""
    plain = DiceCELoss()
    with_recall = WeightedSum([DiceCELoss(), SkeletonRecallLoss()], [1.0, 1.0])
    for classes in (1, 13):
        yield Row(
            instrument="Skeleton Recall in a training step of the 3-D U-Net, "
            f"{classes} {'class' if classes == 1 else 'classes'}, {SIDE} x {SIDE} x {SIDE}",
            peer="the same step with cross-entropy and Dice alone",
            ours=functools.partial(step, with_recall, classes),
            peer_run=functools.partial(step, plain, classes),
            difference=lambda ours, theirs: (ours - theirs).abs().max().item(),
            equality="deviation of the logits, which no loss may change",
            tolerance=0.0,
            time_target=1.03,
            memory_target=1.01,
            repeats=5,
            note="Forward, loss and backward; 32, 64 and 128 features. The loader makes the tube "
            f"meanwhile, in {1000 * loader_seconds(classes):.0f} ms.",
        )


def step(loss: SegmentationLoss, classes: int) -> Float[Tensor, "b c z y x"]:
    """Forward, loss, backward; returns the logits."""
    net, target = network(classes), scene(classes, SIDE)[1]
    maps = {name: tube(classes) for name in loss.needs}
    net.zero_grad(set_to_none=True)
    logits = net(scene(1, SIDE)[0])  # any image will do
    loss(logits, target, **maps).backward()
    return logits.detach()


def loader_seconds(classes: int) -> float:
    """Time to make the tube of one label, compiled and warm."""
    tube(classes)
    return seconds(functools.partial(tube.__wrapped__, classes))


@functools.lru_cache(maxsize=2)
def tube(classes: int) -> Integer[Tensor, "1 1 z y x"]:
    """The tubed skeleton of the label, class by class."""
    target = scene(classes, SIDE)[1]
    made = target_map("tube", target[0, 0].numpy(), (1.0, 1.0, 1.0))
    return torch.from_numpy(made).to(target)[None, None]


@functools.lru_cache(maxsize=1)
def network(classes: int) -> UNet:
    torch.manual_seed(0)
    return UNet(3, 1, 1 if classes == 1 else classes + 1, features=(32, 64, 128))
