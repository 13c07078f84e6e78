"""Target maps that losses need beside the label: tubes, skeletons, distances, confidence.

Each is computed from a label map by a function of ``tubekit.geometry``, on a patch while loading
or on a whole case ahead of time. Maps made ahead of time are cached on disk.
"""

from collections.abc import Callable, Iterable

import numpy as np
from jaxtyping import Float32, Int64, Integer

from tubekit import _check
from tubekit._accept import Array, PathLike, array
from tubekit._accept import path as as_path
from tubekit.data.cache import cached_array, content_key, sources
from tubekit.data.confidence import confidence_map
from tubekit.data.storage import cache_root
from tubekit.geometry import signed_distance, skeletonize, tubed_skeleton
from tubekit.types import Spacing

TUBE_RADIUS = 2
"""Radius of the tube in voxels: the value of Skeleton Recall (Kirchhoff et al., ECCV 2024)."""

LabelMap = Integer[np.ndarray, "*s"]
TargetMap = Int64[np.ndarray, "*s"] | Float32[np.ndarray, "*s"]


def _tube(label: LabelMap, spacing: Spacing | None) -> TargetMap:
    return tubed_skeleton(label, TUBE_RADIUS).astype(np.int64)


def _tube_unclipped(label: LabelMap, spacing: Spacing | None) -> TargetMap:
    return tubed_skeleton(label, TUBE_RADIUS, clip=False).astype(np.int64)


def _skeleton(label: LabelMap, spacing: Spacing | None) -> TargetMap:
    return np.where(skeletonize(label > 0), label, 0).astype(np.int64)


def _signed_distance(label: LabelMap, spacing: Spacing | None) -> TargetMap:
    return signed_distance(label > 0, spacing=spacing).astype(np.float32)


def _confidence(label: LabelMap, spacing: Spacing | None) -> TargetMap:
    return confidence_map(label)


MAPS: dict[str, Callable[[LabelMap, Spacing | None], TargetMap]] = {
    "tube": _tube,
    "tube_unclipped": _tube_unclipped,
    "skeleton": _skeleton,
    "signed_distance": _signed_distance,
    "confidence": _confidence,
}

OF_WHOLE_CASES = {"confidence": 1.0}
"""Maps that mean nothing on a patch alone, and the value they have beyond the case."""


def target_map(
    name: str, label: Integer[Array, "*s"], spacing: Iterable[float] | None = None
) -> TargetMap:
    """Compute one target map.

    ``tube``: tubed skeleton of radius 2 voxels with class indices, inside the label.
    ``tube_unclipped``: the same, not cut off at the label's border. ``skeleton``: one voxel wide,
    with class indices. ``signed_distance``: of the union of classes, in millimetres.
    ``confidence``: how far the background of a whole case's label is to be believed, 0 to 1.

    Args:
        name: one of ``MAPS``.
        label: class indices, 0 = background.
        spacing: millimetres per voxel; ``None`` means unit voxels. Only distances use it.
    Returns:
        Map of the label's shape: int64, or float32 for distances and confidence.
    Raises:
        ValueError: unknown name, or an empty label for ``confidence``.

    Example:
        >>> import numpy as np
        >>> line = np.zeros((7, 9), int)
        >>> line[2:5] = 1
        >>> target_map("skeleton", line)[3].tolist()
        [1, 1, 1, 1, 1, 1, 1, 0, 0]
    """
    _check.option("target map", name, list(MAPS))
    return MAPS[name](*_plain(label, spacing))


def cached_target_map(
    name: str,
    label: Integer[Array, "*s"],
    spacing: Iterable[float] | None = None,
    *,
    folder: PathLike | None = None,
) -> TargetMap:
    """As ``target_map``, but computed once per label and kept on disk.

    The key covers the label, the map's name and parameters, the spacing, and the source of the
    functions. A damaged entry is computed anew; a cache that cannot be written is only logged.

    Args:
        name: one of ``MAPS``.
        label: class indices, 0 = background.
        spacing: millimetres per voxel.
        folder: of the cache; ``None`` means the user's cache folder.
    Returns:
        As ``target_map``.
    Raises:
        ValueError: as ``target_map``.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     int(cached_target_map("skeleton", np.eye(5, dtype=int), folder=folder).sum())
        5
    """
    _check.option("target map", name, list(MAPS))
    label, spacing = _plain(label, spacing)
    place = cache_root() / "targets" if folder is None else as_path(folder)
    path = place / f"{_key(name, label, spacing)}.npz"
    return cached_array(path, label.shape, lambda: target_map(name, label, spacing))


def _plain(
    label: Integer[Array, "*s"], spacing: Iterable[float] | None
) -> tuple[LabelMap, Spacing | None]:
    plain = array("label", label)
    return plain, None if spacing is None else _check.millimetres(spacing, plain.ndim)


def _key(name: str, label: LabelMap, spacing: Spacing | None) -> str:
    return content_key(f"{name} {TUBE_RADIUS} {spacing} {_sources()}", label)


def _sources() -> str:
    return sources(__name__, confidence_map.__module__)
