"""Folders of images and labels: which belong together, which patient each shows, who validates."""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tubekit.data.folders import IMAGES, LABELS, by_name, named_files

_SHOWN = 5


class Entry(NamedTuple):
    """One image with its label map, and the patient that it shows."""

    name: str
    image: Path
    label: Path
    group: str


def find_entries(images: Path, labels: Path, pattern: str | None = None) -> list[Entry]:
    """Pair the files of two folders by name, without suffix; labels without an image are left out.

    Args:
        images: folder of PNG, JPEG, TIFF or NIfTI files.
        labels: folder of PNG, TIFF or NIfTI files.
        pattern: regular expression with one group that finds the patient in a name; ``None``
            takes every image for a patient of its own.
    Raises:
        ValueError: a folder is missing or has no image, an image has no label, several files have
            one name, or the pattern finds no patient in a name.
    """
    found = named_files(images, IMAGES)
    if not found:
        raise ValueError(
            f"expected images ({', '.join(IMAGES)}) in {images}, got none; check the folder"
        )
    drawn = named_files(labels, LABELS)
    pairs = [pair for pair in by_name(found, drawn) if pair.first]
    for name, first, second in pairs:
        for files in (first, second):
            if len(files) > 1:
                both = ", ".join(path.name for path in files)
                raise ValueError(
                    f"expected one file of the name {name}, got {both} in {files[0].parent}; keep "
                    "one of them"
                )
    if lacking := [name for name, _, second in pairs if not second]:
        raise ValueError(
            f"expected a label of the same name ({', '.join(LABELS)}) in {labels} for every image, "
            f"got none for {_some(lacking)}; draw it, rename it, or take the image away"
        )
    groups = {name: _group(name, pattern) for name, _, _ in pairs}
    if lost := [name for name, group in groups.items() if group is None]:
        raise ValueError(
            f"expected the pattern {pattern!r} to find a patient in every name, got nothing in "
            f"{_some(lost)}; correct the pattern or rename the files"
        )
    return [Entry(name, first, second, groups[name] or "") for name, (first,), (second,) in pairs]


def split_entries(
    entries: list[Entry], fraction: float, seed: int
) -> tuple[list[Entry], list[Entry]]:
    """Entries to train on and entries to validate on; no patient is on both sides.

    Args:
        entries: of at least two patients, unless ``fraction`` is 0.
        fraction: share of the patients that validate, rounded, at least one and not all.
        seed: of the choice.
    Raises:
        ValueError: a single patient.
    """
    groups = sorted({entry.group for entry in entries})
    if fraction == 0:
        return entries, []
    if len(groups) < 2:
        raise ValueError(
            f"expected at least two patients, one of them to validate on, got {_some(groups)}; add "
            "images, correct the pattern, or pass validation 0"
        )
    count = min(max(1, round(fraction * len(groups))), len(groups) - 1)
    chosen = set(np.random.default_rng(seed).permutation(groups)[:count].tolist())
    return (
        [entry for entry in entries if entry.group not in chosen],
        [entry for entry in entries if entry.group in chosen],
    )


def _group(name: str, pattern: str | None) -> str | None:
    if pattern is None:
        return name
    found = re.search(pattern, name)
    return found[1] if found else None


def _some(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
