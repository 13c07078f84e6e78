"""The recipes of a chapter by its name."""

from tubekit.experiments.chapter import chapter as room
from tubekit.experiments.recipe import Profile, Recipe


def recipes(chapter: str, profile: Profile) -> list[Recipe]:
    """All recipes of a chapter; errors as ``Chapter.recipes``."""
    return room(chapter).recipes(profile)


def recipe(chapter: str, profile: Profile, recipe_id: str) -> Recipe:
    """One recipe by its id, e.g. ``"table-2/retina/srl"``; errors as ``Chapter.recipe``."""
    return room(chapter).recipe(profile, recipe_id)
