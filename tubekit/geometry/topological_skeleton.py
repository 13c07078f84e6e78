"""Topological skeleton: thinning that keeps the topology and passes a gradient."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int8, Shaped
from torch import Tensor

from tubekit import _check
from tubekit._accept import Whole, whole
from tubekit._recorded import opaque, recorded, with_slope
from tubekit.geometry.kernels.peeling import peel
from tubekit.geometry.morphology import of_arrays_too
from tubekit.geometry.relaxed_binary import relaxed_binary
from tubekit.geometry.simple_points import (
    CENTRE,
    OFFSETS,
    SUBFIELDS,
    Neighbourhood,
    boolean_simple,
    euler_simple,
)

_SIMPLE: dict[str, Callable[[Neighbourhood], Any]] = {
    "boolean": boolean_simple,
    "euler": euler_simple,
}


@of_arrays_too
def topological_skeleton(
    mask_or_probs: Shaped[Tensor, "b c *s"],
    iterations: Whole,
    method: str = "boolean",
    *,
    beta: float = 0.0,
    tau: float = 1.0,
    generator: torch.Generator | None = None,
) -> Any:
    """Peel simple voxels off the object until a centre line is left.

    Each iteration visits the 8 sub-lattices of step 2 in turn and deletes the simple voxels that
    were not end points (at most one neighbour) when the iteration began. Deletion is written as
    min(object, 1 - deleted). The conditions themselves are flat, so the slope of these minima is
    the whole gradient: 0 for a voxel that is deleted, halved in each iteration for one that stays
    (both sides of the minimum are equal), halved as well for a background voxel that meets the
    conditions. Only their product is stored: memory does not grow with ``iterations``.

    On a CPU compiled loops visit only the voxels in and around the object, channels side by side;
    elsewhere tensor operations do the same to all voxels.

    Args:
        mask_or_probs: 2-D or 3-D, a tensor or an array. Boolean or integer: a mask of 0 and 1;
            floating: probabilities in [0, 1], binarised at 0.5 after the noise, with a
            straight-through gradient.
        iterations: rounds of peeling, at least the largest radius in voxels to reach the centre
            line. Every further one halves the gradient of the voxels on it.
        method: ``"boolean"`` deletes exactly the simple voxels and keeps components, tunnels and
            cavities. ``"euler"`` only asks that the Euler characteristic stays, which is
            necessary but not sufficient: it may change the topology. It needs fewer tensor
            operations; on a CPU both take about as long.
        beta: scale of the logistic noise on the log-odds, 0 or more; 0 is deterministic. The
            authors train with 0.33.
        tau: temperature of the relaxed binarisation, above 0; it acts on the gradient only.
        generator: source of the noise, on the device of the input; used when ``beta`` > 0.
    Returns:
        Skeleton, exactly 0 or 1, in the type of the probabilities (float32 for masks). Every
        channel has its own. Of an array an array.
    Raises:
        ValueError: wrong number of axes, values outside [0, 1], an unknown method, or
            ``iterations``, ``beta`` or ``tau`` out of range.

    Equation: :eq:`eq-topological-skeleton`
    Reference: Menten et al., A skeletonization algorithm for gradient-based optimization,
        ICCV 2023, section 3.

    Example:
        >>> import torch
        >>> from tubekit.geometry import topological_skeleton
        >>> bar = torch.zeros(1, 1, 5, 5)
        >>> bar[..., 1:4, :] = 1
        >>> topological_skeleton(bar, iterations=2)[0, 0, :, 2]
        tensor([0., 0., 1., 0., 0.])
    """
    iterations = whole("iterations", iterations, at_least=0)
    _check_arguments(mask_or_probs, method, beta, tau)
    if not mask_or_probs.is_floating_point():
        return _peel(mask_or_probs == 1, iterations, method, None).float()
    relaxed = relaxed_binary(mask_or_probs, beta=beta, tau=tau, generator=generator)
    if recorded():
        hard, slope = peeled_with_slope(relaxed.detach(), iterations, method).unbind(0)
        return with_slope(hard, slope, relaxed).to(mask_or_probs.dtype)
    skeleton: Tensor = _Peeled.apply(relaxed, iterations, method)
    return skeleton.to(mask_or_probs.dtype)


class _Peeled(torch.autograd.Function):
    """The hard skeleton of a relaxed mask; the gradient is that of all minima together."""

    @staticmethod
    def forward(ctx: Any, relaxed: Tensor, iterations: int, method: str) -> Tensor:
        slope = None
        if ctx.needs_input_grad[0]:
            slope = torch.ones_like(relaxed, memory_format=torch.contiguous_format)
        skeleton = _peel(relaxed > 0.5, iterations, method, slope)
        ctx.save_for_backward(slope)
        return skeleton.to(relaxed.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (slope,) = ctx.saved_tensors
        return grad * slope, None, None


@opaque(lambda relaxed, *rest: relaxed.new_empty((2, *relaxed.shape)))
def peeled_with_slope(relaxed: Tensor, iterations: int, method: str) -> Tensor:
    """Skeleton and slope as one step of a recorded program."""
    slope = torch.ones_like(relaxed, memory_format=torch.contiguous_format)
    skeleton = _peel(relaxed > 0.5, iterations, method, slope)
    return torch.stack([skeleton.to(relaxed.dtype), slope])


def _peel(
    mask: Bool[Tensor, "b c *s"],
    iterations: int,
    method: str,
    slope: Float[Tensor, "b c *s"] | None,
) -> Bool[Tensor, "b c *s"]:
    """Hard thinning; the slope of every minimum is multiplied into ``slope`` in place."""
    volume = mask.contiguous() if mask.ndim == 5 else mask.unsqueeze(2).contiguous()
    slopes = None if slope is None else slope.view(volume.shape)
    if volume.device.type == "cpu":
        peel(
            volume.flatten(0, 1).numpy(),
            None if slopes is None else slopes.flatten(0, 1).numpy(),
            iterations,
            SUBFIELDS,
            exact=method == "boolean",
        )
        return volume.view(mask.shape)
    return _peel_tensors(volume, iterations, _SIMPLE[method], slopes).reshape(mask.shape)


def _peel_tensors(
    volume: Bool[Tensor, "b c z y x"],
    iterations: int,
    is_simple: Callable[[Neighbourhood], Any],
    slopes: Float[Tensor, "b c z y x"] | None,
) -> Bool[Tensor, "b c z y x"]:
    """The same as ``peel`` with tensors on any device."""
    padded = F.pad(volume.to(torch.int8), (1,) * 6)
    image = padded[..., 1:-1, 1:-1, 1:-1]
    for _ in range(iterations):
        ends = _end_points(padded)
        before = image.sum()
        for lattice, neighbours in _lattices(padded):
            value = neighbours[CENTRE]
            deleted = (is_simple(neighbours) & ~ends[lattice]).to(torch.int8)
            if slopes is not None:
                slopes[lattice] *= 1 - 0.5 * (value + deleted)
            image[lattice] = torch.minimum(value, 1 - deleted)
        if slopes is None and image.sum() == before:
            break  # nothing was deleted, so nothing ever will be
    return image.bool()


def _end_points(padded: Int8[Tensor, "b c zp yp xp"]) -> Bool[Tensor, "b c z y x"]:
    """Voxels with at most one of 26 neighbours in the object, by three running sums of three."""
    total = padded
    for axis in (2, 3, 4):
        size = total.shape[axis] - 2
        first, second, third = (total.narrow(axis, start, size) for start in range(3))
        total = first + second + third
    return total - padded[..., 1:-1, 1:-1, 1:-1] <= 1


def _lattices(padded: Int8[Tensor, "b c zp yp xp"]) -> Iterator[tuple[Any, Neighbourhood]]:
    """Index of each sub-lattice in the volume without its frame, and views of its neighbours."""
    shape = [size - 2 for size in padded.shape[2:]]
    for starts in SUBFIELDS:
        if any(start >= size for start, size in zip(starts, shape, strict=True)):
            continue
        neighbours = {}
        for offset in (CENTRE, *OFFSETS):
            window: Any = tuple(
                slice(start + 1 + step, size + 1 + step, 2)
                for start, step, size in zip(starts, offset, shape, strict=True)
            )
            neighbours[offset] = padded[(..., *window)]
        yield (..., *(slice(start, None, 2) for start in starts)), neighbours


def _check_arguments(values: Tensor, method: str, beta: float, tau: float) -> None:
    _check.dimensions("mask_or_probs (batch, channel and 2 or 3 spatial axes)", values, (4, 5))
    _check.option("method", method, tuple(_SIMPLE))
    for name, value, valid, remedy in (
        ("beta", beta, 0 <= beta < math.inf, "0 or more, 0 for no noise"),
        ("tau", tau, 0 < tau < math.inf, "above 0, 1 unless you know better"),
    ):
        if not valid:
            raise ValueError(f"{name} must be in range, got {value}; pass a number {remedy}")
    if values.dtype != torch.bool and values.numel() and not recorded():
        low, high = values.aminmax()
        if not (low >= 0 and high <= 1):  # true for NaN as well
            raise ValueError(
                f"mask_or_probs must lie in [0, 1], got {low.item():g} to {high.item():g}; "
                "apply a sigmoid or softmax to logits, or pick one class of a label map"
            )
