"""Chapter 02, HarmonySeg: our data against the paper's, and what was not run."""

from tubekit.experiments.chapter import Chapter

_NO_CODE = "a published row without a description that would let us build it"
_PUBLISHED_ONLY = {
    "airway": ("juarez", "cfda", "qin", "zheng"),
    "coronary": ("shen", "chen", "kong", "wolterink"),
}

CHAPTER = Chapter(
    name="harmonyseg",
    page="notebooks/02_harmonyseg",
    baseline="nnunet",
    baselines={
        "table-6": "plain",
        "table-7": "baseline",
        "table-8": "lambda_0",
        "missing": "baseline",
        "decisive-loss": "baseline",
        "decisive-network": "plain",
    },
    same_records={"table-2": "table-1"},
    data={
        "hvs": "CT rendered around the liver vessels of 16 IRCADb patients",
        "external": "the 2 IRCADb patients whose CT the manifest lists",
        "retina": "CHASE_DB1",
        "airway": "airway phantom",
        "coronary": "coronary phantom",
        "missing_25": "vascular phantom, a quarter of the branches unlabelled",
        "missing_50": "vascular phantom, half of the branches unlabelled",
    },
    differences={
        "hvs": "images rendered around real vessel shapes instead of 992 CT volumes",
        "external": "2 public patients instead of 21 private ones",
        "retina": "other data: CHASE_DB1 instead of DRIVE, which asks for registration",
        "airway": "phantom instead of 90 chest CT, which ask for registration",
        "coronary": "phantom instead of ImageCAS, which asks for registration",
    },
    own_data=("ircad01", "ircad01_masks"),
    not_run={
        (data, method): _NO_CODE for data, names in _PUBLISHED_ONLY.items() for method in names
    },
)
