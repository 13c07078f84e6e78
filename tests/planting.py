"""Bugs planted on purpose: each one must make the test named beside it fail."""

import importlib
from collections.abc import Callable
from typing import Any

import pytest

Check = Callable[[], None]


class Planted(list[tuple[str, str, Any, Check]]):
    """(file, name, bug, check) for the modules of one package, e.g. ``"tubekit.losses"``.

    A file may be followed by a colon and a class, for a method.
    """

    def __init__(self, package: str) -> None:
        super().__init__()
        self.package = package

    def module(self, name: str) -> Any:
        """A file of the package; some functions hide the file of the same name."""
        return importlib.import_module(f"{self.package}.{name}")

    def __call__(self, place: str, name: str, check: Check) -> Callable[[Any], Any]:
        """Put the function below in the place of ``name``; ``check`` must then fail."""

        def plant(bug: Any) -> Any:
            self.append((place, name, bug, check))
            return bug

        return plant

    def each(self) -> pytest.MarkDecorator:
        """Parametrises a test over all bugs."""
        names = [f"{i}-{place}-{bug.__name__}" for i, (place, _, bug, _) in enumerate(self)]
        return pytest.mark.parametrize(("place", "name", "bug", "check"), list(self), ids=names)

    def catch(self, patch: pytest.MonkeyPatch, place: str, name: str, bug: Any, check: Any) -> None:
        """``check`` passes without the bug and fails with it."""
        check()
        file, _, inside = place.partition(":")
        owner = getattr(self.module(file), inside) if inside else self.module(file)
        patch.setattr(owner, name, bug)
        package = importlib.import_module(self.package)
        if name in getattr(package, "__all__", ()):  # checks may call it through the package
            patch.setattr(package, name, bug)
        with pytest.raises(AssertionError):
            check()
