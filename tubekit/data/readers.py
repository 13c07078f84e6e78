"""Files to ``Case``: images channels first as float32, labels as class indices, spacing in mm."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, Integer, UInt8

from tubekit._accept import PathLike, Whole, whole
from tubekit._accept import path as as_path
from tubekit.data.decode import ReadError, Stored, read_stored
from tubekit.data.folders import read_map
from tubekit.data.manifest import Manifest
from tubekit.data.placing import onto
from tubekit.data.pooling import pool_label
from tubekit.data.resolved import resolve
from tubekit.data.schema import PART, Labels, Role
from tubekit.types import Affine, Case, Placed, Spacing

_NO_CLASS = 255
_IGNORED = 255
"""What label tools write where nobody decided; it may stand where ``valid`` is False."""


def read_image(
    path: PathLike, *, dimensions: Whole | None = None
) -> tuple[Float32[np.ndarray, "c *s"], Spacing | None]:
    """Read a picture or volume; ``tubekit.data.decode`` lists the formats and their axes.

    Args:
        path: the file.
        dimensions: number of spatial axes, 2 or 3; the slices of a volume are the channels of a
            flat image. ``None``: as many as the file has.
    Returns:
        Intensities as in the file, channels first, and millimetres per voxel if the file says so.
    Raises:
        ReadError: truncated, corrupt, another number of axes, or not finite.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from tubekit.data import write_label
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_label(f"{folder}/a.nii.gz", np.ones((2, 3, 4), int), (2.0, 0.5, 0.5))
        ...     image, spacing = read_image(f"{folder}/a.nii.gz")
        >>> image.shape, spacing
        ((1, 2, 3, 4), (2.0, 0.5, 0.5))
    """
    stored = read_stored(path).seen
    array, spacing = stored.array, stored.spacing
    wanted = stored.ndim if dimensions is None else whole("dimensions", dimensions)
    if stored.channels and stored.ndim == wanted:
        array = np.moveaxis(array, -1, 0)
    elif stored.ndim == wanted:
        array = array[None]
    elif not stored.channels and stored.ndim == wanted + 1:
        spacing = None if spacing is None else spacing[1:]
    else:
        raise ReadError(
            f"{path}: expected {wanted} spatial axes and at most one of channels, got shape "
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
    path: PathLike, labels: Labels, *, dimensions: Whole = 2
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

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from tubekit.data import load_manifest, write_label
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_label(f"{folder}/a.png", np.eye(3, dtype=int) * 255, None)
        ...     label, _ = read_label(f"{folder}/a.png", load_manifest("chase_db1").labels)
        >>> label.tolist()
        [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    """
    stored = _read_map(path, whole("dimensions", dimensions))
    return _as_classes(as_path(path), stored.array, labels), stored.spacing


def _read_map(path: PathLike, dimensions: int) -> Stored:
    stored = read_map(path)
    if stored.ndim == dimensions + 1 and len(stored.array) == 1:
        spacing = None if stored.spacing is None else stored.spacing[1:]
        stored = Stored(stored.array[0], spacing)  # the map of one slice, stored as a volume
    if stored.ndim != dimensions:
        raise ReadError(
            f"{path}: expected a map with {dimensions} axes, got shape {stored.array.shape}; store "
            "one class index per voxel"
        )
    return stored


def _as_classes(
    path: Path, array: Integer[np.ndarray, "*s"], labels: Labels
) -> Integer[np.ndarray, "*r"]:
    classes = _classes(path, array, labels)
    if labels.pool > 1:
        if any(n % labels.pool for n in classes.shape):
            raise ReadError(
                f"{path}: expected a shape divisible by {labels.pool}, got {classes.shape}; "
                "use the original file"
            )
        classes = pool_label(classes, (labels.pool,) * classes.ndim)
    return classes


def read_case(
    manifest: Manifest, case_id: str, files: Mapping[Role, PathLike] | None = None
) -> Case:
    """Read one case with its label and field of view; without an image it has no channels.

    Args:
        manifest: of the data set.
        case_id: one of its cases.
        files: paths as ``resolve`` found them; ``None`` resolves this case now.
    Raises:
        ReadError: a damaged file, or files that do not lie on one grid.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> from tubekit.data import load_manifest, write_label
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_label(f"{folder}/a.png", np.eye(3, dtype=int) * 255, None)
        ...     files = {"image": f"{folder}/a.png", "label": f"{folder}/a.png"}
        ...     case = read_case(load_manifest("chase_db1"), "a", files)
        >>> int(case.label.sum())
        3
    """
    given = resolve(manifest.name, [case_id]).files[case_id] if files is None else files
    paths = {role: as_path(file) for role, file in given.items()}
    ndim = manifest.dimensions
    first = paths.get("image") or next(iter(paths.values()))
    maps: dict[Path, Stored] = {}
    if "image" in paths:
        image, spacing = read_image(first, dimensions=ndim)
    else:
        maps[first] = _read_map(first, ndim)
        image = np.zeros((0, *maps[first].array.shape), np.float32)
        spacing = maps[first].spacing
    grid, affine = image.shape[1:], spacing.affine if isinstance(spacing, Placed) else None
    if manifest.spacing.value is not None:
        spacing = tuple(manifest.spacing.value)
    if spacing is None:
        raise ReadError(
            f"{first}: expected the spacing in the file's header, got none; use NIfTI or "
            "give spacing.value in the manifest"
        )
    label = valid = None
    if "valid" in paths:
        valid = _read_valid(paths["valid"], ndim, affine)
        _same_grid(first, paths["valid"], grid, valid.shape)
    if "label" in paths:
        path = paths["label"]
        stored = onto(maps.get(path) or _read_map(path, ndim), affine, path)
        values = stored.array
        if valid is not None and values.shape == grid and _IGNORED not in manifest.labels.values:
            values = np.where((values == _IGNORED) & ~valid, values.dtype.type(0), values)
        label = _as_classes(path, values, manifest.labels)
        _same_grid(first, path, grid, label.shape)
        _same_spacing(path, spacing, stored.spacing)
    elif manifest.labels.parts:
        label = np.zeros(grid, np.uint8)
        for part, name in manifest.labels.parts.items():
            part_path = paths.get(PART + part)
            if part_path is None:  # a structure that this case does not have
                continue
            drawn = onto(maps.get(part_path) or _read_map(part_path, ndim), affine, part_path)
            _same_grid(first, part_path, grid, drawn.array.shape)
            _same_spacing(part_path, spacing, drawn.spacing)
            label[drawn.array != 0] = manifest.labels.names.index(name)
    return Case(case_id, image, label, spacing, valid)


def _classes(
    path: Path, array: Integer[np.ndarray, "*s"], labels: Labels
) -> UInt8[np.ndarray, "*s"]:
    """Stored values to class indices, through a table since maps are large and values few."""
    values = np.array(labels.values)
    if array.size and (array.min() < 0 or array.max() > values.max()):
        fits = np.isin(array, values)
    else:
        table = np.full(values.max() + 1, _NO_CLASS, np.uint8)
        table[values] = np.arange(len(values))
        classes = table[array]
        fits = classes != _NO_CLASS
        if fits.all():
            return classes
    found = ", ".join(f"{v}" for v in np.unique(array[~fits])[:5])
    raise ReadError(
        f"{path}: expected label values {labels.values} for {', '.join(labels.names)}, got "
        f"{found}; relabel the file or correct labels.values in the manifest"
    )


def _read_valid(
    path: Path, dimensions: int, affine: Affine | None = None
) -> Bool[np.ndarray, "*s"]:
    stored = onto(read_stored(path).seen, affine, path)
    array = stored.array[..., 0] if stored.channels else stored.array
    if array.ndim == dimensions + 1 and len(array) == 1:
        array = array[0]
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
