"""Hausdorff and boundary loss with their gradients, against MONAI."""

import functools
from collections.abc import Callable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float32, Integer
from torch import Tensor

from tubekit._extras import extra
from tubekit.benchmarks.measure import Row
from tubekit.geometry import signed_distance
from tubekit.losses import BoundaryLoss, HausdorffDTLoss
from tubekit.phantoms import vascular_phantom

with extra("test", __name__):
    from monai.losses import BoundaryLoss as MonaiBoundary
    from monai.losses import HausdorffDTLoss as MonaiHausdorff

Loss = Callable[[Tensor, Tensor], Tensor]
Result = tuple[float, Tensor]


def rows() -> Iterator[Row]:
    """Both losses at 128 x 128 x 128, the Hausdorff loss also with 13 classes at 64 x 64 x 64."""
    volume = "loss forward and backward, 1 class, 128 x 128 x 128"
    yield loss_row(f"Hausdorff {volume}", HausdorffDTLoss(), monai_hausdorff, 1, 128)
    yield loss_row(
        f"Boundary {volume}",
        boundary_with_its_map,
        MonaiBoundary(sigmoid=True, include_background=True),
        1,
        128,
        note="the signed distance map is made on both sides in every call",
    )
    several = MonaiHausdorff(softmax=True, to_onehot_y=True, include_background=False)
    volume = "loss forward and backward, 13 classes, 64 x 64 x 64"
    yield loss_row(f"Hausdorff {volume}", HausdorffDTLoss(), several, 13, 64)


def boundary_with_its_map(
    logits: Float32[Tensor, "b 1 *s"], target: Integer[Tensor, "b 1 *s"]
) -> Tensor:
    """The map would come from the loader; the peer makes it in its forward pass."""
    fields = np.stack([signed_distance(label) for label in target[:, 0].bool().numpy()])
    return BoundaryLoss()(logits, target, signed_distance=torch.from_numpy(fields)[:, None])


def monai_hausdorff(logits: Float32[Tensor, "b 1 *s"], target: Integer[Tensor, "b 1 *s"]) -> Tensor:
    """With a target of whole numbers the peer would cut its distances to whole numbers too."""
    loss = MonaiHausdorff(sigmoid=True, include_background=True)
    value: Tensor = loss(logits, target.float())
    return value


def largest_relative_difference(ours: Result, theirs: Result) -> float:
    """Of the value, or of the gradient relative to its largest entry, whichever is larger."""
    value = abs(ours[0] - theirs[0]) / abs(theirs[0])
    gradient = float((ours[1] - theirs[1]).abs().max() / theirs[1].abs().max())
    return max(value, gradient)


def loss_row(
    instrument: str,
    ours: Loss,
    theirs: Loss,
    classes: int,
    side: int,
    *,
    time_target: float = 1 / 3,
    note: str = "",
) -> Row:
    logits, target = _prediction(classes, side)
    return Row(
        instrument=instrument,
        peer="MONAI 1.6",
        ours=functools.partial(_value_and_gradient, ours, logits, target),
        peer_run=functools.partial(_value_and_gradient, theirs, logits, target),
        difference=largest_relative_difference,
        equality="largest relative difference of value and gradient",
        tolerance=1e-4,
        time_target=time_target,
        repeats=3,
        note=note,
    )


@functools.lru_cache(maxsize=2)
def _prediction(classes: int, side: int) -> tuple[Tensor, Tensor]:
    """Logits that lean towards a smooth copy of a tree, and its label: classes by depth."""
    vessels = torch.from_numpy(vascular_phantom((side,) * 3, seed=0).branch > 0)
    target = (vessels * (torch.arange(side) * classes // side + 1).view(-1, 1, 1))[None, None]
    shown = torch.arange(1, 2) if classes == 1 else torch.arange(classes + 1)
    masks = (target == shown.view(1, -1, 1, 1, 1)).float()
    noise = torch.randn(masks.shape, generator=torch.Generator().manual_seed(0))
    return 6 * F.avg_pool3d(masks + 0.5 * noise, 3, 1, 1) - 2, target


def _value_and_gradient(loss: Loss, logits: Tensor, target: Tensor) -> Result:
    leaf = logits.clone().requires_grad_()
    value = loss(leaf, target)
    (gradient,) = torch.autograd.grad(value, leaf)
    return value.item(), gradient
