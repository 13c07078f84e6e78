"""How far the background of an incomplete label is to be believed: a weight per voxel."""

import math

import numpy as np
from jaxtyping import Float32, Integer

from tubekit import _check
from tubekit._accept import Array, classes
from tubekit.geometry.kernels.boxes import foreground_box


def relaxation_beta(label: Integer[Array, "*s"]) -> float:
    """Confidence in the background near annotated vessels; the rarer the vessels the lower.

    One over the natural logarithm of background voxels per foreground voxel. The paper's formula
    exceeds 1 below e background voxels per foreground voxel and turns infinite or negative at 1;
    here it is 1 from there on. All voxels of the array count, so crop to the organ first, as the
    paper does with the liver.

    Args:
        label: class indices of a whole case, 0 = background; all classes count as foreground.
    Returns:
        Between 0 (never reached) and 1; 0.218 with 1 % foreground.
    Raises:
        ValueError: the label is not 2-D or 3-D, holds no integer classes, or has no foreground.

    Equation: :eq:`eq-relaxation-beta`

    Reference: Huang et al., HarmonySeg, ICCV 2025, equation 4.

    Example:
        >>> import numpy as np
        >>> round(relaxation_beta(np.eye(10, dtype=int)), 3)
        0.455
    """
    label = classes("label", label)  # NaN would count as a vessel
    foreground = int(np.count_nonzero(_with_foreground(label)))
    return 1 / math.log(max((label.size - foreground) / foreground, math.e))


def confidence_map(label: Integer[Array, "*s"]) -> Float32[np.ndarray, "*s"]:
    """Weight of each voxel's prediction: beta where a vessel may lack its label, elsewhere 1.

    The region in doubt is the background inside the bounding box of all annotated vessels. Made
    of a whole case and then cut into patches: a patch without a label still knows its case.

    Args:
        label: class indices of a whole case, 0 = background; all classes count as foreground.
    Returns:
        1 on the label and outside the box, ``relaxation_beta(label)`` in between.
    Raises:
        ValueError: the label is not 2-D or 3-D, holds no integer classes, or has no foreground.

    Equation: :eq:`eq-relaxed-prediction`

    Reference: Huang et al., HarmonySeg, ICCV 2025, equation 4.

    Example:
        >>> import numpy as np
        >>> confidence_map(np.eye(3, dtype=int))[0].round(2).tolist()
        [1.0, 1.0, 1.0]
    """
    label = classes("label", label)  # NaN would count as a vessel
    foreground = _with_foreground(label)
    region = foreground_box(foreground, 0) or ()
    confidence = np.ones(label.shape, np.float32)
    confidence[region][~foreground[region]] = relaxation_beta(label)
    return confidence


def _with_foreground(label: Integer[np.ndarray, "*s"]) -> np.ndarray:
    _check.dimensions("label", label, (2, 3))
    _check.integer_classes("label", label)
    foreground: np.ndarray = label != 0
    if not foreground.any():
        raise ValueError(
            "confidence needs at least one annotated voxel, got an empty label; make the map of "
            "the whole case, not of a patch, or leave the case out"
        )
    return foreground
