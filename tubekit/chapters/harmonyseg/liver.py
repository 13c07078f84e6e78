"""Liver vessels: CT rendered around real masks for training, real CT as the unseen hospital.

The manifest ``ircad01_masks`` lists the masks of 16 patients of 3D-IRCADb-01. Their vessel trees
are real, their images are painted (``tubekit.phantoms.render_liver_ct``). ``ircad01`` lists two
further patients with real CT; no network trains on them.
"""

import dataclasses
import functools

import numpy as np
from jaxtyping import Float32

from tubekit._machine import side_by_side
from tubekit.data import (
    DataUnavailable,
    clip_window,
    crop_to_valid,
    inside_closed_organ,
    kfold,
    resample,
)
from tubekit.data.cache import cached_array, content_key, sources
from tubekit.data.storage import cache_root
from tubekit.experiments.data import (
    CaseSet,
    Split,
    add_vesselness,
    all_cases,
    phantom_split,
    window_of,
)
from tubekit.experiments.record import Source
from tubekit.phantoms import phantom_cases, render_liver_ct
from tubekit.types import Case

MARGIN_MM = 4.0
PAINTING = ("abdomen", "contrast_ct", "ct", "render")
"""What a painted image depends on."""
EXTERNAL = "external"
WINDOW = "ircad01"
"""Its manifest has the paper's window."""


def liver_split(
    *,
    seed: int,
    spacing_mm: float = 2.0,
    folds: int = 3,
    validation: int = 2,
    limit: int | None = None,
    vesselness: str | None = None,
    window: str = WINDOW,
) -> Split:
    """Patient-wise folds of the rendered cases; run ``seed`` tests fold ``seed % folds``.

    The real CT volumes are a further test set for every run. Without the masks vascular phantoms
    take their place, and ``source`` says so.

    Args:
        spacing_mm: edge of a voxel; cases are resampled to it.
        validation: rendered patients that select weights, taken from the training side.
        limit: at most this many training, validation and test cases each; ``None`` for all.
        vesselness: name of settings in ``preparation.VESSELNESS`` to append the map, or ``None``.
        window: data set whose window of intensities is kept.
    """
    try:
        cases = rendered_cases(spacing_mm, None if limit is None else 3 * limit, window)
    except DataUnavailable:
        return phantom_split(
            "vascular", seed=seed, train=4, validation=1, test=2, vesselness=vesselness
        )
    groups = {case.id: case.id for case in cases}
    _, test_ids = kfold(groups, folds, seed=0)[seed % folds]
    rest = [case for case in cases if case.id not in test_ids]
    start = seed * validation % len(rest)
    chosen = {rest[(start + i) % len(rest)].id for i in range(min(validation, len(rest) - 1))}
    parts = {
        "train": [c for c in rest if c.id not in chosen],
        "validation": [c for c in rest if c.id in chosen],
        "test": [c for c in cases if c.id in test_ids],
    }
    real = real_cases(spacing_mm, window)
    split = Split(
        **{name: part[:limit] for name, part in parts.items()},
        source="rendered",
        classes=2,
        groups=groups,
        further={EXTERNAL: CaseSet(real, "real")} if real else {},
    )
    return add_vesselness(split, vesselness)


@functools.lru_cache(maxsize=4)
def rendered_cases(
    spacing_mm: float, count: int | None = None, window: str = WINDOW
) -> tuple[Case, ...]:
    """The mask-only patients with painted CT, the first ``count`` of them.

    Raises:
        DataUnavailable: the masks cannot be found.
    """
    masks = all_cases("ircad01_masks", limit=count)
    return tuple(side_by_side(lambda case: _rendered(case, spacing_mm, window), masks))


@functools.lru_cache(maxsize=2)
def real_cases(spacing_mm: float, window: str = WINDOW) -> list[Case]:
    """The patients with real CT, prepared in the same way; an empty list without the files."""
    try:
        cases = all_cases("ircad01")
    except DataUnavailable:
        return []
    return [_finished(resample(_organ(case), (spacing_mm,) * 3), window) for case in cases]


def example_cases(spacing_mm: float) -> tuple[list[Case], Source]:
    """The real patients for pictures, prepared as for testing; phantoms where they are absent."""
    real = real_cases(spacing_mm)
    return (real, "real") if real else (phantom_cases("vascular", 1, 0), "phantom")


def published_cases() -> list[Case]:
    """The real patients as published; phantoms where they are absent."""
    try:
        return list(all_cases("ircad01"))
    except DataUnavailable:
        return phantom_cases("vascular", 1, 0)


def painted_example(spacing_mm: float) -> Case:
    """One painted patient for pictures; a phantom where the masks are absent."""
    try:
        return rendered_cases(spacing_mm, 1)[0]
    except DataUnavailable:
        return phantom_cases("vascular", 1, 0)[0]


def _organ(case: Case) -> Case:
    """Cut to the closed liver, on the grid of the scanner."""
    return crop_to_valid(inside_closed_organ(case), MARGIN_MM)


def _rendered(case: Case, spacing_mm: float, window: str) -> Case:
    """Paint on the grid of the masks, then resample like a real case.

    The patient's number seeds the scanner. The image is kept on disk.
    """
    organ, new = _organ(case), (spacing_mm,) * 3
    masks = resample(organ, new)
    if organ.label is None or organ.valid is None or masks.label is None:
        raise ValueError(
            f"case {case.id}: expected masks of vessels and liver to paint around, got none; "
            "leave the case out"
        )
    vessels, liver, seed = organ.label, organ.valid, int(case.id.rpartition("_")[2])

    def paint() -> Float32[np.ndarray, "z y x"]:
        ct = render_liver_ct(vessels, liver, organ.spacing, seed=seed)
        return resample(Case(case.id, ct[None], None, organ.spacing), new).image[0]

    rules = sources(*(f"tubekit.phantoms.{name}" for name in PAINTING), "tubekit.data.preprocess")
    key = content_key(f"{seed} {organ.spacing} {new} {rules}", vessels, liver)
    ct = cached_array(cache_root() / "rendered" / f"{key}.npz", masks.label.shape, paint)
    return _finished(dataclasses.replace(masks, image=ct[None]), window)


def _finished(case: Case, window: str) -> Case:
    """Portal and hepatic veins as one class, as in the paper, inside a window."""
    clipped = clip_window(case, *window_of(window))
    if case.label is None:
        return clipped
    return dataclasses.replace(clipped, label=(case.label > 0).astype(np.int64))
