"""Folders: what is read lies beside the package or in it, what is written never does."""

import os
import sys
from pathlib import Path

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
    """``$TUBEKIT_CACHE``, else the user's cache folder, as each system has it."""
    chosen = os.environ.get("TUBEKIT_CACHE")
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
        return Path(local) / "tubekit" / "tubekit" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "tubekit"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tubekit"
