"""Folders that people fill: which file has which name, and label maps as they are stored."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from tubekit._accept import PathLike
from tubekit.data.decode import FORMATS, ReadError, Stored, read_stored

IMAGES = tuple(FORMATS)
LABELS = tuple(s for s in IMAGES if s not in (".jpg", ".jpeg", ".webp", ".gif"))
"""Formats that keep every value as it is."""
_WHOLE = 1e-3
"""So near a whole number is what a header's slope or a resampler makes of one."""


class Pair(NamedTuple):
    """The files of one name in two folders; their suffixes may differ."""

    name: str
    first: list[Path]
    second: list[Path]


def named_files(folder: Path, suffixes: tuple[str, ...] = LABELS) -> dict[str, list[Path]]:
    """Files by name without suffix, hidden ones left out; a name may stand for several files.

    Raises:
        ValueError: no such folder.
    """
    if not folder.is_dir():
        raise ValueError(f"expected a folder, got {folder}; check the path")
    files: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        name = stem(path, suffixes)
        if name is not None and path.is_file() and not path.name.startswith("."):
            files.setdefault(name, []).append(path)
    return files


def stem(path: Path, suffixes: tuple[str, ...] = IMAGES) -> str | None:
    """The name without its suffix, ``.nii.gz`` included; ``None`` for another suffix."""
    suffix = next((s for s in suffixes if path.name.lower().endswith(s)), None)
    return path.name[: -len(suffix)] if suffix else None


def by_name(first: dict[str, list[Path]], second: dict[str, list[Path]]) -> list[Pair]:
    """Every name of either folder, sorted, with its files in both."""
    return [Pair(n, first.get(n, []), second.get(n, [])) for n in sorted({*first, *second})]


def read_map(path: PathLike) -> Stored:
    """A label map as it is stored: one integer per voxel, 2-D or 3-D.

    Indices of a palette are the values; grey values stored as colours are one value again. Numbers
    within 0.001 of whole ones are these.

    Raises:
        ReadError: a damaged file, a colour picture, or values that are no whole numbers.
    """
    stored = read_stored(path)
    array = stored.array
    if stored.channels:
        if (array != array[..., :1]).any():
            raise ReadError(
                f"{path}: expected one class index per voxel, got a colour picture of "
                f"{array.shape[-1]} channels; store values 0, 1, 2, ..., slices on an axis Z"
            )
        array = array[..., 0]
    return Stored(_integers(path, array), stored.spacing)


def _integers(path: PathLike, array: np.ndarray) -> np.ndarray:
    if array.dtype.kind in "iu":
        return array
    if array.dtype == bool:
        return array.astype(np.uint8)
    # NaN and infinity become some number, which is not near them.
    with np.errstate(invalid="ignore"):
        rounded = np.rint(array)
        near = np.abs(array - rounded) <= _WHOLE
        whole = rounded.astype(np.int32)
    odd = array[~near | (whole != rounded)]
    if odd.size:
        raise ReadError(
            f"{path}: expected whole numbers, one a class, got {odd[0]:.7g} at {odd.size} of "
            f"{array.size} places; threshold probabilities, or relabel the file"
        )
    return whole
