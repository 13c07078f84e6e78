"""Chapter 01, Skeleton Recall: our data against the paper's, and what was not run."""

from tubekit.experiments.chapter import Chapter

_CANAL = (
    "CE + Dice finds nothing of the canal, a thousandth of the volume, within the laptop budget, "
    "so no comparison could mean anything; the full profile has the recipe"
)

CHAPTER = Chapter(
    name="skeleton_recall",
    page="notebooks/01_skeleton_recall",
    baseline="ce_dice",
    data={
        "roads": "Massachusetts Roads, 12 crops",
        "retina": "CHASE_DB1",
        "cracks": "CrackForest",
        "canal": "canal phantom",
        "cow_binary": "Circle of Willis phantom, binary",
        "cow": "Circle of Willis phantom, 13 classes",
    },
    differences={
        "roads": "12 crops and a small network instead of 1,171 images and the full protocol",
        "retina": "other data: CHASE_DB1 instead of DRIVE, which asks for registration",
        "cracks": "other data: CrackForest instead of the paper's set",
        "canal": "phantom instead of ToothFairy, which asks for registration",
        "cow_binary": "phantom instead of TopCoW, which asks for registration",
        "cow": "phantom instead of TopCoW, which asks for registration",
    },
    not_run={
        ("cow", "topo_cldice"): "13 topological skeletons a step exceed the memory of this profile",
        **{("canal", method): _CANAL for method in ("ce_dice", "cldice", "topo_cldice", "srl")},
    },
)
