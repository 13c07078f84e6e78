"""Data sets of the Skeleton Recall chapter: what stands for the paper's, and how it is cut."""

import dataclasses

from tubekit.experiments.data import cross_validation, phantom_split
from tubekit.experiments.recipe import Profile
from tubekit.networks import UNet
from tubekit.types import Spec

PAPER_METHODS = ("ce_dice", "cldice", "topo_cldice", "srl")
CONTROLS = ("soft_recall", "tversky")
TUBE_CONTROLS = ("srl_unclipped", "srl_as_released")


@dataclasses.dataclass(frozen=True)
class Task:
    """One data set of the paper and what stands for it here."""

    data: Spec
    network: Spec
    patch_size: tuple[int, ...]
    batch_size: int
    methods: tuple[str, ...]
    deviations: tuple[str, ...]
    mirror_axes: tuple[int, ...] | None = None


def tasks(profile: Profile) -> dict[str, Task]:
    full = profile == "full"
    side = 512 if full else 160
    flat = Spec(UNet, ndim=2, features=(32, 64, 128, 256, 512, 512) if full else (16, 32, 64, 128))
    solid = Spec(UNet, ndim=3, features=(32, 64, 128, 256) if full else (8, 16, 32, 64))
    patch_3d = (64, 96, 96) if full else (32, 48, 48)
    whole = (64, 96, 96) if full else (48, 72, 72)
    methods_2d = PAPER_METHODS + CONTROLS + TUBE_CONTROLS
    methods_3d = PAPER_METHODS + CONTROLS
    short = () if full else ("small network and few steps instead of nnU-Net's 250,000 steps",)
    counts = {"smoke": (4, 1, 2), "laptop": (12, 2, 8), "full": (32, 6, 16)}[profile]
    train, validation, test = counts

    def folds(name: str, **changes: float | str | tuple[float, ...]) -> Spec:
        if profile == "smoke":
            changes["limit"] = 3
        return Spec(cross_validation, name=name, **changes)

    def phantom(name: str) -> Spec:
        kind, _, merged = name.partition("_")
        return Spec(
            phantom_split,
            name=kind,
            binary=merged == "binary",
            train=train,
            validation=validation,
            test=test,
        )

    return {
        "roads": Task(
            folds("massachusetts_roads"),
            flat,
            (side, side),
            4,
            methods_2d,
            ("12 crops of 640 x 640 in 3 folds instead of 1,171 images with a test set", *short),
        ),
        "retina": Task(
            folds("chase_db1", scale=1.0 if full else 0.5),
            flat,
            (side, side),
            4,
            methods_2d,
            ("CHASE_DB1 in 3 patient-wise folds instead of DRIVE in 5", *short),
        ),
        "cracks": Task(
            folds("crackforest", validation_groups=8),
            flat,
            (side, side),
            4,
            methods_2d,
            ("CrackForest in 3 folds instead of the paper's cracks in 5", *short),
        ),
        "canal": Task(
            phantom("canal"),
            solid,
            patch_3d,
            2,
            methods_3d,
            ("canal phantom instead of ToothFairy", *short),
        ),
        "cow_binary": Task(
            phantom("cow_binary"),
            solid,
            patch_3d,
            2,
            methods_3d,
            ("Circle of Willis phantom instead of TopCoW", *short),
        ),
        "cow": Task(
            # Left and right look alike in a patch: the network must see the whole volume.
            Spec(
                phantom_split,
                name="cow",
                size=whole,
                train=train,
                validation=validation,
                test=test,
            ),
            solid,
            whole,
            1,
            ("ce_dice", "cldice", "srl", *CONTROLS),
            ("Circle of Willis phantom instead of TopCoW", *short),
            mirror_axes=(),
        ),
        "vesselnn": Task(
            folds(
                "vesselnn",
                scale=1.0 if full else (1.0, 0.5, 0.5),
                validation_groups=1,
                fallback="vascular",
            ),
            Spec(
                UNet,
                ndim=3,
                features=(16, 32, 64) if not full else (32, 64, 128, 256),
                strides=((1, 1, 1), (1, 2, 2), (1, 2, 2))
                if not full
                else ((1, 1, 1), (1, 2, 2), (1, 2, 2), (2, 2, 2)),
            ),
            (8, 96, 96) if not full else (8, 192, 192),
            2,
            ("ce_dice", "cldice", "srl", "soft_recall"),
            (
                "real 3-D data that the paper does not use: its own 3-D sets ask for registration",
                *short,
            ),
        ),
    }
