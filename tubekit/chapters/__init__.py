"""One room per chapter: facts, recipes, labels, published numbers, and what only it needs.

Chapters are found by listing this folder; a room without recipes is no chapter of results.
"""

from tubekit.chapters.chapter import Chapter, chapter, known

__all__ = ["Chapter", "chapter", "known"]
