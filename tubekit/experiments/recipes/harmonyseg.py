"""Recipes of the HarmonySeg chapter: Tables 1 to 8 and the labels with missing branches.

Rows of one table share data, steps, patches and seeds. A cell of several tables is one run.
"""

import dataclasses
from collections.abc import Callable

from tubekit.experiments.data import cross_validation, phantom_split
from tubekit.experiments.incomplete import incomplete_split
from tubekit.experiments.liver import liver_split
from tubekit.experiments.recipe import Profile, Recipe
from tubekit.losses import (
    CrossEntropyLoss,
    DeepSupervision,
    DiceCELoss,
    GrowthSuppressionLoss,
    MixEquivalenceLoss,
    ReconnectionLoss,
    RelaxedSupervisionLoss,
    SkeletonRecallLoss,
    SoftClDiceLoss,
    SpatialPriorLoss,
    WeightedSum,
)
from tubekit.networks import (
    CS2Net,
    DCUNet,
    DSCNet,
    HarmonySeg,
    TransUNet,
    UNet,
    UNetPlusPlus,
    WingsNet,
)
from tubekit.training import adamw
from tubekit.types import Spec

CHAPTER = "harmonyseg"
LAMBDAS = (0.0, 0.5, 0.75, 1.0, 1.5, 2.0)
FRACTIONS = (0.0, 0.1, 0.25, 0.5)  # of the branches that are missing in the training labels
TERMS = ("con", "spatial", "mix")

# What each task is measured by: the paper's metrics first, then what explains them.
SHARED = ("dice", "cldice", "precision", "recall", "betti_error_0")
LIVER = (
    *SHARED,
    *("hausdorff", "hd95", "assd", "centerline_f1"),
    *("dice_small", "dice_medium", "dice_large"),
)
RETINA = (*SHARED, "hausdorff", "hd95", "assd", "centerline_f1")
AIRWAY = (*SHARED, "branches_detected", "tree_length_detected")
CORONARY = (*SHARED, "hausdorff", "average_hausdorff", "hd95")


def plus(term: Spec) -> Spec:
    """The usual loss plus one term of weight 1, which is how the paper's "only" must be read."""
    return Spec(WeightedSum, losses=[Spec(DiceCELoss), term], weights=[1.0, 1.0])


def growth_suppression(suppression: float = 1.0, **reading: str | bool) -> Spec:
    """Eq. 9 on CT; a vesselness map beside it is no intensity."""
    return Spec(GrowthSuppressionLoss, suppression=suppression, image_channels=1, **reading)


def single_terms() -> dict[str, Spec]:
    """The losses of Table 7."""
    return {
        "baseline": Spec(DiceCELoss),
        "r_sup": Spec(RelaxedSupervisionLoss),
        "con": plus(Spec(ReconnectionLoss)),
        "spatial": plus(Spec(SpatialPriorLoss, image_channels=1)),
        "mix": plus(Spec(MixEquivalenceLoss)),
        "all": growth_suppression(),
    }


def other_readings() -> dict[str, Spec]:
    """The terms where print leaves a choice, with the choice that is not our default."""
    return {
        "r_sup_label": Spec(RelaxedSupervisionLoss, mean_over="support"),
        "con_label": plus(Spec(ReconnectionLoss, mean_over="support")),
        "con_probs": plus(Spec(ReconnectionLoss, on="probs")),
        "spatial_potts": plus(Spec(SpatialPriorLoss, form="potts", image_channels=1)),
        "all_label": growth_suppression(mean_over="support"),
        "all_symmetric": growth_suppression(symmetric=True),
    }


@dataclasses.dataclass(frozen=True)
class _Task:
    """One data set of the paper and what stands for it here."""

    data: Spec
    patch_size: tuple[int, ...]
    batch_size: int
    steps: int
    features: tuple[int, ...]
    metrics: tuple[str, ...]
    deviations: tuple[str, ...]

    @property
    def ndim(self) -> int:
        return len(self.patch_size)


def _tasks(profile: Profile) -> dict[str, _Task]:
    full = profile == "full"
    flat = (32, 64, 128, 256) if full else (16, 32, 64, 128)
    solid = (32, 64, 128, 256) if full else (8, 16, 32, 64)
    flat_steps, solid_steps = {"smoke": (40, 40), "laptop": (200, 120), "full": (250_000,) * 2}[
        profile
    ]
    train, validation, test = {"smoke": (3, 1, 2), "laptop": (12, 3, 12), "full": (50, 20, 20)}[
        profile
    ]
    limit = 2 if profile == "smoke" else None
    short = () if full else ("small networks and few steps instead of a full training",)
    size = (128, 128, 128) if full else (64, 80, 80)
    patch = (96, 96, 96) if full else (32, 48, 48)

    def phantom(name: str, window: tuple[float, float]) -> Spec:
        return Spec(
            phantom_split,
            name=name,
            size=size,
            window=window,
            train=train,
            validation=validation,
            test=test,
        )

    def liver(**changes: str) -> Spec:
        return Spec(liver_split, spacing_mm=0.8 if full else 2.0, limit=limit, **changes)

    liver_notes = (
        "CT rendered around real vessel masks instead of LiVS and MSD08",
        "liver resampled to 2 mm" if not full else "liver resampled to 0.8 mm",
        *short,
    )
    retina_notes = ("CHASE_DB1 in 3 patient-wise folds instead of DRIVE", *short)
    retina = {"name": "chase_db1", "scale": 1.0 if full else 0.5, "limit": limit}
    side = 512 if full else 160
    return {
        "hvs": _Task(liver(), patch, 2, solid_steps, solid, LIVER, liver_notes),
        "hvs_vesselness": _Task(
            liver(vesselness="liver"), patch, 2, solid_steps, solid, LIVER, liver_notes
        ),
        "retina": _Task(
            Spec(cross_validation, **retina),
            (side, side),
            4,
            flat_steps,
            flat,
            RETINA,
            retina_notes,
        ),
        "retina_vesselness": _Task(
            Spec(cross_validation, **retina, vesselness="retina"),
            (side, side),
            4,
            flat_steps,
            flat,
            RETINA,
            retina_notes,
        ),
        "airway": _Task(
            phantom("airway", (-1350.0, 150.0)),
            patch,
            2,
            solid_steps,
            solid,
            AIRWAY,
            ("airway phantom instead of 90 chest CT", *short),
        ),
        "coronary": _Task(
            phantom("coronary", (-400.0, 500.0)),
            patch,
            2,
            solid_steps,
            solid,
            CORONARY,
            ("coronary phantom instead of ImageCAS", *short),
        ),
        "incomplete": _Task(
            Spec(incomplete_split, train=train, validation=validation, test=test),
            (48, 64, 64) if full else patch,
            2,
            solid_steps,
            solid,
            (*SHARED, "branches_detected", "tree_length_detected"),
            ("vascular phantoms, which the paper does not use", *short),
        ),
    }


def transunet(task: _Task) -> Spec:
    """TransUNet for the patches of a task: the paper's size, or one near the plain network's."""
    grid = tuple(n // 16 for n in task.patch_size)
    first = task.features[0]
    if first == 32:
        return Spec(TransUNet, ndim=task.ndim, grid=grid)
    return Spec(
        TransUNet,
        ndim=task.ndim,
        grid=grid,
        width=first,
        blocks=(1, 1, 1),
        hidden=8 * first,
        layers=2,
        heads=4,
        mlp=16 * first,
        decoder=tuple(first * n for n in (4, 4, 2, 1, 1)),
        norm="instance",
        dropout=0.0,
    )


def networks(task: _Task) -> dict[str, Spec]:
    """Every architecture of the tables; parameters are 0.4 to 2.1 times the plain network's."""
    common = {"ndim": task.ndim, "features": task.features}
    # Snakes and bent grids bring many weights of their own, and take long on a processor.
    half = {**common, "features": tuple(n // 2 for n in task.features)}
    return {
        "nnunet": Spec(UNet, **common),
        "unet": Spec(UNet, **common, norm="batch"),
        "transunet": transunet(task),
        "cs2net": Spec(CS2Net, **common),
        "dcunet": Spec(DCUNet, **half),
        "dscnet": Spec(DSCNet, **half),
        "unetpp": Spec(UNetPlusPlus, **common),
        "wingsnet": Spec(WingsNet, **common),
        "d2sd": Spec(HarmonySeg, **common, fusion="none"),
        "d2sd_sadf": Spec(HarmonySeg, **common, fusion="attention"),
    }


def _rate(profile: Profile, ndim: int) -> float:
    if profile == "full":
        return 1e-4
    return 2e-3 if ndim == 2 else 5e-3


def recipes(profile: Profile) -> list[Recipe]:
    """Every run of the chapter at one profile."""
    tasks = _tasks(profile)

    def make(table: str, name: str, method: str, network: str, loss: Spec) -> Recipe:
        task = tasks[name]
        return Recipe(
            chapter=CHAPTER,
            table=table,
            data_name=name.removesuffix("_vesselness"),
            method=method,
            profile=profile,
            data=task.data,
            network=networks(task)[network],
            loss=loss,
            # The paper: Adam at 1e-4, decaying polynomially. Few steps need a higher rate; that of
            # the volumes was chosen by the plain network's Dice on validation patients.
            optimizer=Spec(adamw, lr=_rate(profile, task.ndim), weight_decay=0.0),
            steps=task.steps,
            batch_size=task.batch_size,
            patch_size=task.patch_size,
            overlap=0.5 if profile == "full" or task.ndim == 2 else 0.25,
            metrics=task.metrics,
            deviations=task.deviations,
            max_seconds=45.0 if profile == "smoke" else None,
            validations=2,
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
    return made + _incomplete(make, tasks["incomplete"])


def _incomplete(make: Callable[..., Recipe], task: _Task) -> list[Recipe]:
    """Training labels without some of their branches, which only a phantom can repair."""
    terms = single_terms() | {"all_label": other_readings()["all_label"]}
    made = []
    for fraction in FRACTIONS:
        # Every term where a quarter is missing; elsewhere the whole loss against the usual one.
        for method in terms if fraction == 0.25 else ("baseline", "r_sup", "all"):
            recipe = make("missing", "incomplete", method, "nnunet", terms[method])
            data = Spec(task.data.target, **{**task.data.kwargs, "fraction": fraction})
            name = f"missing_{100 * fraction:.0f}"
            made.append(dataclasses.replace(recipe, data=data, data_name=name))
    return made
