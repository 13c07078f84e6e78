"""Read and prepare all images, and try everything that a training could stumble over."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from tubekit import _check
from tubekit.data import PatchSampler
from tubekit.own.choices import LOSSES
from tubekit.own.folder import Entry
from tubekit.own.images import read_cases, survey
from tubekit.own.model import Model, new_network
from tubekit.own.preparation import Preparation
from tubekit.own.settings import Settings
from tubekit.training import deterministic
from tubekit.training.objective import as_objective
from tubekit.training.update import Progress
from tubekit.types import Case

PATCH = {2: 256, 3: 96}
BATCH = {2: 4, 3: 2}
# Scales of the vesselness in voxels of the finest prepared image: radii of thin tubes.
SIGMAS = (1.0, 2.0, 3.0, 4.0)


@dataclasses.dataclass(frozen=True)
class Ready:
    """Everything that the first step of a training needs."""

    model: Model
    loss: nn.Module
    sampler: PatchSampler
    validation: list[Case]


def prepare(
    chosen: Sequence[Entry], held_back: Sequence[Entry], settings: Settings, device: str
) -> Ready:
    """Read and prepare everything, and do one step without consequences.

    Raises:
        ValueError: whatever training would stumble over.
    """
    entries = [*chosen, *held_back]
    values, shapes, spacings = survey(entries)
    ndim = len(shapes[0]) - 1
    finest = min(min(spacing or (1.0,)) for spacing in spacings)
    voxel = min(settings.spacing or (finest / settings.scale,))
    preparation = Preparation(
        dimensions=ndim,
        channels=shapes[0][0],
        window=settings.window,
        spacing=settings.spacing,
        scale=settings.scale,
        vesselness=settings.vesselness,
        sigmas_mm=tuple(s * voxel for s in SIGMAS) if settings.vesselness else (),
    )
    for entry, shape, spacing in zip(entries, shapes, spacings, strict=True):
        with _check.about(str(entry.image)):
            preparation.check(shape, spacing)
    cases = []
    for entry, case in zip(chosen, read_cases(chosen, values), strict=True):
        with _check.about(str(entry.image)):
            cases.append(preparation.apply(case))
    seen = {int(k) for case in cases if case.label is not None for k in np.unique(case.label)}
    if unseen := [values[k] for k in range(len(values)) if k not in seen]:
        raise ValueError(
            f"expected every label value in the images to train on, found {unseen} in none of "
            "them; choose another seed, a larger scale, or add images"
        )
    with deterministic(settings.seed):
        network = new_network(settings.network, settings.width, preparation, len(values))
    patch = _patch(settings.patch, [case.image.shape[1:] for case in cases], network)
    loss = LOSSES[settings.loss]()
    sampler = PatchSampler(
        cases,
        patch,
        settings.batch or BATCH[ndim],
        maps=loss.needs,
        mirror_axes=None if settings.mirror else (),
        when="case",
        seed=settings.seed,
    )
    batch = {name: array.to(device) for name, array in sampler.batch(0).items()}
    with torch.no_grad():  # in eval mode, so that no running mean moves
        network.to(device).eval()
        as_objective(loss).to(device)(network(batch["image"]), batch, Progress(0, 1), network)
    model = Model(network, preparation, patch, values, device)
    return Ready(model, loss, sampler, list(read_cases(held_back, values)))


def _patch(
    wanted: int | tuple[int, ...] | None, shapes: Sequence[tuple[int, ...]], network: nn.Module
) -> tuple[int, ...]:
    """The wanted patch if it fits the network, or one that does and is not larger than needed."""
    ndim = len(shapes[0])
    divisor: tuple[int, ...] = network.divisor  # type: ignore[assignment]
    if wanted is not None:
        patch = (wanted,) * ndim if isinstance(wanted, int) else wanted
        if len(patch) != ndim or any(
            p % d or p < 2 * d for p, d in zip(patch, divisor, strict=True)
        ):
            raise ValueError(
                f"patch must have {ndim} sizes, multiples of {divisor} and at least twice that for "
                f"this network, got {patch}; choose e.g. {tuple(12 * d for d in divisor)}"
            )
        return patch
    largest = [max(axis) for axis in zip(*shapes, strict=True)]
    return tuple(
        max(2, -(-min(PATCH[ndim], n) // d)) * d for n, d in zip(largest, divisor, strict=True)
    )
