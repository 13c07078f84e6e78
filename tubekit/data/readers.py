"""Files to ``Case``: images channels first as float32, labels as class indices, spacing in mm."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, Integer, Shaped, UInt8

from tubekit.data.decode import ReadError, read_stored
from tubekit.data.fetch import resolve
from tubekit.data.manifest import Manifest
from tubekit.data.pooling import pool_label
from tubekit.data.schema import PART, Labels, Role
from tubekit.types import Case, Spacing

_NO_CLASS = 255


def read_image(
    path: Path, *, dimensions: int | None = None
) -> tuple[Float32[np.ndarray, "c *s"], Spacing | None]:
    """Read PNG, JPEG, GIF, TIFF or NIfTI.

    Args:
        path: the file.
        dimensions: number of spatial axes; one more axis in the file holds colour channels, last,
            or neighbouring slices of a NIfTI file, first.
            ``None``: 3 for NIfTI and for TIFF stacks, else 2.
    Returns:
        Intensities as in the file, channels first, and millimetres per voxel if the file says so.
    Raises:
        ReadError: truncated, corrupt, another number of axes, or not finite.
    """
    array, spacing = read_stored(path)
    if dimensions is None:
        # The last axis of a colour photograph is short; a stack of four slices is unheard of.
        flat = spacing is None and (array.ndim == 2 or array.shape[-1] <= 4)
        dimensions = 2 if flat else 3
    if array.ndim == dimensions + 1 and spacing is not None:
        spacing = spacing[1:]  # the slices of a volume are the channels of a flat image
    elif array.ndim == dimensions + 1:
        array = np.moveaxis(array, -1, 0)
    elif array.ndim == dimensions:
        array = array[None]
    else:
        raise ReadError(
            f"{path}: expected {dimensions} spatial axes and at most one of channels, got shape "
            f"{array.shape}; check 'dimensions' in the manifest"
        )
    if array.dtype.kind not in "uifb":
        raise ReadError(
            f"{path}: expected real intensities, got {array.dtype}; store integers or floats"
        )
    image = np.ascontiguousarray(array, dtype=np.float32)
    if not np.isfinite(image).all():
        bad = int((~np.isfinite(image)).sum())
        raise ReadError(
            f"{path}: expected finite intensities, got {bad} NaN or infinite of {image.size}; "
            "repair the file or leave the case out"
        )
    return image, spacing


def read_label(
    path: Path, labels: Labels, *, dimensions: int = 2
) -> tuple[Integer[np.ndarray, "*s"], Spacing | None]:
    """Read a label map and turn stored values into class indices.

    A map finer than its image (``labels.pool`` > 1) is reduced: a pixel takes its most frequent
    foreground class where at least half of its area is foreground.

    Args:
        path: the file.
        labels: names and stored values of the classes.
        dimensions: number of axes.
    Raises:
        ReadError: damaged, not a map, or a value that stands for no class.
    """
    array, spacing = read_stored(path)
    if array.ndim == dimensions + 1 and spacing is not None and len(array) == 1:
        array, spacing = array[0], spacing[1:]  # the map of one slice, stored as a volume
    if array.ndim == dimensions + 1 and (array == array[..., :1]).all():
        array = array[..., 0]  # grey masks stored as RGB
    if array.ndim != dimensions:
        raise ReadError(
            f"{path}: expected a map with {dimensions} axes, got shape {array.shape}; store one "
            "class index per voxel"
        )
    classes = _classes(path, array, labels)
    if labels.pool > 1:
        if any(n % labels.pool for n in classes.shape):
            raise ReadError(
                f"{path}: expected a shape divisible by {labels.pool}, got {classes.shape}; "
                "use the original file"
            )
        classes = pool_label(classes, (labels.pool,) * classes.ndim)
    return classes, spacing


def read_case(manifest: Manifest, case_id: str, files: Mapping[Role, Path] | None = None) -> Case:
    """Read one case with its label and field of view; without an image it has no channels.

    Args:
        manifest: of the data set.
        case_id: one of its cases.
        files: paths as ``resolve`` found them; ``None`` resolves this case now.
    Raises:
        ReadError: a damaged file, or files that do not lie on one grid.
    """
    if files is None:
        files = resolve(manifest.name, [case_id]).files[case_id]
    ndim = manifest.dimensions
    first = files.get("image") or next(iter(files.values()))
    if "image" in files:
        image, spacing = read_image(first, dimensions=ndim)
    else:
        drawn, spacing = read_stored(first)
        image = np.zeros((0, *drawn.shape), np.float32)
    grid = image.shape[1:]
    if manifest.spacing.value is not None:
        spacing = tuple(manifest.spacing.value)
    if spacing is None:
        raise ReadError(
            f"{first}: expected the spacing in the file's header, got none; use NIfTI or "
            "give spacing.value in the manifest"
        )
    label = valid = None
    if "label" in files:
        label, label_spacing = read_label(files["label"], manifest.labels, dimensions=ndim)
        _same_grid(first, files["label"], grid, label.shape)
        _same_spacing(files["label"], spacing, label_spacing)
    elif manifest.labels.parts:
        label = np.zeros(grid, np.uint8)
        for part, name in manifest.labels.parts.items():
            path = files.get(PART + part)
            if path is None:  # a structure that this case does not have
                continue
            drawn, part_spacing = read_stored(path)
            _same_grid(first, path, grid, drawn.shape)
            _same_spacing(path, spacing, part_spacing)
            label[drawn != 0] = manifest.labels.names.index(name)
    if "valid" in files:
        valid = _read_valid(files["valid"], ndim)
        _same_grid(first, files["valid"], grid, valid.shape)
    return Case(case_id, image, label, spacing, valid)


def _classes(
    path: Path, array: Shaped[np.ndarray, "*s"], labels: Labels
) -> UInt8[np.ndarray, "*s"]:
    """Stored values to class indices, through a table since maps are large and values few."""
    values = np.array(labels.values)
    if array.dtype.kind not in "iub" or (
        array.size and (array.min() < 0 or array.max() > values.max())
    ):
        fits = np.isin(array, values)
    else:
        table = np.full(values.max() + 1, _NO_CLASS, np.uint8)
        table[values] = np.arange(len(values))
        classes = table[array.astype(np.uint8) if array.dtype == bool else array]
        fits = classes != _NO_CLASS
        if fits.all():
            return classes
    if fits.all():  # floats that are whole numbers, as some NIfTI writers store labels
        return _classes(path, array.astype(np.int64), labels)
    found = ", ".join(f"{v:g}" for v in np.unique(array[~fits])[:5])
    raise ReadError(
        f"{path}: expected label values {labels.values} for {', '.join(labels.names)}, got "
        f"{found}; relabel the file or correct labels.values in the manifest"
    )


def _read_valid(path: Path, dimensions: int) -> Bool[np.ndarray, "*s"]:
    array, _ = read_stored(path)
    if array.ndim == dimensions + 1:
        array = array[..., 0]
    # Photographs store 0/255, sometimes lossily. Volumes store 0/1 or 0/255, and 3D-IRCADb-01 has
    # a liver with both.
    return array > (127 if dimensions == 2 and array.max(initial=0) > 1 else 0)


def _same_grid(image: Path, other: Path, grid: tuple[int, ...], got: tuple[int, ...]) -> None:
    if got != grid:
        raise ReadError(
            f"{other}: expected the grid {grid} of {image.name}, got {got}; check that both files "
            "belong to one case"
        )


def _same_spacing(path: Path, expected: Spacing, found: Spacing | None) -> None:
    if found is not None and not np.allclose(found, expected, rtol=1e-3):
        raise ReadError(
            f"{path}: expected the image's spacing {expected}, got {found}; "
            "check that image and label belong together"
        )
