"""The cache key of a notebook run: everything that can change what the run prints."""

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tubekit._extras import extra
from tubekit.bookbuild.layout import Layout
from tubekit.data.manifest import read_manifest
from tubekit.data.places import local_folders

with extra("book", __name__):
    from nbformat import NotebookNode

# Parts of the library that a notebook calls or is run by; the rest of the folder, like the command
# line, only arranges what a run has printed.
PRESENTATION = ("bookbuild", "cli.py")
EXCEPTIONS = ("bookbuild/check.py", "bookbuild/execute.py")


def code_key(notebook: NotebookNode, parameters: Mapping[str, Any], layout: Layout) -> str:
    """SHA-256 over code cells, parameters, library, pins, manifests and committed records.

    Prose and cell tags are left out: editing a sentence must not repeat a training.
    """
    library = (
        path
        for path in layout.sources.rglob("*")
        if path.suffix in (".py", ".toml") and _matters(path.relative_to(layout.sources))
    )
    return _digest(
        {
            "code": [cell.source for cell in notebook.cells if cell.cell_type == "code"],
            "parameters": dict(parameters),
            "library": _contents(library, layout.sources),
            "pins": _contents([layout.pins], layout.pins.parent),
            "manifests": _contents(layout.manifests.glob("*.toml"), layout.manifests),
            "records": _contents(layout.results.rglob("*.json"), layout.results),
            "python": sys.version_info[:2],
            # With a virtual screen napari draws its own pictures, without one a mesh stands in.
            "screen": bool(os.environ.get("DISPLAY") or shutil.which("Xvfb")),
        }
    )


def run_key(code: str, layout: Layout, *, offline: bool) -> str:
    """``code_key`` joined with the data on this machine.

    Manifests list the SHA-256 of every file and the loader verifies it, so names and sizes say
    enough about what is present, without reading gigabytes. A run that had to do without the
    network because it was told so is not taken for one that could have downloaded.
    """
    present = {}
    lacking = False
    for path in sorted(layout.manifests.glob("*.toml")):
        manifest = read_manifest(path)
        files: dict[str, int] = {}
        for _, folder in reversed(local_folders(manifest)):
            found = (file for file in sorted(folder.rglob("*")) if file.is_file())
            files |= {file.relative_to(folder).as_posix(): file.stat().st_size for file in found}
        present[manifest.name] = files
        lacking |= manifest.access == "open" and not files
    return _digest({"code": code, "present": present, "offline": offline and lacking})


def _matters(path: Path) -> bool:
    return path.parts[0] not in PRESENTATION or path.as_posix() in EXCEPTIONS


def _contents(paths: Iterable[Path], root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(paths)
        if path.is_file()
    }


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
