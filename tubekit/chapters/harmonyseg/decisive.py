"""The rows on which the HarmonySeg paper stands or falls, trained until they are flat.

The loss, on labels without 25 and 50 per cent of their branches: the usual loss at 1,920 steps
against all four terms, and mix-equivalence alone, at 960; a step of these two passes two batches
through the network, so all pass as many. The network, on painted livers at 600 steps: the plain
one; the same widened to the size of D2SD + SADF (548,271 parameters against 541,337); the
vesselness concatenated; D2SD + SADF.

Every method may choose its learning rate from one grid, by the Dice score of the validation cases
(in the grid of the loss these lack branches too). Weights of the terms are 1, the paper's. Seeds
of the grid and of the runs were fixed before any of them.

Cost on one core, validations included: 12 grid runs and 36 runs of the loss, some 5 minutes each;
24 and 36 of the network, between 3 and 7 minutes: 8 hours, of which the grids take 2.5.
"""

import dataclasses
from collections.abc import Mapping

from tubekit.chapters.harmonyseg.parts import networks, single_terms
from tubekit.chapters.harmonyseg.tasks import Task
from tubekit.experiments.recipe import Recipe
from tubekit.networks import UNet
from tubekit.training import Supervised, adamw
from tubekit.types import Spec

RATES = (2e-3, 5e-3)  # the second is that of the short trainings
FRACTIONS = (0.25, 0.5)
LOSS_STEPS = {"baseline": 1920, "mix": 960, "all": 960}
NETWORK_STEPS = 600
WIDER = (10, 20, 40, 80)  # 1.3 % more parameters than D2SD + SADF
VALIDATIONS = 20
CHOSEN: dict[tuple[str, str], float] = {}
"""Rate by data and method, as ``grid`` ended; a test compares them with its records."""


def decisive(loss: Recipe, network: Recipe, known: Mapping[str, Task]) -> list[Recipe]:
    """The grids, and the runs at what was chosen from them.

    Args:
        loss: a recipe with missing branches, whose network and patches the runs share.
        network: a recipe of the painted livers, likewise.
        known: tasks by name.
    """
    pairs = [
        *(_loss(loss, fraction, method) for fraction in FRACTIONS for method in LOSS_STEPS),
        *_networks(network, known),
    ]
    grid = [
        dataclasses.replace(
            _at(recipe, rate),
            table="grid",
            method=f"{recipe.method}_lr{rate:g}",
            seeds=(0, 1, 2) if recipe.table == "decisive-network" else (0,),
        )
        for recipe in pairs
        for rate in RATES
    ]
    runs = [
        _at(recipe, CHOSEN[recipe.data_name, recipe.method])
        for recipe in pairs
        if (recipe.data_name, recipe.method) in CHOSEN
    ]
    return grid + runs


def _loss(base: Recipe, fraction: float, method: str) -> Recipe:
    longer = base.train_differently(
        update=Spec(Supervised, loss=single_terms()[method], optimizer=Spec(adamw)),
        steps=LOSS_STEPS[method],
        validations=VALIDATIONS,
    )
    return dataclasses.replace(
        longer,
        table="decisive-loss",
        data_name=f"missing_{100 * fraction:.0f}",
        method=method,
        data=Spec(base.data.target, **{**base.data.kwargs, "fraction": fraction}),
        seeds=tuple(range(6)),
    )


def _networks(base: Recipe, known: Mapping[str, Task]) -> list[Recipe]:
    """Three folds, three runs each."""
    image, both = known["hvs"], known["hvs_vesselness"]
    made = networks(image)
    longer = base.train_differently(steps=NETWORK_STEPS, validations=VALIDATIONS)
    return [
        dataclasses.replace(
            longer,
            table="decisive-network",
            method=method,
            data=task.data,
            network=built,
            deviations=task.deviations,
            seeds=tuple(range(9)),
        )
        for method, task, built in (
            ("plain", image, made["nnunet"]),
            ("wide", image, Spec(UNet, ndim=3, features=WIDER)),
            ("concat", both, made["nnunet"]),
            ("d2sd_sadf", both, made["d2sd_sadf"]),
        )
    ]


def _at(recipe: Recipe, rate: float) -> Recipe:
    """One rate for the optimiser; one arithmetic, so that no two machines mix in a statement."""
    update = recipe.stages[-1].update
    optimizer = Spec(adamw, lr=rate, weight_decay=0.0)
    changed = Spec(update.target, **{**update.kwargs, "optimizer": optimizer})
    return dataclasses.replace(recipe.train_differently(update=changed), precision="bf16-mixed")
