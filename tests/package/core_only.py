"""Run as a program: import every module where only the packages of the core can be found."""

import importlib
import json
import pkgutil
import re
import sys
import tomllib
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def normal(name: str) -> str:
    """A distribution's name as the index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def closure(requirements: Iterable[str]) -> set[str]:
    """Distributions that these requirements bring, with all that those bring in turn."""
    found: set[str] = set()
    waiting = [Requirement(text) for text in requirements]
    done = set()
    while waiting:
        wanted = waiting.pop()
        name = normal(wanted.name)
        if (name, *wanted.extras) in done:
            continue
        done.add((name, *wanted.extras))
        found.add(name)
        if name == PROJECT["name"]:
            below = [t for e in wanted.extras for t in PROJECT["optional-dependencies"][e]]
        else:
            below = _requires(name)
        for further in map(Requirement, below):
            marker = further.marker
            if not marker or any(marker.evaluate({"extra": e}) for e in ("", *wanted.extras)):
                waiting.append(further)
    return found


def _requires(name: str) -> list[str]:
    try:
        return metadata.requires(name) or []
    except metadata.PackageNotFoundError:  # of another system
        return []


class OnlyThese:
    """Import finder that hides all packages of other distributions than those allowed."""

    def __init__(self, allowed: set[str]) -> None:
        self.allowed = allowed
        self.homes = metadata.packages_distributions()

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        homes = {normal(home) for home in self.homes.get(name.partition(".")[0], ())}
        if homes - {PROJECT["name"], "tubekit"} and not homes & self.allowed:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def walk() -> dict[str, list[str]]:
    """Module to [] where it can be imported, else to the error's type and text."""
    import tubekit

    found = {}
    for module in pkgutil.walk_packages(tubekit.__path__, "tubekit.", onerror=lambda name: None):
        if module.name == "tubekit.__main__":
            continue
        try:
            importlib.import_module(module.name)
            found[module.name] = []
        except Exception as error:
            found[module.name] = [type(error).__name__, str(error)]
    return found


if __name__ == "__main__":
    sys.meta_path.insert(0, OnlyThese(closure(PROJECT["dependencies"])))
    print(json.dumps(walk()))
