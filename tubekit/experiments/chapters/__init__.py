"""What each chapter's tables and ledger must say beside the numbers."""

from tubekit.experiments.chapters import harmonyseg, skeleton_recall
from tubekit.experiments.chapters.chapter import Chapter

CHAPTERS: dict[str, Chapter] = {
    chapter.name: chapter for chapter in (skeleton_recall.CHAPTER, harmonyseg.CHAPTER)
}


def chapter(name: str) -> Chapter:
    """The facts of one chapter.

    Raises:
        ValueError: unknown chapter.
    """
    if name not in CHAPTERS:
        raise ValueError(f"chapter must be one of {', '.join(CHAPTERS)}, got {name!r}")
    return CHAPTERS[name]


__all__ = ["CHAPTERS", "Chapter", "chapter"]
