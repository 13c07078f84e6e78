"""Which code made a number: a hash of the library's files that a run imports."""

import ast
import functools
import hashlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tubekit
from tubekit._lazy import homes as lazy_homes
from tubekit.experiments.recipe import Recipe
from tubekit.types import Spec

ROOT = Path(tubekit.__file__).parent


def sources_of(recipe: Recipe) -> str:
    """SHA-256 of every Python file of the library that the recipe's run imports, directly or not.

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
    if inspect.isfunction(value) or inspect.isclass(value):
        yield value.__module__
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
    """Modules that a file imports, here or in its functions; what only editors read does not count.

    Of a package that imports its names when they are asked for, only the homes of those asked for.
    """
    names: list[str] = []
    waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            package = ROOT.parent.joinpath(*node.module.split(".")) / "__init__.py"
            homes = lazy_homes(str(package)) if package.is_file() else {}
            names.append(node.module)
            names += [homes.get(a.name, f"{node.module}.{a.name}") for a in node.names]
    return tuple(names)
