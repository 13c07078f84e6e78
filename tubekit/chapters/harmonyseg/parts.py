"""Losses and networks of the HarmonySeg chapter, as its tables name them."""

from tubekit.chapters.harmonyseg.tasks import Task
from tubekit.losses import (
    DiceCELoss,
    GrowthSuppressionLoss,
    MixEquivalenceLoss,
    ReconnectionLoss,
    RelaxedSupervisionLoss,
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
from tubekit.types import Spec


def plus(term: Spec) -> Spec:
    """The usual loss plus one term of weight 1, which is how the rows of Table 7 must be read."""
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


def transunet(task: Task) -> Spec:
    """TransUNet for the patches of a task: the paper's size, or one near the plain network's."""
    grid = tuple(n // 16 for n in task.patch_size)
    first = task.features[0]
    if task.of_full_size:
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


def networks(task: Task) -> dict[str, Spec]:
    """Every architecture of the tables, small ones at 0.4 to 2.1 times the plain one's size."""
    common = {"ndim": task.ndim, "features": task.features}
    # Snakes and bent grids bring many weights of their own, and take long on a processor.
    divisor = 1 if task.of_full_size else 2
    slow = {**common, "features": tuple(n // divisor for n in task.features)}
    return {
        "nnunet": Spec(UNet, **common),
        "unet": Spec(UNet, **common, norm="batch"),
        "transunet": transunet(task),
        "cs2net": Spec(CS2Net, **common),
        "dcunet": Spec(DCUNet, **slow),
        "dscnet": Spec(DSCNet, **slow),
        "unetpp": Spec(UNetPlusPlus, **common),
        "wingsnet": Spec(WingsNet, **common),
        "d2sd": Spec(HarmonySeg, **common, fusion="none"),
        "d2sd_sadf": Spec(HarmonySeg, **common, fusion="attention"),
    }
