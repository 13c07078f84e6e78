"""Folders that lie beside the package in a checkout and inside it in an installation."""

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
