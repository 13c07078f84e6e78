"""Whole data sets: the cases of a split in memory, and one row of facts per data set."""

import dataclasses
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tubekit._accept import Whole, per_axis, whole
from tubekit._machine import side_by_side
from tubekit.data.manifest import Manifest, load_manifest
from tubekit.data.places import open_manifest
from tubekit.data.placing import coarser
from tubekit.data.pooling import blocks, pool_label
from tubekit.data.preprocess import clip_window
from tubekit.data.readers import read_case
from tubekit.data.resolved import DataUnavailable, resolve
from tubekit.data.schema import SPLITS, Role
from tubekit.data.splits import check_patient_wise
from tubekit.geometry import components
from tubekit.types import Case

log = logging.getLogger("tubekit.data")


def load_cases(
    name: str,
    split: str,
    *,
    limit: Whole | None = None,
    offline: bool = False,
    scale: int | float | tuple[int | float, ...] = 1,
    window: bool = False,
) -> list[Case]:
    """Load the cases of one split, in the manifest's order.

    Cases that cannot be found are left out and named in the log, as long as one is left.

    Args:
        name: of the data set.
        split: ``"train"``, ``"val"`` or ``"test"``.
        limit: at most so many cases, the first ones.
        offline: never use the network.
        scale: 1/n for whole n, for all axes or one per axis; see ``downscale``.
        window: cut intensities off at the manifest's window (``clip_window``), before scaling.
    Raises:
        DataUnavailable: no case of the split can be found.
        ValueError: unknown data set or split, bad scale, damaged file, patient in two splits, or
            a data set without a window.

    Example:
        >>> load_cases("chase_db1", "all")
        Traceback (most recent call last):
            ...
        ValueError: split must be one of train, val, test, got 'all'; choose one
    """
    if split not in SPLITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, got {split!r}; choose one")
    limit = None if limit is None else whole("limit", limit)
    manifest = open_manifest(name)
    check_patient_wise(manifest)
    files = _found(manifest, split, limit, offline)
    cases = side_by_side(lambda one: read_case(manifest, *one), files.items())
    if window:
        cases = [clip_window(case, *_window(manifest)) for case in cases]
    factors = _factors(scale, manifest.dimensions)
    return [downscale(case, factors) for case in cases]


def _found(
    manifest: Manifest, split: str, limit: int | None, offline: bool
) -> dict[str, Mapping[Role, Path]]:
    """Files of the first ``limit`` cases that can be had; the others are not downloaded."""
    name, ids = manifest.name, getattr(manifest.splits, split)
    files: dict[str, Mapping[Role, Path]] = {}
    missing: list[str] = []
    reason = DataUnavailable(
        f"{name}: expected cases of the split {split!r}, got none; choose another split"
    )
    for wanted in (ids[:limit], ids[len(ids[:limit]) :]):
        if not wanted or len(files) == limit:
            continue
        try:
            found = resolve(name, wanted, offline=offline, partial=True)
            files |= found.files
            missing += found.unavailable
        except DataUnavailable as error:
            reason = error
            missing += wanted
    if not files:
        raise reason
    if missing:
        log.warning("%s %s: %d cases unavailable: %s", name, split, len(missing), missing)
    return dict(list(files.items())[:limit])


def downscale(case: Case, factors: Whole | Sequence[Whole]) -> Case:
    """Reduce a case by whole factors per axis; a size that is not divisible is padded at its end.

    The image is the mean over each block. Label and field of view follow the majority: foreground
    where at least half of the block is, so that lines one pixel wide survive a factor of 2, but not
    larger factors. The spacing grows by the factors.

    Args:
        case: any dimensions.
        factors: one whole number, or one per axis; 1 keeps the axis.

    Example:
        >>> import numpy as np
        >>> from tubekit.types import Case
        >>> case = Case("a", np.arange(64.0).reshape(1, 8, 8), np.eye(8, dtype=int), (1.0, 1.0))
        >>> downscale(case, 2).image.shape
        (1, 4, 4)
    """
    factors = per_axis("factors", factors, case.image.ndim - 1)
    if all(f == 1 for f in factors):
        return case
    pad = [(0, -n % f) for n, f in zip(case.image.shape[1:], factors, strict=True)]

    def padded(array: np.ndarray) -> np.ndarray:
        return np.pad(array, pad, mode="edge")

    grid = (-(-n // f) for n, f in zip(case.image.shape[1:], factors, strict=True))
    image = np.empty((case.image.shape[0], *grid), np.float32)
    for channel, target in zip(case.image, image, strict=True):
        target[:] = blocks(padded(channel), factors).mean(axis=-1)
    label = None if case.label is None else pool_label(padded(case.label), factors)
    valid = case.valid
    if valid is not None:
        valid = pool_label(padded(valid.astype(np.uint8)), factors) > 0

    def pooled(values: np.ndarray) -> np.ndarray:
        if values.dtype.kind in "iu":
            return pool_label(padded(values), factors)
        return blocks(padded(values), factors).mean(axis=-1)

    spacing = tuple(s * f for s, f in zip(case.spacing, factors, strict=True))
    return dataclasses.replace(
        case,
        image=image,
        label=label,
        spacing=spacing,
        valid=valid,
        affine=coarser(case.affine, factors),
        maps={name: pooled(values) for name, values in case.maps.items()},
    )


def describe(name: str, *, offline: bool = False) -> dict[str, str | int | float]:
    """Facts of one data set, measured on the files that are available: a row of a table.

    Foreground (per cent) and components (8- or 26-connected, of the union of classes) are means
    over the cases. Without files only what the manifest says is filled; numbers are NaN.

    Args:
        name: of the data set.
        offline: never use the network.
    Returns:
        Fact to value, e.g. ``"cases"``, ``"licence"``, ``"foreground_percent"``.

    Example:
        >>> facts = describe("chase_db1", offline=True)  # doctest: +SKIP
        >>> facts["cases"], facts["shape"]  # doctest: +SKIP
        (28, '960x999')
    """
    manifest = load_manifest(name)
    row: dict[str, str | int | float] = {
        "name": name,
        "title": manifest.title,
        "dimensions": manifest.dimensions,
        "classes": len(manifest.labels.names) - 1,
        "licence": manifest.licence.name,
        "access": manifest.access,
        "cases": 0,
        "train": 0,
        "val": 0,
        "test": 0,
        "shape": "",
        "spacing_mm": "",
        "foreground_percent": float("nan"),
        "components": float("nan"),
    }
    try:
        found = resolve(name, offline=offline)
    except DataUnavailable:
        return row
    shapes: Counter[str] = Counter()
    spacings: Counter[str] = Counter()
    foreground: list[float] = []
    counts: list[int] = []
    for case_id, files in found.files.items():
        case = read_case(found.manifest, case_id, files)
        shapes["x".join(map(str, case.image.shape[1:]))] += 1
        spacings["x".join(f"{s:g}" for s in case.spacing)] += 1
        if case.label is not None:
            mask = case.label > 0
            foreground.append(100.0 * float(mask.mean()))
            counts.append(components(mask)[1])
    row["cases"] = len(found.files)
    for split in SPLITS:
        row[split] = sum(i in found.files for i in getattr(found.manifest.splits, split))
    row["shape"], row["spacing_mm"] = _range(shapes), _range(spacings)
    if foreground:
        row["foreground_percent"] = float(np.mean(foreground))
        row["components"] = float(np.mean(counts))
    return row


def _range(seen: Counter[str]) -> str:
    """The most frequent entry, and how many others there are."""
    others = len(seen) - 1
    return seen.most_common(1)[0][0] + (f" and {others} others" if others else "")


def _window(manifest: Manifest) -> tuple[float, float]:
    if manifest.window is None:
        raise ValueError(
            f"{manifest.name}: expected a window of intensities in the manifest, got none; load "
            "without window=True and call clip_window(case, low, high)"
        )
    return manifest.window.low, manifest.window.high


def _factors(scale: int | float | tuple[int | float, ...], ndim: int) -> tuple[int, ...]:
    scales = scale if isinstance(scale, tuple) else (scale,) * ndim
    if len(scales) != ndim or not all(
        0 < s <= 1 and abs(1 / s - round(1 / s)) < 1e-6 for s in scales
    ):
        raise ValueError(
            f"scale must be 1/n for whole n, one number or one per axis ({ndim}), got {scale}; "
            "use 0.5 or 0.25"
        )
    return tuple(round(1 / s) for s in scales)
