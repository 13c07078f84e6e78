"""Where things lie in a checkout, and the one error the build raises."""

from dataclasses import dataclass
from pathlib import Path

from tubekit import _folders
from tubekit._extras import REPOSITORY, extra

PROFILES = ("smoke", "laptop", "full")


class BuildError(RuntimeError):
    """The book cannot be built; the message says where and why."""


@dataclass(frozen=True)
class Layout:
    """The folders the build reads (upper half) and writes (lower half)."""

    notebooks: Path
    book: Path
    sources: Path
    pins: Path
    manifests: Path
    results: Path
    cache: Path
    build: Path

    @classmethod
    def of(cls, root: Path) -> "Layout":
        """The layout of a checkout."""
        return cls(
            notebooks=root / "notebooks",
            book=root / "book",
            sources=root / "tubekit",
            pins=root / "constraints.txt",
            manifests=root / "data_manifests",
            results=root / "book" / "results",
            cache=root / ".cache" / "book",
            build=root / "_build",
        )

    @property
    def html(self) -> Path:
        """The finished site."""
        return self.build / "html"

    @property
    def repository(self) -> str:
        """Address of the public repository, from the book's configuration."""
        with extra("book", __name__):
            import yaml
        config = yaml.safe_load((self.book / "_config.yml").read_text(encoding="utf-8"))
        return config["repository"]["url"].rstrip("/")

    def notebook_sources(self) -> list[Path]:
        """The MyST notebooks in reading order.

        Raises:
            BuildError: there is none.
        """
        found = sorted(self.notebooks.glob("*.md"))
        if not found:
            raise BuildError(
                f"expected MyST notebooks (*.md) in {self.notebooks}, found none; check the path"
            )
        return found


def checkout() -> Layout:
    """The layout of the checkout this library runs from.

    Raises:
        BuildError: there is none, because the library was installed alone.
    """
    root = _folders.checkout()
    if root is None:
        raise BuildError(
            "expected to run from a checkout, which holds the notebooks and pages, got an "
            f"installation without them; type: git clone {REPOSITORY}, then `make book` in there"
        )
    return Layout.of(root)
