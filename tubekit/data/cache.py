"""Arrays that are computed once and kept on disk, under a key of all they depend on."""

import functools
import hashlib
import importlib
import inspect
import io
import logging
import os
import zipfile
import zlib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import numpy as np

import tubekit.geometry
from tubekit._folders import note_not_kept
from tubekit.data.storage import write_atomic

log = logging.getLogger("tubekit.data")

Array = TypeVar("Array", bound=np.ndarray)


def cached_array(path: Path, shape: tuple[int, ...], compute: Callable[[], Array]) -> Array:
    """The array kept at ``path``, else the computed one, which is then kept there.

    A damaged entry is computed anew; a cache that cannot be written is only logged.

    Args:
        path: of the entry, named by ``content_key``.
        shape: that the array must have.
        compute: makes the array.
    """
    try:
        with np.load(path) as stored:
            found: Array = stored["map"]
        if found.shape == shape:
            return found
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        if os.path.exists(path):  # Path.exists raises where a folder may not be read
            log.warning("%s: damaged cache entry is computed anew (%s)", path, error)
    made = compute()
    buffer = io.BytesIO()
    np.savez_compressed(buffer, map=made)
    try:
        write_atomic(path, buffer.getvalue())
    except OSError as error:
        log.debug("%s", error)
        note_not_kept("computed maps are not kept, so every start makes them anew")
    return made


def content_key(head: str, *arrays: np.ndarray) -> str:
    """Name of an entry: SHA-256 of a text that says what is computed, and of its inputs."""
    digest = hashlib.sha256(head.encode())
    for array in arrays:
        digest.update(f" {array.dtype.str} {array.shape} ".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


@functools.cache
def sources(*names: str) -> str:
    """SHA-256 of the modules named, the geometry package, and the packages below it."""
    files = sorted(Path(tubekit.geometry.__file__).parent.rglob("*.py"))
    texts = [path.read_text(encoding="utf-8") for path in files]
    texts += [inspect.getsource(importlib.import_module(name)) for name in names]
    packages = [version(p) for p in ("numpy", "scipy", "edt", "numba")]
    return hashlib.sha256("".join([*texts, *packages]).encode()).hexdigest()
