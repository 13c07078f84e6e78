"""What the data of a recipe do to every image, for an image that is not of the data.

The data themselves do it while they are read; that both agree to the bit is tested.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Integer

from tubekit import _check
from tubekit.data import clip_window, downscale, resample, with_vesselness
from tubekit.data.preprocess import resample_onto
from tubekit.types import Case, Spacing

# Scales are about the radii of the vessels: millimetres in the liver, pixels in a photograph.
VESSELNESS: Mapping[str, Mapping[str, Any]] = {
    "liver": {"filter": "jerman"},
    "vascular": {"filter": "jerman", "sigmas_mm": (1.0, 1.5, 2.0, 3.0)},
    "retina": {
        "filter": "jerman",
        "sigmas_mm": (1.0, 2.0, 3.0, 4.0),
        "tau": 0.75,
        "bright": False,
        "channel": 1,
    },
}


@dataclasses.dataclass(frozen=True)
class Preparation:
    """Grid, window, vesselness, in this order; what is None or 1 is left out.

    Attributes:
        scale: factor 1/n on the number of voxels; one, or one per axis.
        spacing_mm: millimetres per voxel to resample to, array order.
        window: lowest and highest intensity to keep.
        vesselness: name of settings in ``VESSELNESS`` to append the map.
    """

    scale: float | tuple[float, ...] = 1.0
    spacing_mm: Spacing | None = None
    window: tuple[float, float] | None = None
    vesselness: str | None = None

    def apply(self, case: Case) -> Case:
        """The case as the network sees it, before it is normalised."""
        ndim = case.image.ndim - 1
        scales = self.scale if isinstance(self.scale, tuple) else (self.scale,) * ndim
        case = downscale(case, tuple(round(1 / s) for s in scales))
        if self.spacing_mm is not None:
            case = resample(case, self.spacing_mm)
        if self.window is not None:
            case = clip_window(case, *self.window)
        if self.vesselness is None:
            return case
        _check.option("vesselness", self.vesselness, list(VESSELNESS))
        options = dict(VESSELNESS[self.vesselness])
        # The phantom that takes the place of absent photographs is grey.
        measured = case.image.shape[0] - case.derived
        options["channel"] = min(options.get("channel", 0), measured - 1)
        return with_vesselness(case, **options)

    def back(
        self, label: Integer[np.ndarray, "*p"], prepared: Case, case: Case
    ) -> Integer[np.ndarray, "*s"]:
        """A label map on the grid of ``prepared = apply(case)``, on the grid of the case itself.

        Each class, background included, is interpolated as a map of 0 and 1; the largest wins.
        """
        if prepared.spacing == case.spacing:
            return label
        made = np.zeros(case.image.shape[1:], label.dtype)
        most = np.full(made.shape, -1.0, np.float32)
        for value in np.unique(label):
            one = (label == value)[None].astype(np.float32)
            share = resample_onto(one, prepared.spacing, case)[0]
            made[share > most] = value
            np.maximum(most, share, out=most)
        return made
