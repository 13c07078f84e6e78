"""Data sets of the HarmonySeg chapter: what stands for the paper's, and how it is cut."""

import dataclasses

from tubekit.chapters.harmonyseg.incomplete import incomplete_split
from tubekit.chapters.harmonyseg.liver import liver_split
from tubekit.experiments.data import cross_validation, phantom_split, window_of
from tubekit.experiments.recipe import Profile
from tubekit.types import Spec

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


@dataclasses.dataclass(frozen=True)
class Task:
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

    @property
    def of_full_size(self) -> bool:
        """Networks as wide as nnU-Net's; else all are made for two processor cores."""
        return self.features[0] == 32


def tasks(profile: Profile) -> dict[str, Task]:
    """Tasks by name; ``_vesselness`` marks those whose images have the map as a channel."""
    full = profile == "full"
    flat = (32, 64, 128, 256) if full else (16, 32, 64, 128)
    solid = (32, 64, 128, 256) if full else (8, 16, 32, 64)
    flat_steps, solid_steps = {"smoke": (20, 20), "laptop": (200, 120), "full": (250_000,) * 2}[
        profile
    ]
    train, validation, test = {"smoke": (3, 1, 2), "laptop": (12, 3, 12), "full": (50, 20, 20)}[
        profile
    ]
    limit = 2 if profile == "smoke" else None
    short = (
        ()
        if full
        else (
            "small networks and few steps instead of a full training",
            "Adam at 2e-3 (2-D) or 5e-3 (3-D) instead of 1e-4",
            "DCU-Net and DSCNet at half the width of the others",
        )
    )
    filtered = "vesselness after Jerman; the paper does not name its filter"
    size = (128, 128, 128) if full else (64, 80, 80)
    patch = (96, 96, 96) if full else (32, 48, 48)

    def phantom(name: str, paper: str, metrics: tuple[str, ...], note: str, *, steps: int) -> Task:
        data = Spec(
            phantom_split,
            name=name,
            size=size,
            window=window_of(paper),
            train=train,
            validation=validation,
            test=test,
        )
        return Task(data, patch, 2, steps, solid, metrics, (note, *short))

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
        "hvs": Task(liver(), patch, 2, solid_steps, solid, LIVER, liver_notes),
        "hvs_vesselness": Task(
            liver(vesselness="liver"),
            patch,
            2,
            solid_steps,
            solid,
            LIVER,
            (filtered, *liver_notes),
        ),
        "retina": Task(
            Spec(cross_validation, **retina),
            (side, side),
            4,
            flat_steps,
            flat,
            RETINA,
            retina_notes,
        ),
        "retina_vesselness": Task(
            Spec(cross_validation, **retina, vesselness="retina"),
            (side, side),
            4,
            flat_steps,
            flat,
            RETINA,
            (filtered, *retina_notes),
        ),
        # Thin trees in large volumes need longer: at half these short trainings some networks still
        # found nothing in the validation cases.
        "airway": phantom(
            "airway",
            "airway_bas",
            AIRWAY,
            "airway phantom instead of 90 chest CT",
            steps=solid_steps if full else 2 * solid_steps,
        ),
        "coronary": phantom(
            "coronary",
            "imagecas",
            CORONARY,
            "coronary phantom instead of ImageCAS",
            steps=solid_steps if full else 4 * solid_steps,
        ),
        "incomplete": Task(
            Spec(incomplete_split, train=train, validation=validation, test=test),
            (48, 64, 64) if full else patch,
            2,
            solid_steps,
            solid,
            (*SHARED, "hallucination_rate", "branches_detected", "tree_length_detected"),
            ("vascular phantoms, which the paper does not use", *short),
        ),
    }
