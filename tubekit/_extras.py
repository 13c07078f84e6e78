"""Packages that only a part of the library needs: a missing one is a line with the remedy."""

from collections.abc import Iterator
from contextlib import contextmanager

from tubekit._folders import checkout

DISTRIBUTION = "thin-tubes"
"""Name of what is installed; the import name is tubekit."""
REPOSITORY = "https://github.com/tubekit/tubekit"


class MissingExtra(ModuleNotFoundError):
    """A package of an extra is not installed; the message holds the command to type."""


@contextmanager
def extra(name: str, part: str) -> Iterator[None]:
    """Import packages of an extra inside this context; the outermost one speaks.

    Args:
        name: of the extra in pyproject.toml, e.g. ``"train"``.
        part: what needs the packages: a command, or ``__name__``.
    Raises:
        MissingExtra: one of them is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "tubekit").partition(".")[0]
        if package == "tubekit":  # a fault of the library
            raise
        raise MissingExtra(
            f"{part} needs the package {package}, which is not installed; type: {command(name)}",
            name=error.name,
        ) from None


def command(name: str) -> str:
    """What to type for an extra, in a checkout or outside one."""
    root = checkout()
    what = f"{DISTRIBUTION}[{name}] @ git+{REPOSITORY}" if root is None else f"{root}[{name}]"
    return f'pip install {"" if root is None else "-e "}"{what}"'
