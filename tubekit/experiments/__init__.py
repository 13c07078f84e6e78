"""The engine: recipes with stages, splits, runs, records. The names here stand in records."""

from typing import TYPE_CHECKING

from tubekit._lazy import lazy

if TYPE_CHECKING:
    from tubekit.experiments.data import cross_validation, phantom_split
    from tubekit.experiments.recipe import Recipe, Stage
    from tubekit.experiments.select import mean_dice

__all__ = ["Recipe", "Stage", "cross_validation", "mean_dice", "phantom_split"]

__getattr__ = lazy(__name__, __file__)
