"""Sums over neighbours that look alike: the pairwise part of a conditional random field."""

import itertools
import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from tubekit._recorded import opaque
from tubekit.geometry.kernels.compiled import in_slabs
from tubekit.geometry.kernels.pairwise import COEFFICIENTS, similar_sums


def similar_neighbours(
    values: Float[Tensor, "b m *s"],
    image: Float[Tensor, "b c *s"],
    *,
    radius: int,
    sigma_position: float,
    sigma_intensity: float,
) -> Float[Tensor, "b m *s"]:
    """In every voxel i the sum of k_ij values_j over the other voxels j of a window.

    The weight k_ij falls off with distance and with contrast,
    exp(-|l_i - l_j|^2 / (2 sigma_position^2) - |c_i - c_j|^2 / (2 sigma_intensity^2)), and is the
    same for (j, i): the sums are their own adjoint. What lies beyond the border takes no part.

    Compiled loops on the CPU, one shift of the volume after the other elsewhere; neither keeps the
    window of a voxel in memory. The result has no gradient.

    Args:
        values: what is summed; all channels share the weights.
        image: c, any unit.
        radius: of the window in voxels, at least 1: (2 radius + 1)^d - 1 neighbours.
        sigma_position: in voxels, above 0.
        sigma_intensity: in the unit of ``image``, above 0.
    Returns:
        Sums in the type of ``values``, to 1e-6 of each weight.
    """
    return neighbour_sums(
        values.detach(), image.detach(), radius, float(sigma_position), float(sigma_intensity)
    )


@opaque(lambda values, *rest: torch.empty_like(values))
def neighbour_sums(
    values: Tensor, image: Tensor, radius: int, sigma_position: float, sigma_intensity: float
) -> Tensor:
    """``similar_neighbours`` as one step."""
    ndim = values.ndim - 2
    steps = itertools.product(range(-radius, radius + 1), repeat=ndim)
    half = [step for step in steps if step > (0,) * ndim]  # the others are the same pairs
    shifts = torch.tensor(half)
    shares = (-shifts.square().sum(1) / (2 * sigma_position**2)).exp()
    features = image.to(values.dtype) / (math.sqrt(2) * sigma_intensity)
    if values.device.type == "cpu":
        return _compiled(values, features, shifts, shares)
    return by_shifts(values, features, shifts, shares)


def by_shifts(values: Tensor, features: Tensor, shifts: Tensor, shares: Tensor) -> Tensor:
    """The plain form, with three working copies of a channel."""
    sums = torch.zeros_like(values)
    for shift, share in zip(shifts.tolist(), shares.tolist(), strict=True):
        here, there = _overlaps(shift, values.shape[2:])
        contrast = (features[here] - features[there]).square_().sum(1, keepdim=True)
        weights = contrast.neg_().exp_().mul_(share)
        sums[here] += weights * values[there]
        sums[there] += weights * values[here]
    return sums


def _overlaps(
    shift: Sequence[int], grid: Sequence[int]
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """The part of the grid that has partners at ``shift``, and these partners."""
    here, there = (
        tuple(
            slice(max(0, -step), max(0, min(size, size - step)))
            for step, size in zip((sign * s for s in shift), grid, strict=True)
        )
        for sign in (1, -1)
    )
    every = slice(None)
    return (every, every, *here), (every, every, *there)


def _compiled(values: Tensor, features: Tensor, shifts: Tensor, shares: Tensor) -> Tensor:
    if values.ndim == 4:  # (y 1 x), so that threads have an axis to share
        flat = _compiled(
            values.unsqueeze(3),
            features.unsqueeze(3),
            torch.stack([shifts[:, 0], torch.zeros_like(shifts[:, 0]), shifts[:, 1]], 1),
            shares,
        )
        return flat.squeeze(3)
    sums = torch.zeros_like(values, memory_format=torch.contiguous_format)
    constants = (
        shifts.numpy(),
        shares.to(values.dtype).numpy(),
        COEFFICIENTS.astype(sums.numpy().dtype),
    )
    for feature, value, total in zip(
        features.contiguous().numpy(), values.contiguous().numpy(), sums.numpy(), strict=True
    ):
        in_slabs(similar_sums, value.shape[1], feature, value, *constants, total)
    return sums
