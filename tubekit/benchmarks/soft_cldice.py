"""Soft clDice with its gradient, against its authors' algorithm and MONAI."""

import functools
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from jaxtyping import Float, Integer
from torch import Tensor

from tubekit._extras import extra
from tubekit.benchmarks.measure import Row
from tubekit.losses import SoftClDiceLoss
from tubekit.phantoms import vascular_phantom

with extra("test", __name__):
    from monai.losses import SoftclDiceLoss as MonaiLoss

ITERATIONS = 10

Loss = Callable[[Tensor, Tensor], Tensor]
Result = tuple[float, Tensor]


def rows() -> Iterator[Row]:
    """One class at 128 x 128 x 128 against both peers, 13 classes at 64 x 64 x 64 against MONAI."""
    ours = SoftClDiceLoss(iterations=ITERATIONS)
    # One sample, so that MONAI's sums per sample are sums over the batch; its extra constant in
    # the harmonic mean is switched off.
    binary = MonaiLoss(iter_=ITERATIONS, sigmoid=True, smooth=1e-12)
    several = MonaiLoss(
        iter_=ITERATIONS, softmax=True, to_onehot_y=True, include_background=False, smooth=1e-12
    )
    volume = "soft clDice forward and backward, 10 iterations, 1 class, 128 x 128 x 128"
    yield _row(volume, "authors' algorithm", ours, authors_loss, 1, 128)
    yield _row(volume, "MONAI 1.6", ours, binary, 1, 128)
    volume = "soft clDice forward and backward, 10 iterations, 13 classes, 64 x 64 x 64"
    yield _row(volume, "MONAI 1.6", ours, several, 13, 64)


def authors_soft_cldice(
    probs: Float[Tensor, "b k *s"],
    masks: Float[Tensor, "b k *s"],
    *,
    iterations: int = ITERATIONS,
    smooth: float = 1.0,
) -> Float[Tensor, ""]:
    """1 - soft clDice step by step as its authors released it, sums over the whole batch.

    Every opening erodes again what the next step erodes anyway, and the label's skeleton is made
    with the same care for gradients as the prediction's.

    Reference: Shit et al., clDice, CVPR 2021, algorithms 1 and 2 and the released code.
    """
    found, true = authors_skeleton(probs, iterations), authors_skeleton(masks, iterations)
    precision = ((found * masks).sum() + smooth) / (found.sum() + smooth)
    sensitivity = ((true * probs).sum() + smooth) / (true.sum() + smooth)
    return 1 - 2 * precision * sensitivity / (precision + sensitivity)


def authors_skeleton(probs: Float[Tensor, "b k *s"], iterations: int) -> Float[Tensor, "b k *s"]:
    """Soft skeleton in the released order of steps."""
    image = probs
    skeleton = F.relu(image - _dilate(_erode(image)))
    for _ in range(iterations):
        image = _erode(image)
        residue = F.relu(image - _dilate(_erode(image)))
        skeleton = skeleton + F.relu(residue - skeleton * residue)
    return skeleton


def authors_loss(logits: Float[Tensor, "b 1 *s"], target: Integer[Tensor, "b 1 *s"]) -> Tensor:
    """Their loss on one logit channel."""
    return authors_soft_cldice(logits.sigmoid(), target.to(logits.dtype))


def _erode(image: Tensor) -> Tensor:
    ndim = image.ndim - 2
    pool = F.max_pool2d if ndim == 2 else F.max_pool3d
    lines = []
    for axis in range(ndim):
        window = tuple(3 if i == axis else 1 for i in range(ndim))
        lines.append(-pool(-image, window, 1, tuple(size // 2 for size in window)))
    return functools.reduce(torch.min, lines)


def _dilate(image: Tensor) -> Tensor:
    pool = F.max_pool2d if image.ndim == 4 else F.max_pool3d
    return pool(image, 3, 1, 1)


def _row(instrument: str, peer: str, ours: Loss, theirs: Loss, classes: int, side: int) -> Row:
    return Row(
        instrument=instrument,
        peer=peer,
        ours=lambda: value_and_gradient(ours, *scene(classes, side)),
        peer_run=lambda: value_and_gradient(theirs, *scene(classes, side)),
        difference=deviation,
        equality="deviation of the loss, and of the gradient as a share of its largest value",
        tolerance=1e-5,
        time_target=1 / 10,
        memory_target=1 / 10,
        repeats=3,
        note="From logits to their gradient, sigmoid or softmax and one-hot masks included.",
    )


@functools.lru_cache(maxsize=2)
def scene(
    classes: int, side: int
) -> tuple[Float[Tensor, "1 c z y x"], Integer[Tensor, "1 1 z y x"]]:
    """Noisy logits of a tree, and its label: every class owns a range of slices."""
    vessels = torch.from_numpy(vascular_phantom((side,) * 3, seed=0).branch > 0)
    slices = torch.arange(side) * classes // side + 1
    target = (vessels * slices)[None, None]
    channels = 1 if classes == 1 else classes + 1
    shown = torch.arange(1, 2) if classes == 1 else torch.arange(channels)
    masks = (target == shown.view(1, -1, 1, 1, 1)).float()
    noise = torch.randn(masks.shape, generator=torch.Generator().manual_seed(0))
    # Blurred, so that the probabilities fall off towards the walls as a network's do.
    return F.avg_pool3d(8 * masks + noise, 3, 1, 1) - 4, target


def value_and_gradient(loss: Loss, logits: Tensor, target: Tensor) -> Result:
    """Loss, and its gradient with respect to the logits."""
    leaf = logits.detach().requires_grad_()
    value = loss(leaf, target)
    (gradient,) = torch.autograd.grad(value, leaf)
    return value.item(), gradient


def deviation(ours: Result, theirs: Result) -> float:
    gap = (ours[1] - theirs[1]).abs().max() / theirs[1].abs().max()
    return max(abs(ours[0] - theirs[0]), gap.item())
