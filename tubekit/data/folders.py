"""Folders that people fill: which file has which name, and label maps as they are stored."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Shaped

from tubekit.data.decode import ReadError, Stored, read_stored

LABELS = (".nii.gz", ".nii", ".png", ".tif", ".tiff")
IMAGES = (*LABELS, ".jpg", ".jpeg")


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


def read_map(path: Path) -> Stored:
    """A label map as it is stored: one value per voxel, 2-D or 3-D.

    Raises:
        ReadError: a damaged file, a colour picture, or another number of axes.
    """
    stored = read_stored(path)
    array = stored.array
    if stored.spacing is None and array.ndim == 3 and array.shape[-1] <= 4:
        array = _grey(path, array)
    if array.ndim not in (2, 3):
        raise ReadError(f"{path}: expected 2 or 3 axes, got shape {array.shape}; split the file")
    if array.dtype == bool:
        array = array.astype(np.uint8)
    return Stored(array, stored.spacing)


def _grey(path: Path, array: Shaped[np.ndarray, "y x c"]) -> Shaped[np.ndarray, "y x"]:
    colours = array[..., : array.shape[-1] - (array.shape[-1] in (2, 4))]  # less opacity
    if (colours != colours[..., :1]).any():
        raise ReadError(
            f"{path}: expected one class index per pixel, got a colour picture; store grey "
            "values 0, 1, 2, ..."
        )
    return colours[..., 0]
