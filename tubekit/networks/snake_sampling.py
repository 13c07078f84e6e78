"""Two ways to one snake convolution: tap by tap on any device, and compiled on the processor."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import checkpoint

from tubekit._recorded import recorded
from tubekit.networks.snake_kernels import gather, scatter

CHUNK = 1 << 19
"""Samples held at a time: 2 MB in float32, so that they stay in the processor's cache."""


def runs_compiled(features: Tensor) -> bool:
    """Whether the loops of ``CompiledSnake`` may run: no tracer sees into them."""
    return features.device.type == "cpu" and not recorded()


def snake_conv_by_taps(
    features: Float[Tensor, "b c *s"],
    curve: Float[Tensor, "b m k *s"],
    weight: Float[Tensor, "o i t"],
    axis: int,
) -> Float[Tensor, "b o *s"]:
    """``snake_conv`` in tensor operations, on any device: one tap after the other.

    The samples of one tap are alive at a time; the backward pass makes them anew.
    """
    taps = weight.shape[2]
    out = features.new_zeros((len(features), len(weight), *features.shape[2:]))
    for tap in range(taps):
        part = (features, curve[:, :, tap], weight[:, :, tap], axis, tap - taps // 2)
        out = out + checkpoint(_tap, *part, use_reentrant=False, preserve_rng_state=False)
    return out


def _tap(features: Tensor, deviation: Tensor, weight: Tensor, axis: int, step: int) -> Tensor:
    """What the tap that lies ``step`` voxels along ``axis`` adds."""
    size = features.shape[2:]
    grid = torch.meshgrid(*(torch.arange(n, device=deviation.device) for n in size), indexing="ij")
    places = [g.to(deviation).expand(len(features), *size) for g in grid]
    places[axis] = places[axis] + step
    for i, other in enumerate(i for i in range(len(size)) if i != axis):
        places[other] = places[other] + deviation[:, i]
    # grid_sample counts from -1 to 1 between the outer edges of the image, last axis first.
    scaled = [(2 * x + 1) / n - 1 for x, n in zip(places, size, strict=True)]
    points = torch.stack(scaled[::-1], -1)
    sampled = F.grid_sample(features, points, padding_mode="zeros", align_corners=False)
    return torch.einsum("bc...,oc->bo...", sampled, weight)


class CompiledSnake(torch.autograd.Function):
    """Samples of a few rows, then one matrix product; the backward pass samples anew.

    The channels come last, so that a neighbour is one run of memory, and the rows along the
    snake's axis first (``snake_kernels``). The loops run in the caller's thread: they alternate
    with matrix products, whose threads keep the other cores busy for a while after each of them.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor, curve: Tensor, weight: Tensor, axis: int) -> Tensor:
        rows, bends = _rows(features, axis), _rows(curve.flatten(1, 2), axis)
        ctx.save_for_backward(features, bends, weight)
        ctx.axis = axis
        matrix = weight.permute(2, 1, 0).flatten(0, 1)
        out = rows.new_empty((*rows.shape[:3], len(weight)))
        for first, count, columns in _chunks(rows, weight):
            _gather(rows, bends, features.shape[2 + axis], first, count, columns)
            torch.mm(columns, matrix, out=out[first : first + count].flatten(0, 2))
        return _image(out, features.shape, axis)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        features, bends, weight = ctx.saved_tensors
        period = features.shape[2 + ctx.axis]
        rows, gradient = _rows(features, ctx.axis), _rows(gradient, ctx.axis)
        matrix = weight.permute(2, 1, 0).flatten(0, 1)
        to_rows, to_bends = torch.zeros_like(rows), torch.zeros_like(bends)
        to_matrix = torch.zeros_like(matrix)
        for first, count, columns in _chunks(rows, weight):
            here = gradient[first : first + count].flatten(0, 2)
            _gather(rows, bends, period, first, count, columns)
            to_matrix.addmm_(columns.T, here)
            torch.mm(here, matrix.T, out=columns)
            _scatter(rows, bends, period, first, count, columns, to_rows, to_bends)
        return (
            _image(to_rows, features.shape, ctx.axis),
            _image(to_bends, features.shape, ctx.axis).unflatten(1, (-1, weight.shape[2])),
            to_matrix.unflatten(0, (weight.shape[2], -1)).permute(2, 1, 0),
            None,
        )


def _rows(image: Float[Tensor, "b c *s"], axis: int) -> Float[Tensor, "r p q c"]:
    """Samples and ``axis`` first, the other axes, channels last; an image gets q = 1."""
    moved = image.movedim(2 + axis, 1).movedim(2, -1).flatten(0, 1)
    return (moved.unsqueeze(2) if moved.ndim == 3 else moved).contiguous()


def _image(
    rows: Float[Tensor, "r p q c"], shape: Sequence[int], axis: int
) -> Float[Tensor, "b c *s"]:
    """Inverse of ``_rows`` for images whose samples and grid are those of ``shape``."""
    moved = rows.unflatten(0, (shape[0], shape[2 + axis]))
    moved = moved.squeeze(3) if len(shape) == 4 else moved
    return moved.movedim(-1, 1).movedim(2, 2 + axis).contiguous()


def _chunks(rows: Tensor, weight: Tensor) -> Iterator[tuple[int, int, Tensor]]:
    """First row, number of rows, and room (n, k * c) for the samples of their voxels."""
    length, voxels = weight.shape[1] * weight.shape[2], math.prod(rows.shape[1:3])
    count = max(min(CHUNK // (length * voxels), len(rows)), 1)
    room = rows.new_empty((count * voxels, length))
    for first in range(0, len(rows), count):
        here = min(count, len(rows) - first)
        yield first, here, room[: here * voxels]


def _gather(
    rows: Tensor, bends: Tensor, period: int, first: int, count: int, columns: Tensor
) -> None:
    taps = columns.shape[1] // rows.shape[3]
    arrays = (rows.detach().numpy(), _by_axis(bends, taps))
    out = columns.view(len(columns), taps, -1).numpy()
    gather(count, *arrays, period, first, out)


def _scatter(
    rows: Tensor,
    bends: Tensor,
    period: int,
    first: int,
    count: int,
    columns: Tensor,
    to_rows: Tensor,
    to_bends: Tensor,
) -> None:
    taps = columns.shape[1] // rows.shape[3]
    arrays = (rows.detach().numpy(), _by_axis(bends, taps))
    lowest, beyond = max(first - taps // 2, 0), min(first + count + taps // 2, len(rows))
    gradients = columns.view(len(columns), taps, -1).numpy()
    results = (to_rows.numpy(), _by_axis(to_bends, taps))
    scatter(*arrays, period, first, gradients, lowest, beyond, *results)


def _by_axis(bends: Tensor, taps: int) -> np.ndarray:
    """(r p q m*k) as an array (r p q m k)."""
    array: np.ndarray = bends.detach().unflatten(3, (-1, taps)).numpy()
    return array
