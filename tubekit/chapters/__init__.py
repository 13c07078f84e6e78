"""The recipes of each chapter: ``recipes(chapter, profile)``."""

from tubekit.experiments.recipe import PROFILES, Profile, Recipe
from tubekit.experiments.recipes import harmonyseg, skeleton_recall

CHAPTERS = {"skeleton_recall": skeleton_recall.recipes, "harmonyseg": harmonyseg.recipes}


def recipes(chapter: str, profile: Profile) -> list[Recipe]:
    """All recipes of a chapter.

    Raises:
        ValueError: unknown chapter or profile.
    """
    if chapter not in CHAPTERS:
        raise ValueError(f"chapter must be one of {', '.join(CHAPTERS)}, got {chapter!r}")
    if profile not in PROFILES:
        raise ValueError(f"profile must be one of {', '.join(PROFILES)}, got {profile!r}")
    return CHAPTERS[chapter](profile)


def recipe(chapter: str, profile: Profile, recipe_id: str) -> Recipe:
    """One recipe by its id, e.g. ``"table-2/retina/srl"``."""
    found = {r.id: r for r in recipes(chapter, profile)}
    if recipe_id not in found:
        raise ValueError(
            f"no recipe {recipe_id!r} in {chapter} ({profile}); known: {', '.join(found)}"
        )
    return found[recipe_id]
