"""Target maps that losses need beside the label: tubes, skeletons, distances.

Each is computed from a label map by a function of ``tubekit.geometry``, on a patch while loading
or on a whole case ahead of time. Maps made ahead of time are cached on disk.
"""

import functools
import hashlib
import inspect
import io
import logging
import sys
import zipfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int64, Integer

from tubekit import _check
from tubekit.data.storage import cache_root, write_atomic
from tubekit.geometry import signed_distance, skeletonize, tubed_skeleton
from tubekit.types import Spacing

TUBE_RADIUS = 2
"""Radius of the tube in voxels: the value of Skeleton Recall (Kirchhoff et al., ECCV 2024)."""

log = logging.getLogger("tubekit.data")

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


MAPS: dict[str, Callable[[LabelMap, Spacing | None], TargetMap]] = {
    "tube": _tube,
    "tube_unclipped": _tube_unclipped,
    "skeleton": _skeleton,
    "signed_distance": _signed_distance,
}


def target_map(name: str, label: LabelMap, spacing: Spacing | None = None) -> TargetMap:
    """Compute one target map.

    ``tube``: tubed skeleton of radius 2 voxels with class indices, inside the label.
    ``tube_unclipped``: the same, not cut off at the label's border. ``skeleton``: one voxel wide,
    with class indices. ``signed_distance``: of the union of classes, in millimetres.

    Args:
        name: one of ``MAPS``.
        label: class indices, 0 = background.
        spacing: millimetres per voxel; ``None`` means unit voxels. Tubes ignore it.
    Returns:
        Map of the label's shape: int64, or float32 for distances.
    Raises:
        ValueError: unknown name.
    """
    _check.option("target map", name, list(MAPS))
    return MAPS[name](label, spacing)


def cached_target_map(
    name: str, label: LabelMap, spacing: Spacing | None = None, *, folder: Path | None = None
) -> TargetMap:
    """As ``target_map``, but computed once per label and kept on disk.

    The key covers the label, the map's name and parameters, the spacing, and the source of the
    functions. A damaged entry is computed anew; a cache that cannot be written is only logged.

    Args:
        name: one of ``MAPS``.
        label: class indices, 0 = background.
        spacing: millimetres per voxel.
        folder: of the cache; ``None`` means the user's cache folder.
    """
    _check.option("target map", name, list(MAPS))
    path = (folder or cache_root() / "targets") / f"{_key(name, label, spacing)}.npz"
    try:
        with np.load(path) as stored:
            found: TargetMap = stored["map"]
        if found.shape == label.shape:
            return found
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        if path.exists():
            log.warning("%s: damaged cache entry is computed anew (%s)", path, error)
    made = target_map(name, label, spacing)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, map=made)
    try:
        write_atomic(path, buffer.getvalue())
    except OSError as error:
        log.warning("target map is not cached: %s", error)
    return made


def _key(name: str, label: LabelMap, spacing: Spacing | None) -> str:
    head = f"{name} {TUBE_RADIUS} {spacing} {label.dtype.str} {label.shape} {_sources()}"
    return hashlib.sha256(head.encode() + np.ascontiguousarray(label).tobytes()).hexdigest()


@functools.cache
def _sources() -> str:
    """What the maps depend on: this file, the geometry package, and the packages below it."""
    modules = [m for m in sorted(sys.modules) if m.startswith("tubekit.geometry.")]
    texts = [inspect.getsource(sys.modules[m]) for m in [*modules, __name__]]
    packages = [version(p) for p in ("numpy", "scipy", "scikit-image", "edt")]
    return hashlib.sha256("".join([*texts, *packages]).encode()).hexdigest()
