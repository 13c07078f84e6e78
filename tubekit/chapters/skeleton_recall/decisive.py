"""The rows on which the Skeleton Recall paper stands or falls, trained until they are flat.

Retinal vessels of CHASE_DB1 at half size. Every method may choose its learning rate and the weight
of its connectivity term from one grid, by the Dice score of the validation patients of the first
three seeds; the chosen setting is then run with nine seeds, three per fold.
"""

import dataclasses
from collections.abc import Callable

from tubekit.experiments.recipe import Recipe
from tubekit.training import Supervised, adamw
from tubekit.types import Spec

METHODS = ("ce_dice", "srl", "cldice", "soft_recall")
RATES = (1e-3, 4e-3)
WEIGHTS = (0.1, 1.0)  # the two that the paper allows
STEPS = 1500
VALIDATIONS = 20
SEEDS = tuple(range(9))
CHOSEN: dict[str, tuple[float, float]] = {}
"""Rate and weight by method, as ``grid`` ended; a test compares them with its records."""


def decisive(usual: dict[str, Recipe], loss: Callable[..., Spec]) -> list[Recipe]:
    """The grid, and the runs at what was chosen from it.

    Args:
        usual: recipes of the retina in Table 2, by method.
        loss: of a method, with a ``weight`` for its connectivity term.
    """

    def made(table: str, method: str, name: str, rate: float, weight: float) -> Recipe:
        update = Spec(Supervised, loss=loss(method, weight=weight), optimizer=Spec(adamw, lr=rate))
        longer = usual[method].train_differently(
            update=update, steps=STEPS, validations=VALIDATIONS
        )
        return dataclasses.replace(longer, table=table, method=name)

    grid = [
        made("grid", method, f"{method}_w{weight:g}_lr{rate:g}", rate, weight)
        for method in METHODS
        for weight in (WEIGHTS if method != "ce_dice" else (1.0,))
        for rate in RATES
    ]
    runs = [
        dataclasses.replace(made("decisive", method, method, *CHOSEN[method]), seeds=SEEDS)
        for method in METHODS
        if method in CHOSEN
    ]
    return grid + runs
