"""The topological skeleton against its authors' algorithm in differentiable tensor operations."""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from tubekit.benchmarks.measure import Row
from tubekit.geometry import topological_skeleton
from tubekit.geometry.relaxed_binary import relaxed_binary
from tubekit.geometry.simple_points import (
    BOX,
    CENTRE,
    CORNERS,
    EDGES,
    FACES,
    OFFSETS,
    RIM,
    SUBFIELDS,
    TOUCHING,
    Offset,
)
from tubekit.phantoms import vascular_phantom

Skeleton = Callable[[Tensor, int, str], Tensor]
Result = tuple[Tensor, ...]
# Voxels that must be background, voxels that must be object.
Pattern = tuple[tuple[Offset, ...], tuple[Offset, ...]]


def rows() -> Iterator[Row]:
    """Both methods on 1 and 13 classes at 64 x 64 x 64, and the worst case: noise everywhere."""
    for method in ("boolean", "euler"):
        yield _row("1 class", tree(1), 10, method, forward)
        yield _row("1 class", tree(1), 10, method, forward_and_backward)
        yield _row("13 classes", tree(13), 5, method, forward)
        yield _row("13 classes", tree(13), 5, method, forward_and_backward)
    yield _row("1 class of noise", noise(), 10, "boolean", forward_and_backward)


def authors_skeleton(
    probs: Float[Tensor, "b c z y x"], iterations: int, method: str
) -> Float[Tensor, "b c z y x"]:
    """Every step a tensor operation that autograd follows, as in the paper.

    One convolution counts, for each voxel of a sub-lattice, how far its neighbourhood is from
    each pattern of the conditions. Whole numbers become truth values by clipping to [0, 1], which
    is flat at whole numbers, so the gradient runs through the minima alone.

    Reference: Menten et al., A skeletonization algorithm for gradient-based optimization,
        ICCV 2023, section 3.
    """
    relaxed = relaxed_binary(probs, beta=0.0, tau=1.0)
    image = (relaxed > 0.5).to(relaxed.dtype) + (relaxed - relaxed.detach())
    image = image.flatten(0, 1).unsqueeze(1)
    around, bias = _kernels([(OFFSETS, ())])
    for _ in range(iterations):
        neighbours = F.conv3d(image, around, bias, padding=1)
        ends = 1 - _positive(neighbours - 1)
        for start in SUBFIELDS:
            if any(s >= size for s, size in zip(start, image.shape[2:], strict=True)):
                continue
            z, y, x = start
            simple = _simple(F.pad(image, (1,) * 6)[..., z:, y:, x:], method)
            lattice: Any = (..., *(slice(s, None, 2) for s in start))
            deleted = simple * (1 - ends[lattice])
            kept = torch.minimum(image[lattice], 1 - deleted)
            image = image.clone()
            image[lattice] = kept
    return image.reshape(probs.shape)


def _simple(window: Float[Tensor, "n 1 zp yp xp"], method: str) -> Float[Tensor, "n 1 z y x"]:
    """1 where a voxel of the sub-lattice that starts at the window's corner may go, else 0."""
    sizes, weights, bias = _conditions(method)
    distances = F.conv3d(window, weights, bias, stride=2).split(sizes, dim=1)
    cells = _found(distances[0]) - _found(distances[1]) + _found(distances[2])
    if method == "euler":
        return _positive(_one(cells) + 1 - _positive(distances[3]))
    corners, edges, pits = map(_found, distances[3:6])
    free, around, near = distances[6:]
    return _positive(
        _one(free)
        + _one(around)
        + _one(near) * (1 - _positive(corners))
        + _one(cells) * (1 - _positive(corners + edges + pits))
    )


def _found(distances: Tensor) -> Tensor:
    """How many patterns are at distance 0."""
    return (1 - _positive(distances)).sum(1, keepdim=True)


def _positive(count: Tensor) -> Tensor:
    """1 for whole numbers above 0, else 0, with slope 0."""
    return F.hardtanh(count, 0, 1)


def _one(count: Tensor) -> Tensor:
    return _positive(count) - _positive(count - 1)


@functools.cache
def _conditions(method: str) -> tuple[list[int], Tensor, Tensor]:
    """Kernels of the conditions, and how many there are of each kind."""
    cells = [[(d, *BOX.get(d, ())) for d in kind] for kind in (FACES, EDGES, CORNERS)]
    kinds: list[list[Pattern]] = [[(box, ()) for box in kind] for kind in cells]
    if method == "euler":
        kinds.append([((CENTRE,), ())])
    else:
        kinds += ([(TOUCHING[d], (d,)) for d in kind] for kind in (CORNERS, EDGES))
        kinds.append([((d,), RIM[d]) for d in FACES])
        kinds += ([((), FACES)], [(OFFSETS, ())], [(FACES + EDGES, ())])
    return [len(kind) for kind in kinds], *_kernels([pattern for kind in kinds for pattern in kind])


def _kernels(
    patterns: Sequence[Pattern],
) -> tuple[Float[Tensor, "k 1 3 3 3"], Float[Tensor, " k"]]:
    """Weights and bias that count object voxels in the first set, background in the second."""
    weights, bias = torch.zeros(len(patterns), 1, 3, 3, 3), torch.zeros(len(patterns))
    for k, (background, objects) in enumerate(patterns):
        for offsets, sign in ((background, 1.0), (objects, -1.0)):
            for z, y, x in offsets:
                weights[k, 0, z + 1, y + 1, x + 1] = sign
        bias[k] = len(objects)
    return weights, bias


def _row(
    volume: str,
    probs: Tensor,
    iterations: int,
    method: str,
    run: Callable[[Skeleton, Tensor, int, str], Result],
) -> Row:
    what = "forward" if run is forward else "forward and backward"
    return Row(
        instrument=(
            f"topological skeleton ({method}), {what}, {iterations} iterations, {volume}, "
            "64 x 64 x 64"
        ),
        peer="authors' algorithm",
        ours=lambda: run(topological_skeleton, probs, iterations, method),
        peer_run=lambda: run(authors_skeleton, probs, iterations, method),
        difference=lambda ours, theirs: max(
            (a - b).abs().max().item() for a, b in zip(ours, theirs, strict=True)
        ),
        equality="largest deviation of the skeleton and of the gradient",
        tolerance=0.0,
        time_target=1 / 10,
        memory_target=1 / 20,
        repeats=1,
        note=(
            "From probabilities that want a gradient. Our time grows with the object, the peer's "
            "with the volume."
        ),
    )


def forward(skeleton: Skeleton, probs: Tensor, iterations: int, method: str) -> Result:
    """The skeleton of probabilities that want a gradient, as in a training step."""
    return (skeleton(probs.detach().requires_grad_(), iterations, method).detach(),)


def forward_and_backward(skeleton: Skeleton, probs: Tensor, iterations: int, method: str) -> Result:
    """The skeleton, and the gradient of its sum."""
    leaf = probs.detach().requires_grad_()
    result = skeleton(leaf, iterations, method)
    (gradient,) = torch.autograd.grad(result.sum(), leaf)
    return result.detach(), gradient


@functools.lru_cache(maxsize=2)
def tree(classes: int, side: int = 64) -> Float[Tensor, "1 c z y x"]:
    """Probabilities of a network that has learned a tree; every class owns a range of slices."""
    vessels = torch.from_numpy(vascular_phantom((side,) * 3, seed=0).branch > 0)
    slices = (torch.arange(side) * classes // side).view(-1, 1, 1)
    masks = (vessels & (slices == torch.arange(classes).view(-1, 1, 1, 1)))[None].float()
    blur = torch.randn(masks.shape, generator=torch.Generator().manual_seed(0))
    return torch.sigmoid(F.avg_pool3d(10 * masks + 2 * blur, 3, 1, 1) - 3)


def noise(side: int = 64) -> Float[Tensor, "1 1 z y x"]:
    """Probabilities before any training: half of all voxels are object, none has peace."""
    return torch.rand((1, 1, side, side, side), generator=torch.Generator().manual_seed(0))
