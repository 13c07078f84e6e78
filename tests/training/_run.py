"""A tiny training that several processes can repeat: network, loss, batches, settings."""

import sys
import time
from pathlib import Path

import torch
from torch import Tensor, nn

from tubekit.training import FitResult, Supervised, adamw, deterministic, fit
from tubekit.types import SegOutput, Spec

STEPS = 40


def batches(step: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(step)
    image = torch.randn(2, 1, 8, 8, generator=generator)
    return {"image": image, "target": (image > 0.3).long()}


def network() -> nn.Module:
    with deterministic(3):
        return nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Dropout(0.3),  # witnesses the random state
            nn.Conv2d(4, 1, 3, padding=1),
        )


class Plain(nn.Module):
    """No batch norm, no dropout: the number of devices must not matter.

    The loss does not read the head of its deep output, so that head never gets a gradient.
    """

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU())
        self.fine, self.coarse = nn.Conv2d(4, 1, 1), nn.Conv2d(4, 1, 1)

    def forward(self, image: Tensor) -> SegOutput:
        x = self.trunk(image)
        return SegOutput(self.fine(x), (self.coarse(x[..., ::2, ::2]),))


def plain() -> nn.Module:
    with deterministic(3):
        return Plain()


class Loss(nn.Module):
    needs = ()

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        return nn.functional.binary_cross_entropy_with_logits(logits, target.float())


def plainly(net: nn.Module, loss: nn.Module | None = None, **options: object) -> Supervised:
    return Supervised(net, loss or Loss(), **options)


def validate(net: nn.Module) -> float:
    batch = batches(10_000)
    return -float(Loss()(net(batch["image"]), batch["target"]))


def train(
    net: nn.Module, checkpoint: Path | None, pause: float = 0.0, hang_at: int = -1, **more: object
) -> FitResult:
    def paused(step: int) -> dict[str, Tensor]:
        time.sleep(3600 if step == hang_at else pause)
        return batches(step)

    arguments = {
        "steps": STEPS,
        "checkpoint": checkpoint,
        "checkpoint_every": 7,
        "validate": lambda: validate(net),
        "validate_every": 5,
    }
    optimizer = more.pop("optimizer", Spec(adamw, lr=0.01))
    return fit(Supervised(net, Loss(), optimizer), paused, **(arguments | more))


if __name__ == "__main__":
    # python _run.py CHECKPOINT [DEVICES]: train until killed; or on several devices
    if len(sys.argv) == 2:
        train(network(), Path(sys.argv[1]), pause=0.02, hang_at=30)
    else:
        train(plain(), Path(sys.argv[1]), devices=int(sys.argv[2]), steps=4, validate=None)
