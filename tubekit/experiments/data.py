"""Splits for recipes: which cases train, select and test."""

import contextlib
import dataclasses
import functools
from collections.abc import Sequence
from typing import Literal, NamedTuple

from tubekit.data import (
    DataUnavailable,
    clip_window,
    kfold,
    load_cases,
    load_manifest,
)
from tubekit.experiments.preparation import Preparation
from tubekit.experiments.record import Source
from tubekit.phantoms import ARTERIES, phantom_cases
from tubekit.types import Case


class CaseSet(NamedTuple):
    """More cases for the trained network, e.g. of a hospital that it never saw.

    ``metrics``: what makes sense on them, where that is less than the recipe measures.
    """

    cases: list[Case]
    source: Source
    metrics: tuple[str, ...] | None = None


@dataclasses.dataclass(frozen=True)
class Split:
    """Cases of one run. ``groups`` maps a case to its patient; a patient is on one side only.

    ``further`` holds other test sets by the data key that their records get.
    """

    train: list[Case]
    validation: list[Case]
    test: list[Case]
    source: Source
    classes: int
    groups: dict[str, str]
    further: dict[str, CaseSet] = dataclasses.field(default_factory=dict)


def cross_validation(
    name: str,
    *,
    seed: int,
    folds: int = 3,
    scale: float | tuple[float, ...] = 1.0,
    validation_groups: int = 2,
    limit: int | None = None,
    fallback: str = "fundus",
    vesselness: str | None = None,
) -> Split:
    """Patient-wise k-fold split of a published data set; run ``seed`` tests fold ``seed % folds``.

    Every case is tested exactly once over the folds. Validation patients are taken from the
    training side, so that nothing is selected on test cases. Where the data cannot be had, the
    phantom ``fallback`` takes its place and ``source`` says so.

    Args:
        scale: factor on the image size, for small budgets; one, or one per axis.
        limit: at most this many validation and test cases each; ``None`` for all.
        vesselness: name of settings in ``preparation.VESSELNESS`` to append the map, or ``None``.
    """
    try:
        cases = all_cases(name, scale)
    except DataUnavailable:
        return phantom_split(
            fallback, seed=seed, train=8, validation=2, test=4, vesselness=vesselness
        )
    manifest = load_manifest(name)
    patient = manifest.groups or {case.id: manifest.group_of(case.id) for case in cases}
    group = {case.id: patient[case.id] for case in cases}
    _, test_ids = kfold(group, folds, seed=0)[seed % folds]
    others = sorted({g for i, g in group.items() if i not in test_ids})
    # The validation patients rotate with the fold, so that no patient always selects.
    start = (seed * validation_groups) % len(others)
    chosen = {others[(start + i) % len(others)] for i in range(validation_groups)}
    rest = [c for c in cases if c.id not in test_ids]
    split = Split(
        train=[c for c in rest if group[c.id] not in chosen],
        validation=[c for c in rest if group[c.id] in chosen][:limit],
        test=[c for c in cases if c.id in test_ids][:limit],
        source="real",
        classes=len(manifest.labels.names),
        groups=group,
    )
    return add_vesselness(split, vesselness)


def add_vesselness(split: Split, settings: str | None) -> Split:
    """The same split with the vesselness map as a further channel of every image."""
    if settings is None:
        return split
    prepare = Preparation(vesselness=settings).apply

    def added(cases: Sequence[Case]) -> list[Case]:
        return [prepare(case) for case in cases]

    further = {n: t._replace(cases=added(t.cases)) for n, t in split.further.items()}
    return dataclasses.replace(
        split,
        train=added(split.train),
        validation=added(split.validation),
        test=added(split.test),
        further=further,
    )


@functools.lru_cache(maxsize=2)
def all_cases(
    name: str, scale: float | tuple[float, ...] = 1.0, limit: int | None = None
) -> tuple[Case, ...]:
    """Every available case of a data set, whatever its split, or the first ``limit``.

    Raises:
        DataUnavailable: not one case can be had.
    """
    cases: list[Case] = []
    for split in ("train", "val", "test"):
        left = None if limit is None else limit - len(cases)
        if left == 0:
            break
        with contextlib.suppress(DataUnavailable):
            cases += load_cases(name, split, scale=scale, limit=left)
    if not cases:
        raise DataUnavailable(f"{name}: no case can be found; run 'tubekit data fetch {name}'")
    return tuple(cases)


def window_of(name: str) -> tuple[float, float]:
    """Lowest and highest intensity that a data set's manifest asks to keep.

    Raises:
        ValueError: its manifest has no window.
    """
    window = load_manifest(name).window
    if window is None:
        raise ValueError(f"{name}: expected a window in the manifest, got none; add one")
    return window.low, window.high


def first_cases(
    name: str, fallback: str, *, limit: int = 1, scale: float = 1.0, seed: int = 0
) -> tuple[list[Case], Literal["real", "phantom"]]:
    """A few training cases for pictures; the phantom ``fallback`` where the data are absent."""
    try:
        return load_cases(name, "train", limit=limit, scale=scale), "real"
    except DataUnavailable:
        return phantom_cases(fallback, limit, seed), "phantom"


def phantom_split(
    name: str,
    *,
    seed: int,
    train: int = 16,
    validation: int = 4,
    test: int = 12,
    binary: bool = False,
    size: tuple[int, ...] | None = None,
    window: tuple[float, float] | None = None,
    vesselness: str | None = None,
) -> Split:
    """Phantoms with fixed, disjoint generator seeds; ``seed`` changes only the training.

    Args:
        binary: merge all classes into one.
        size: voxels per axis; ``None`` for the phantom's usual size.
        window: lowest and highest intensity to keep; ``None`` for all.
        vesselness: name of settings in ``preparation.VESSELNESS`` to append the map, or ``None``.
    """
    trained, chosen, tested = (
        list(_phantoms(name, count, offset, binary, size, window))
        for offset, count in ((1000, train), (2000, validation), (3000, test))
    )
    split = Split(
        train=trained,
        validation=chosen,
        test=tested,
        source="phantom",
        # Not the largest label seen: an artery may be absent from every case of a small split.
        classes=1 + (len(ARTERIES) if name == "cow" and not binary else 1),
        groups={case.id: case.id for case in (*trained, *chosen, *tested)},
    )
    return add_vesselness(split, vesselness)


@functools.lru_cache(maxsize=6)
def _phantoms(
    name: str,
    count: int,
    offset: int,
    binary: bool,
    size: tuple[int, ...] | None,
    window: tuple[float, float] | None,
) -> tuple[Case, ...]:
    """Drawing takes seconds, and every method and seed of a queue trains on the same ones."""
    cases = phantom_cases(name, count, offset, size=size, classes=1 if binary else None)
    return tuple(cases if window is None else [clip_window(case, *window) for case in cases])
