"""One room per chapter: facts, recipes, labels, published numbers, and what only it needs.

Chapters are found by listing this folder; a room without recipes is no chapter of results.
"""

from typing import TYPE_CHECKING

from tubekit._lazy import lazy

if TYPE_CHECKING:
    from tubekit.experiments.chapter import Chapter, chapter, known

__all__ = ["Chapter", "chapter", "known"]

__getattr__ = lazy(__name__, __file__)
