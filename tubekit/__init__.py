"""tubekit: losses, metrics and networks for thin tubes and small organs.

The library behind the research book. Layers and names: see CONVENTIONS.md. Importing it imports
nothing else; ``tubekit.losses`` and the other parts are there when they are asked for.
"""

from typing import TYPE_CHECKING

from tubekit._lazy import lazy

if TYPE_CHECKING:
    from tubekit import (
        data,
        evaluation,
        experiments,
        geometry,
        inference,
        interop,
        losses,
        metrics,
        networks,
        own,
        phantoms,
        plots,
        training,
        types,
    )
    from tubekit._version import __version__
    from tubekit.own.model import load

__all__ = [
    "__version__",
    "data",
    "evaluation",
    "experiments",
    "geometry",
    "inference",
    "interop",
    "load",
    "losses",
    "metrics",
    "networks",
    "own",
    "phantoms",
    "plots",
    "training",
    "types",
]

__getattr__ = lazy(__name__, __file__)


def __dir__() -> list[str]:
    return __all__
