"""Folders: what is read lies beside the package or in it, what is written never does."""

import functools
import logging
import os
import sys
import tempfile
from pathlib import Path

log = logging.getLogger("tubekit")

_PACKAGE = Path(__file__).resolve().parent
_BESIDE = {"data_manifests": "data_manifests", "results": "book/results"}


def checkout() -> Path | None:
    """Root of the repository this library runs from; None where it was installed alone."""
    root = _PACKAGE.parent
    return root if (root / "book" / "_config.yml").is_file() else None


def shipped(name: str) -> Path:
    """A folder that is only read: ``"data_manifests"``, or ``"results"``, the committed records."""
    inside = _PACKAGE / "shipped" / name
    return inside if inside.is_dir() else _PACKAGE.parent / _BESIDE[name]


def written_results() -> Path:
    """Where new records go: ``book/results`` of a checkout, else ``results`` in the working folder.

    Never the folder of an installation, which the next update would remove.
    """
    root = checkout()
    return root / "book" / "results" if root else Path.cwd() / "results"


def cache_root() -> Path:
    """``$TUBEKIT_CACHE``, else the user's cache folder, as each system has it.

    It need not exist, nor be writable: what is kept there can be made anew.
    """
    chosen = os.environ.get("TUBEKIT_CACHE")
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA") or _home() / "AppData" / "Local"
        return Path(local) / "tubekit" / "tubekit" / "Cache"
    if sys.platform == "darwin":
        return _home() / "Library" / "Caches" / "tubekit"
    return Path(os.environ.get("XDG_CACHE_HOME") or _home() / ".cache") / "tubekit"


def _home() -> Path:
    """The user's home; for a user whom the system does not know, a folder for temporary files."""
    try:
        return Path.home()
    except RuntimeError:
        user = getattr(os, "getuid", lambda: "user")()
        return Path(tempfile.gettempdir()) / f"tubekit-{user}"


@functools.cache
def note_not_kept(what: str, variable: str = "TUBEKIT_CACHE") -> None:
    """Say once per process that a cache cannot be written, which costs time and nothing else."""
    log.warning("%s; set %s to a folder that can be written", what, variable)
