"""Which code made a number: a hash of the library's files that a run imports."""

import ast
import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tubekit
from tubekit.experiments.recipe import Recipe
from tubekit.types import Spec

ROOT = Path(tubekit.__file__).parent


def sources_of(recipe: Recipe) -> str:
    """SHA-256 of every file of the library that the recipe's run imports, directly or not.

    It stands in the record, not in the digest: a moved comment makes no number wrong. Records of
    other sources are listed by ``tubekit run --stale``; checkpoints of other sources are not
    continued.
    """
    modules = sorted(set(_targets(recipe)) | {"tubekit.experiments.run"})
    return _hash(tuple(modules))


@functools.cache
def _hash(modules: tuple[str, ...]) -> str:
    reached: set[Path] = set()
    waiting = [path for name in modules for path in _files(name)]
    while waiting:
        path = waiting.pop()
        if path not in reached:
            reached.add(path)
            waiting += [p for name in _imports(path) for p in _files(name)]
    digest = hashlib.sha256()
    for path in sorted(reached):
        digest.update(f"{path.relative_to(ROOT).as_posix()}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _targets(value: Any) -> Iterator[str]:
    """Modules of everything that a recipe calls."""
    if isinstance(value, Spec):
        yield value.target.__module__
        value = list(value.bound().values())
    elif isinstance(value, Recipe):
        value = [value.data, value.network, value.predictor, *value.stages]
    elif hasattr(value, "update"):  # a stage
        value = [value.update, value.sampler, value.prepare, value.select]
    if isinstance(value, (list, tuple)):
        for part in value:
            yield from _targets(part)


def _files(module: str) -> list[Path]:
    """The file of a module of the library and those of the packages around it."""
    parts = module.split(".")
    if parts[0] != "tubekit":
        return []
    found = []
    for count in range(1, len(parts) + 1):
        place = ROOT.joinpath(*parts[1:count])
        found += [p for p in (place / "__init__.py", place.with_suffix(".py")) if p.is_file()]
    return found


@functools.cache
def _imports(path: Path) -> tuple[str, ...]:
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(names)
