"""Names of a package that are imported when somebody asks for them (PEP 562).

Such a package writes the imports of its public names below ``if TYPE_CHECKING:``, where editors
and type checkers read them, and ``__getattr__ = lazy(__name__, __file__)`` carries them out.
"""

import ast
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def lazy(package: str, file: str) -> Callable[[str], Any]:
    """The ``__getattr__`` of a package whose source file holds the imports.

    Args:
        package: its ``__name__``.
        file: its ``__file__``.
    """
    found_in = homes(file)

    def get(name: str) -> Any:
        if name not in found_in:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        home = found_in[name]
        if home == package:
            return importlib.import_module(f"{package}.{name}")
        found = getattr(importlib.import_module(home), name)
        setattr(sys.modules[package], name, found)  # the next time nobody asks here
        return found

    return get


def homes(file: str) -> dict[str, str]:
    """Public name to the module that the lines below ``if TYPE_CHECKING:`` import it from."""
    found: dict[str, str] = {}
    for statement in ast.parse(Path(file).read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING":
            for line in statement.body:
                if isinstance(line, ast.ImportFrom) and line.module:
                    found |= {alias.name: line.module for alias in line.names}
    return found
