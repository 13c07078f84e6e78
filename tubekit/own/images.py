"""Files of images and labels as cases, whatever values the labels use."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, UInt8

from tubekit import _check
from tubekit.data import ReadError, read_image
from tubekit.data.folders import read_map
from tubekit.data.placing import onto
from tubekit.own.folder import Entry
from tubekit.types import Case, Placed, Spacing

# More different values than anyone draws: a grey picture, or a mask that was smoothed.
_MOST_VALUES = 64


def as_case(
    name: str,
    image: Float32[np.ndarray, "c *s"],
    spacing: Spacing | None,
    label: UInt8[np.ndarray, "*s"] | None = None,
) -> Case:
    """A case; where no voxel size is known every voxel counts as 1 mm."""
    return Case(name, image, label, (1.0,) * (image.ndim - 1) if spacing is None else spacing)


def read_values(
    path: Path, image: Float32[np.ndarray, "..."], spacing: Spacing | None
) -> UInt8[np.ndarray, "*s"]:
    """A label map as stored, after a look whether it belongs to an image.

    Args:
        path: of the label.
        image: channels first.
        spacing: of the image, as ``read_image`` gives it.
    Raises:
        ReadError: damaged, no map of whole numbers 0..255, or not on the image's grid.
    """
    stored = onto(read_map(path), spacing.affine if isinstance(spacing, Placed) else None, path)
    array = stored.array
    if array.shape != image.shape[1:]:
        raise ReadError(
            f"{path}: expected the image's grid {image.shape[1:]}, got {array.shape}; check that "
            "image and label belong together"
        )
    if stored.spacing and spacing and not np.allclose(stored.spacing, spacing, rtol=1e-3):
        raise ReadError(
            f"{path}: expected the image's voxel size {spacing}, got {stored.spacing}; check that "
            "image and label belong together"
        )
    if array.min(initial=0) < 0 or array.max(initial=0) > 255:
        raise ReadError(
            f"{path}: expected whole numbers 0..255, one a class, got values "
            f"{array.min()}..{array.max()}; relabel the file"
        )
    return array.astype(np.uint8)


class Survey(NamedTuple):
    """What the files of a folder are like.

    Attributes:
        values: of the labels, ascending: class k is stored as ``values[k]``, background first.
        shapes: (c *s) of every image, of one kind.
        spacings: of every image; ``None`` where a file states none.
    """

    values: tuple[int, ...]
    shapes: list[tuple[int, ...]]
    spacings: list[Spacing | None]


def survey(entries: Sequence[Entry]) -> Survey:
    """Look at every file before anything is done with them.

    Raises:
        ReadError: a file that cannot be used; images of different kinds.
        ValueError: a single class, or values that are none.
    """
    values: set[int] = set()
    shapes: list[tuple[int, ...]] = []
    spacings: list[Spacing | None] = []
    for entry in entries:
        image, spacing = read_image(entry.image)
        shapes.append(image.shape)
        kind, first = (image.ndim, image.shape[0]), shapes[0]
        if kind != (len(first), first[0]):
            raise ReadError(
                f"{entry.image}: expected {len(first) - 1} axes and {first[0]} channel(s) as in "
                f"{entries[0].image.name}, got {image.ndim - 1} and {image.shape[0]}; convert the "
                "image, or train one model for each kind"
            )
        spacings.append(spacing)
        values |= set(np.unique(read_values(entry.label, image, spacing)).tolist())
    if len(values) < 2:
        raise ValueError(
            f"expected a background and at least one class in the labels, got the value "
            f"{min(values)} only; draw what is to be found with another value"
        )
    if len(values) > _MOST_VALUES:
        raise ValueError(
            f"expected at most {_MOST_VALUES} different label values, got {len(values)}; a label "
            "holds one number a class: check that it is no grey picture and was not smoothed"
        )
    return Survey(tuple(sorted(values)), shapes, spacings)


def read_cases(entries: Iterable[Entry], values: Sequence[int]) -> Iterable[Case]:
    """Cases with class indices as labels, one after the other.

    Args:
        entries: of ``find_entries``.
        values: of ``survey``; class k is stored as ``values[k]``.
    """
    for entry in entries:
        image, spacing = read_image(entry.image)
        stored = read_values(entry.label, image, spacing)
        with _check.about(entry.name):
            yield as_case(
                entry.name, image, spacing, np.searchsorted(values, stored).astype(np.uint8)
            )
