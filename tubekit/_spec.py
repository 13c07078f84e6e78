"""Spec: a call written down, checked now and made later."""

import hashlib
import importlib
import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any

# A specification read from a file may name only these packages.
TRUSTED_PACKAGES = ("tubekit", "torch")


class Spec:
    """A class or function and its keyword arguments, checked now and called later.

    ``Spec(Dice, smooth=1)`` fails at once when ``Dice`` has no argument ``smooth``; it hashes,
    compares and serialises by content, so that it can name a run.

    Args:
        target: importable class or function; its module must be below ``TRUSTED_PACKAGES``.
        **kwargs: JSON values, other Specs, or lists of these.
    Raises:
        TypeError: an argument the target does not have, or a value that cannot be serialised.
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
        self._text = json.dumps(self.to_dict(), sort_keys=True)

    def build(self, *args: Any, **more: Any) -> Any:
        """Call the target; nested Specs are built first. ``more`` adds what only run time knows."""
        return self.target(*args, **{k: _built(v) for k, v in self.kwargs.items()}, **more)

    def to_dict(self) -> dict[str, Any]:
        path = f"{self.target.__module__}:{self.target.__qualname__}"
        return {"target": path, "kwargs": {k: _plain(v) for k, v in self.kwargs.items()}}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Spec":
        """Inverse of ``to_dict``. Only names below ``TRUSTED_PACKAGES`` are resolved."""
        module, _, name = data["target"].partition(":")
        if module.split(".")[0] not in TRUSTED_PACKAGES or "." in name or not name:
            raise ValueError(
                f"a specification may name only {' and '.join(TRUSTED_PACKAGES)}, got "
                f"{data['target']!r}; import other code in Python and use Spec(...) there"
            )
        target = getattr(importlib.import_module(module), name)
        return cls(target, **{k: _parsed(v) for k, v in data["kwargs"].items()})

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON."""
        return hashlib.sha256(self._text.encode()).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Spec) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{k}={v!r}" for k, v in self.kwargs.items())
        return f"Spec({', '.join(filter(None, [self.target.__qualname__, arguments]))})"

    def __str__(self) -> str:
        """The call as one would write it, e.g. ``adamw(lr=0.002)``."""
        arguments = ", ".join(f"{k}={v}" for k, v in self.kwargs.items())
        return f"{self.target.__qualname__}({arguments})"


def _built(value: Any) -> Any:
    if isinstance(value, Spec):
        return value.build()
    if isinstance(value, (list, tuple)):
        return type(value)(_built(v) for v in value)
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, Spec):
        return value.to_dict()
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(
        f"a Spec holds JSON values, Specs and lists of them, got {type(value).__name__} {value!r}"
    )


def _parsed(value: Any) -> Any:
    if isinstance(value, dict):
        return Spec.from_dict(value)
    if isinstance(value, list):
        return tuple(_parsed(v) for v in value)
    return value
