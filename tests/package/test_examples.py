"""What every public function and class tells: its arguments, and one example that runs.

An example knows ``np``, ``torch``, the public names of its package and all names of its module. It
runs in an empty folder, or "After the example of ``name``", in its folder and with its variables.
"""

import doctest
import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jaxtyping
import numpy as np
import pytest
import torch

from tubekit.losses.base import OPTIONS

PACKAGES = (
    *("data", "evaluation", "geometry", "inference", "interop", "losses", "metrics", "networks"),
    *("own", "phantoms", "plots", "training", "types"),
)
OURS = ("tubekit", __name__)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
FIRST = re.compile(r"After the example of ``(\w+)``")
SECTION = re.compile(r"^ *(?:Args|Attributes):\n(.*?)(?=^ *[A-Z]\w+:|\Z)", re.DOTALL | re.MULTILINE)


def names(package: Any) -> list[str]:
    """``__all__``; where there is none, what the module itself defines without an underscore."""
    if hasattr(package, "__all__"):
        return list(package.__all__)
    own = (n for n, o in vars(package).items() if getattr(o, "__module__", "") == package.__name__)
    return [name for name in own if not name.startswith("_")]


def public() -> Iterator[Any]:
    for part in PACKAGES:
        package = importlib.import_module(f"tubekit.{part}")
        for name in names(package):
            thing = getattr(package, name)
            if not (inspect.isroutine(thing) or inspect.isclass(thing)):
                continue  # a constant
            if inspect.isclass(thing) and issubclass(thing, jaxtyping.AbstractArray):
                continue  # a name for an annotation
            if not (inspect.isclass(thing) and issubclass(thing, BaseException)):
                yield pytest.param(package, name, id=f"{part}.{name}")


def parameters(thing: Callable[..., Any]) -> list[str]:
    """Names of what a call may pass; none where the call is that of a built-in type."""
    calls = (getattr(thing, name) for name in ("__init__", "__new__"))
    if inspect.isclass(thing) and not any(map(inspect.isfunction, calls)):
        return []
    return [name for name in inspect.signature(thing).parameters if not name.startswith("_")]


def undocumented(thing: Callable[..., Any]) -> list[str]:
    """Parameters that no line of Args (of Attributes, where a class has fields) begins with."""
    told: set[str] = set()
    own = thing.__mro__ if inspect.isclass(thing) else (thing,)  # a base may tell for all
    texts = (inspect.getdoc(part) or "" for part in own if part.__module__.startswith(OURS))
    for section in SECTION.findall("\n\n".join(texts)):
        margin = re.match(r" *", section)[0]  # continued lines stand further in
        for entry in re.findall(rf"^{margin}(\S[^:\n]*):", section, re.MULTILINE):
            told |= set(re.findall(r"\w+", entry))
    if "options" in told:  # of every loss, told once by the class they come from
        told |= set(OPTIONS)
    return [name for name in parameters(thing) if name not in told]


def examples(thing: Callable[..., Any]) -> list[doctest.Example]:
    return doctest.DocTestParser().get_examples(inspect.getdoc(thing) or "")


def failures(thing: Callable[..., Any], known: dict[str, Any]) -> str:
    """Run the examples, and first the one that they go on from; what differed, as doctest says."""
    parser, said = doctest.DocTestParser(), []
    first = FIRST.search(inspect.getdoc(thing) or "")
    for part in [known[first[1]], thing] if first else [thing]:
        test = parser.get_doctest(inspect.getdoc(part) or "", known, part.__name__, None, None)
        runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
        runner.run(test, out=said.append, clear_globs=False)
        known = test.globs
    return "".join(said)


@pytest.mark.parametrize(("package", "name"), list(public()))
def test_arguments_are_told_and_the_example_runs(
    package: Any, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    thing = getattr(package, name)
    assert not (missing := undocumented(thing)), f"{name}: Args do not tell of {missing}"
    assert examples(thing), f"{name} has no example"
    monkeypatch.chdir(tmp_path)
    known = vars(inspect.getmodule(thing)) | {n: getattr(package, n) for n in names(package)}
    known |= {"np": np, "torch": torch}
    assert not (said := failures(thing, known)), said


def test_the_reader_of_docstrings_can_fail() -> None:
    def double(value: int, how: str = "", times: int = 1, *more: int) -> int:
        """Double.

        Args:
            value, how: what is doubled, in
                times: of it.
        Returns:
            more: nothing of it.

        Example:
            >>> double(2)
            5
        """
        return 2 * value

    assert undocumented(double) == ["times", "more"]
    assert "Expected:\n    5\nGot:\n    4" in failures(double, {"double": double})
