"""Growth-suppression balance with its gradient, against its equations in plain torch."""

import functools
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from tubekit.benchmarks.measure import Row
from tubekit.benchmarks.soft_cldice import authors_skeleton, deviation
from tubekit.data.confidence import confidence_map
from tubekit.geometry import reconnect
from tubekit.losses import GrowthSuppressionLoss, spatial_prior
from tubekit.phantoms import vascular_phantom

SIDE = 96
RADIUS, SIGMA_INTENSITY = 2, 0.1
Result = tuple[float, Tensor]


def rows() -> Iterator[Row]:
    """Both forms of the spatial prior, and the whole loss, on a patch of 96 x 96 x 96."""
    volume = f"forward and backward, {SIDE} x {SIDE} x {SIDE}"
    for form in ("printed", "potts"):
        yield _row(
            f"Spatial prior ({form}) {volume}, window 5 x 5 x 5",
            "unfolded windows",
            functools.partial(_prior, functools.partial(spatial_prior, form=form)),
            functools.partial(_prior, functools.partial(unfolded_prior, form=form)),
            note="The peer lays out the 125 neighbours of every voxel, autograd does the rest.",
        )
    yield _row(
        f"Growth-suppression loss {volume}, reconnection included",
        "its equations in plain torch",
        functools.partial(_whole, GrowthSuppressionLoss()),
        functools.partial(_whole, plain_loss),
        note="Asked for: at most 1 s on two cores. The paper gives 2.43 s a batch on an A100, of a "
        "size it does not state. Gaps are joined by the same function on both sides.",
    )


def unfolded_prior(
    probs: Float[Tensor, "1 1 z y x"], image: Float[Tensor, "1 1 z y x"], *, form: str = "printed"
) -> Float[Tensor, ""]:
    """Equation 7 with a tensor of all windows."""
    step = torch.arange(-RADIUS, RADIUS + 1.0)
    far = torch.stack(torch.meshgrid(step, step, step, indexing="ij")).square().sum(0)
    similar = (-far / (2 * RADIUS**2)).exp().flatten()
    similar[len(similar) // 2] = 0  # a voxel is no neighbour of its own
    apart = _windows(image) - image[..., None]
    weights = (-apart.square() / (2 * SIGMA_INTENSITY**2)).exp()
    weights = weights * similar * _windows(torch.ones_like(image))
    there = _windows(probs) if form == "printed" else 1 - _windows(probs)
    return (weights * probs[..., None] * there).sum() / (probs.numel() * (len(similar) - 1))


def plain_loss(logits: Tensor, target: Tensor, **maps: Tensor) -> Float[Tensor, ""]:
    """Equations 4 to 9, term by term."""
    probs, masks = logits.sigmoid(), target.to(logits.dtype)
    sizes = masks.sum() + (probs * maps["confidence"]).sum()
    relaxed = 1 - (2 * (probs * masks).sum() + 1e-5) / (sizes + 1e-5)
    relaxed = relaxed - (masks * F.logsigmoid(logits)).sum() / masks.numel()
    skeleton = authors_skeleton(probs, 10)
    joined = torch.from_numpy(reconnect(skeleton[0, 0].detach().numpy() >= 0.5))
    reconnection = -skeleton[0, 0].clamp(min=1e-6).log()[joined].sum() / joined.numel()
    low, high = maps["image"].aminmax()
    prior = unfolded_prior(probs, (maps["image"] - low) / (high - low))
    cosine = F.cosine_similarity(maps["mixed_logits"].sigmoid().flatten(), masks.flatten(), dim=0)
    return relaxed + reconnection + prior - cosine


def _windows(volume: Tensor) -> Tensor:
    padded = F.pad(volume, (RADIUS,) * 6)
    for axis in (2, 3, 4):
        padded = padded.unfold(axis, 2 * RADIUS + 1, 1)
    return padded.flatten(-3)


def _row(
    instrument: str,
    peer: str,
    ours: Callable[[], Result],
    theirs: Callable[[], Result],
    *,
    note: str,
) -> Row:
    return Row(
        instrument=instrument,
        peer=peer,
        ours=ours,
        peer_run=theirs,
        difference=deviation,
        equality="deviation of the loss, and of the gradient as a share of its largest value",
        tolerance=1e-5,
        time_target=1 / 4,
        memory_target=1 / 4,
        repeats=1,
        note=note,
    )


def _prior(prior: Callable[[Tensor, Tensor], Tensor]) -> Result:
    logits, _, maps = scene()
    return _value_and_gradient(lambda x: prior(x.sigmoid(), maps["image"]), logits)


def _whole(loss: Callable[..., Tensor]) -> Result:
    logits, target, maps = scene()
    # The mixture of one sample is the sample: its logits hang on the same leaf.
    return _value_and_gradient(lambda x: loss(x, target, **maps | {"mixed_logits": x}), logits)


def _value_and_gradient(value_of: Callable[[Tensor], Tensor], logits: Tensor) -> Result:
    leaf = logits.clone().requires_grad_()
    value = value_of(leaf)
    (gradient,) = torch.autograd.grad(value, leaf)
    return value.item(), gradient


@functools.lru_cache(maxsize=1)
def scene() -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Logits that lean towards a tree, its label, and an image in [0, 1] with noise."""
    tree = torch.from_numpy(vascular_phantom((SIDE,) * 3, seed=0).branch > 0)[None, None]
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn((2, *tree.shape[1:]), generator=generator)
    logits = 6 * F.avg_pool3d(tree + 0.5 * noise[:1], 3, 1, 1) - 2
    image = tree + 0.3 * noise[1:]
    low, high = image.aminmax()
    return (
        logits,
        tree.long(),
        {
            "confidence": torch.from_numpy(confidence_map(tree[0, 0].long().numpy()))[None, None],
            "image": (image - low) / (high - low),
            "mix_weight": torch.full((1, 1, 1, 1, 1), 0.5).expand(1, 1, SIDE, SIDE, SIDE),
        },
    )
