"""Recipes of the HarmonySeg chapter: Tables 1 to 8 and the labels with missing branches.

Rows of one table share data, steps, patches and seeds. A cell of several tables is one run.
"""

import dataclasses
from collections.abc import Callable

from tubekit.chapters.harmonyseg.decisive import decisive
from tubekit.chapters.harmonyseg.parts import (
    growth_suppression,
    networks,
    other_readings,
    plus,
    single_terms,
)
from tubekit.chapters.harmonyseg.tasks import Task, tasks
from tubekit.experiments.recipe import Profile, Recipe, supervised, windows
from tubekit.losses import (
    CrossEntropyLoss,
    DeepSupervision,
    DiceCELoss,
    SkeletonRecallLoss,
    SoftClDiceLoss,
)
from tubekit.training import adamw
from tubekit.types import Spec

CHAPTER = "harmonyseg"
LAMBDAS = (0.0, 0.5, 0.75, 1.0, 1.5, 2.0)
FRACTIONS = (0.0, 0.1, 0.25, 0.5)  # of the branches that are missing in the training labels


def _rate(profile: Profile, ndim: int) -> float:
    if profile == "full":
        return 1e-4
    return 2e-3 if ndim == 2 else 5e-3


def recipes(profile: Profile) -> list[Recipe]:
    """Every run of the chapter at one profile."""
    known = tasks(profile)

    def make(table: str, name: str, method: str, network: str, loss: Spec) -> Recipe:
        task = known[name]
        return Recipe(
            chapter=CHAPTER,
            table=table,
            data_name=name.removesuffix("_vesselness"),
            method=method,
            profile=profile,
            data=task.data,
            network=networks(task)[network],
            stages=(
                supervised(
                    loss=loss,
                    # The paper: Adam at 1e-4, decaying polynomially. Few steps need a higher rate;
                    # that of the volumes was chosen by the plain network's Dice on validation
                    # patients.
                    optimizer=Spec(adamw, lr=_rate(profile, task.ndim), weight_decay=0.0),
                    steps=task.steps,
                    batch_size=task.batch_size,
                    patch_size=task.patch_size,
                    validations=2,
                ),
            ),
            predictor=windows(
                task.patch_size, 0.5 if profile == "full" or task.ndim == 2 else 0.25
            ),
            metrics=task.metrics,
            deviations=task.deviations,
            seeds=(0,) if profile == "smoke" else (0, 1, 2),
        )

    usual = Spec(DiceCELoss)
    gsb = growth_suppression()
    # WingsNet has two outputs, and its idea is that both are supervised.
    wings = Spec(DeepSupervision, loss=usual, weights=[1.0, 1.0])
    made = [
        make("table-1", "hvs", "nnunet", "nnunet", usual),
        make(
            "table-1", "hvs", "nnunet_cldice", "nnunet", plus(Spec(SoftClDiceLoss, iterations=10))
        ),
        make("table-1", "hvs", "nnunet_srl", "nnunet", plus(Spec(SkeletonRecallLoss))),
        make("table-1", "hvs", "transunet", "transunet", usual),
        make("table-1", "hvs", "dscnet", "dscnet", usual),
        make("table-1", "hvs_vesselness", "harmonyseg", "d2sd_sadf", gsb),
    ]
    made += [
        make("table-3", "retina", "unet", "unet", Spec(CrossEntropyLoss)),
        *(
            make("table-3", "retina", method, method, usual)
            for method in ("transunet", "cs2net", "dcunet", "dscnet", "nnunet")
        ),
        make("table-3", "retina_vesselness", "harmonyseg", "d2sd_sadf", usual),
    ]
    for table, name, rival in (
        ("table-4", "airway", "wingsnet"),
        ("table-5", "coronary", "unetpp"),
    ):
        made += [
            make(table, name, "nnunet", "nnunet", usual),
            make(table, name, rival, rival, wings if rival == "wingsnet" else usual),
            make(table, name, "harmonyseg", "d2sd", gsb),
        ]
    made += [
        make("table-6", "hvs", "plain", "nnunet", usual),
        make("table-6", "hvs_vesselness", "concat", "nnunet", usual),
        make("table-6", "hvs", "d2sd", "d2sd", usual),
        make("table-6", "hvs_vesselness", "d2sd_sadf", "d2sd_sadf", usual),
        make("table-6", "hvs", "gsb", "nnunet", gsb),
        make("table-6", "hvs_vesselness", "full", "d2sd_sadf", gsb),
    ]
    made += [
        make("table-7", "hvs", method, "nnunet", loss)
        for method, loss in (single_terms() | other_readings()).items()
    ]
    made += [
        make("table-8", "hvs", f"lambda_{w:g}", "nnunet", growth_suppression(w)) for w in LAMBDAS
    ]
    made += _incomplete(make, known["incomplete"])
    if profile == "laptop":
        by_id = {r.id: r for r in made}
        made += decisive(by_id["missing/missing_25/all"], by_id["table-6/hvs/plain"], known)
    return made


def _incomplete(make: Callable[..., Recipe], task: Task) -> list[Recipe]:
    """Training labels without some of their branches, which only a phantom can repair."""
    terms = single_terms() | {"all_label": other_readings()["all_label"]}
    made = []
    for fraction in FRACTIONS:
        # Every term where a quarter is missing; elsewhere only those that turned out to matter.
        chosen = terms if fraction == 0.25 else ("baseline", "r_sup", "mix", "all")
        data = Spec(task.data.target, **{**task.data.kwargs, "fraction": fraction})
        runs = [make("missing", "incomplete", name, "nnunet", terms[name]) for name in chosen]
        # Does a gain outlive a longer training? Mix-equivalence also passes every batch through the
        # network twice, which is more work per step.
        runs += [
            dataclasses.replace(
                run.train_differently(steps=2 * task.steps), method=f"{run.method}_twice"
            )
            for run in runs
            if run.method in ("baseline", "all")
        ]
        name = f"missing_{100 * fraction:.0f}"
        made += [dataclasses.replace(recipe, data=data, data_name=name) for recipe in runs]
    return made
