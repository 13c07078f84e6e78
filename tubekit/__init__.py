"""tubekit: losses, metrics and networks for thin tubes and small organs.

The library behind the research book. Layers and names: see CONVENTIONS.md.
"""

import importlib
from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """``tubekit.load(folder)``: a network that ``tubekit train`` has saved, imported when used."""
    if name == "load":
        return importlib.import_module("tubekit.own").load
    raise AttributeError(f"module 'tubekit' has no attribute {name!r}")
