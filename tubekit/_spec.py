"""Spec: a call written down, checked now and made later."""

import functools
import importlib
import inspect
import json
import math
from collections.abc import Callable, Mapping
from typing import Any


class Spec:
    """A class or function and its keyword arguments, checked now and called later.

    ``Spec(Dice, smooth=1)`` fails at once when ``Dice`` has no argument ``smooth``. Two Specs are
    equal when they make the same call: defaults count as if they were written, and a target has
    the shortest name under which a package exports it, wherever its file lies.

    Args:
        target: importable class or function.
        **kwargs: JSON values, functions and classes, other Specs, or lists of these.
    Raises:
        TypeError: an argument the target does not have, or a value that cannot be serialised.

    Example:
        >>> from tubekit.losses import SoftDiceLoss
        >>> str(Spec(SoftDiceLoss, smooth=1.0))
        'SoftDiceLoss(smooth=1.0)'
        >>> Spec(SoftDiceLoss).name
        'tubekit.losses:SoftDiceLoss'
    """

    def __init__(self, target: Callable[..., Any], /, **kwargs: Any) -> None:
        self.target = target
        self.kwargs = kwargs
        accepted = inspect.signature(target).parameters
        if not any(p.kind is p.VAR_KEYWORD for p in accepted.values()):
            unknown = sorted(set(kwargs) - set(accepted))
            if unknown:
                raise TypeError(
                    f"{target.__qualname__} has no argument {', '.join(unknown)}; "
                    f"it accepts {', '.join(accepted)}"
                )
        for value in kwargs.values():
            plain(value)

    def build(self, *args: Any, **more: Any) -> Any:
        """Call the target; nested Specs are built first. ``more`` adds what only run time knows.

        A nested Spec of a function that still lacks an argument, as an optimiser lacks the
        parameters, is handed on as a function of what it lacks.
        """
        return self.target(*args, **{k: _built(v) for k, v in self.kwargs.items()}, **more)

    @property
    def name(self) -> str:
        """``package:name`` of the outermost package that exports the target."""
        return _public_name(self.target)

    def bound(self) -> dict[str, Any]:
        """The arguments of the call, those with defaults too, also defaults of a base class to
        which ``**options`` go."""
        return _defaults(self.target) | self.kwargs

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: name and bound arguments."""
        arguments = {k: plain(v) for k, v in sorted(self.bound().items())}
        return {"target": self.name, "kwargs": arguments}

    def agrees(self, recorded: object) -> bool:
        """Whether ``to_dict`` of some time ago describes this call.

        An argument that came later must be at its default: the call of then did not have it.
        """
        if not isinstance(recorded, Mapping) or recorded.get("target") != self.name:
            return False
        then, now, usual = recorded["kwargs"], self.bound(), _defaults(self.target)
        return set(then) <= set(now) and all(
            agree(value, then[k]) if k in then else k in usual and plain(value) == plain(usual[k])
            for k, value in now.items()
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Spec) and self._text() == other._text()

    def __hash__(self) -> int:
        return hash(self._text())

    def _text(self) -> str:
        return json.dumps(self.to_dict(), sort_keys=True)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{k}={v!r}" for k, v in self.kwargs.items())
        return f"Spec({', '.join(filter(None, [self.target.__qualname__, arguments]))})"

    def __str__(self) -> str:
        """The call as one would write it, e.g. ``adamw(lr=0.002)``."""
        arguments = ", ".join(f"{k}={v}" for k, v in self.kwargs.items())
        return f"{self.target.__qualname__}({arguments})"


def plain(value: Any) -> Any:
    """A value of a Spec as JSON has it.

    Raises:
        TypeError: it holds something else.
    """
    if isinstance(value, Spec):
        return value.to_dict()
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no word for it
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if inspect.isfunction(value) or inspect.isclass(value):
        named: Any = value
        if "<" in named.__qualname__:
            raise TypeError(
                f"a Spec holds functions that can be imported, got {named.__qualname__}; write the "
                "call that makes it as a Spec of its own, e.g. Spec(ramp, first=0, last=1, ...)"
            )
        return _public_name(named)
    raise TypeError(
        "a Spec holds JSON values, functions, Specs and lists of them, got "
        f"{type(value).__name__} {value!r}"
    )


def agree(value: Any, recorded: Any) -> bool:
    """Whether a value of a Spec is what a record says."""
    if isinstance(value, Spec):
        return value.agrees(recorded)
    if isinstance(value, (list, tuple)):
        return (
            isinstance(recorded, list)
            and len(value) == len(recorded)
            and all(map(agree, value, recorded))
        )
    return type(plain(value)) is type(recorded) and plain(value) == recorded


def _built(value: Any) -> Any:
    if isinstance(value, Spec):
        lacks = any(
            p.default is p.empty and p.name not in value.kwargs
            for p in inspect.signature(value.target).parameters.values()
            if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
        )
        return value.build if lacks and inspect.isfunction(value.target) else value.build()
    if isinstance(value, (list, tuple)):
        return type(value)(_built(v) for v in value)
    return value


@functools.cache
def _public_name(target: Any) -> str:
    module, name = target.__module__, target.__qualname__
    parts = module.split(".")
    for count in range(1, len(parts)):
        package = ".".join(parts[:count])
        if getattr(importlib.import_module(package), name, None) is target:
            return f"{package}:{name}"
    return f"{module}:{name}"


@functools.cache
def _defaults(target: Callable[..., Any]) -> dict[str, Any]:
    """Defaults by name; a class that takes ``**options`` hands them to its next base."""
    found: dict[str, Any] = {}
    calls = (
        [c.__init__ for c in target.__mro__ if "__init__" in vars(c)]
        if isinstance(target, type)
        else [target]
    )
    for call in calls:
        parameters = inspect.signature(call).parameters.values()
        for p in parameters:
            if p.default is not p.empty:
                found.setdefault(p.name, p.default)
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return found
