"""The organ as the place that counts: closing its mask, restricting the label, cropping."""

import dataclasses
import math
from typing import SupportsFloat

import numpy as np
import scipy.ndimage
from jaxtyping import Bool, Shaped

from tubekit._accept import Array, Whole, array, whole
from tubekit._lengths import SLACK
from tubekit.data.cropping import box_around, cropped
from tubekit.geometry._input import binary_image
from tubekit.geometry.kernels.boxes import foreground_box
from tubekit.types import Case


def close_organ_mask(mask: Shaped[Array, "*s"], iterations: Whole = 8) -> Bool[np.ndarray, "*s"]:
    """Fill the holes of an organ mask slice by slice, then close its notches.

    Masks of the liver are often drawn without the large vessels, which leaves holes and notches
    where these run, so that the vessels inside the mask fall into pieces. Closing is a dilation
    followed by an erosion, both with the face cross. What lies beyond the image counts as outside,
    yet a mask that touches the image's border keeps its voxels there: closing never removes one.

    Args:
        mask: binary, 2-D or 3-D; slices are those along the first axis (z).
        iterations: at least 0; notches up to twice as wide, in voxels, are closed.
    Returns:
        The closed mask, which contains the given one.
    Raises:
        ValueError: a mask that is not binary or not 2-D or 3-D, or ``iterations`` below 0.

    Example:
        >>> import numpy as np
        >>> organ = np.ones((9, 9), bool)
        >>> organ[4, 4] = False
        >>> bool(close_organ_mask(organ).all())
        True
    """
    mask, iterations = binary_image(array("mask", mask)), whole("iterations", iterations, 0)
    box = foreground_box(mask, 0)
    if box is None:
        return np.zeros_like(mask)
    # Room for the dilation on all sides: the erosion then ends where the mask began.
    organ = np.pad(mask[box], iterations)
    if organ.ndim == 2:
        organ = scipy.ndimage.binary_fill_holes(organ)
    else:
        organ = np.stack([scipy.ndimage.binary_fill_holes(plane) for plane in organ])
    if iterations:
        organ = scipy.ndimage.binary_closing(organ, iterations=iterations)
    inner = tuple(slice(iterations, n - iterations) for n in organ.shape)
    closed = np.zeros_like(mask)
    closed[box] = organ[inner]
    return closed


def inside_closed_organ(case: Case, iterations: Whole = 8) -> Case:
    """Replace ``valid`` by the closed organ mask, and clear the label outside it.

    Published vessel masks go on beyond the organ (trunks, veins of other organs), where nobody
    expects a segmentation of the organ's vessels to find them.

    Args:
        case: with the organ as ``valid``; ``None`` means that the organ fills the image.
        iterations: as in ``close_organ_mask``.
    Returns:
        The case on the same grid; the image is unchanged.
    Raises:
        ValueError: as ``close_organ_mask``.

    Example:
        >>> import numpy as np
        >>> from tubekit.types import Case
        >>> case = Case("a", np.arange(64.0).reshape(1, 8, 8), np.eye(8, dtype=int), (1.0, 1.0))
        >>> import dataclasses
        >>> half = dataclasses.replace(case, valid=np.arange(64).reshape(8, 8) < 32)
        >>> int(inside_closed_organ(half).label.sum())
        4
    """
    if case.valid is None:
        return case
    organ = close_organ_mask(case.valid, iterations)
    label = case.label
    if label is not None:
        label = np.where(organ, label, label.dtype.type(0))
    return dataclasses.replace(case, valid=organ, label=label)


def crop_to_valid(case: Case, margin_mm: SupportsFloat = 0.0) -> Case:
    """Cut a case to the box around ``valid``.

    Args:
        case: ``valid=None`` means everywhere, so nothing is cut.
        margin_mm: added on every side, rounded up to whole voxels, as far as the image goes.
    Returns:
        A case on the smaller grid, with arrays of its own.
    Raises:
        ValueError: ``valid`` is empty, or a negative margin.

    Example:
        >>> import numpy as np
        >>> from tubekit.types import Case
        >>> case = Case("a", np.arange(64.0).reshape(1, 8, 8), np.eye(8, dtype=int), (1.0, 1.0))
        >>> import dataclasses
        >>> half = dataclasses.replace(case, valid=np.arange(64).reshape(8, 8) < 32)
        >>> crop_to_valid(half, margin_mm=1).image.shape
        (1, 5, 8)
    """
    margin_mm = float(margin_mm)
    if not (math.isfinite(margin_mm) and margin_mm >= 0):
        raise ValueError(f"margin_mm must be at least 0, got {margin_mm}; 0 keeps the tight box")
    if case.valid is None:
        return case
    tight = foreground_box(case.valid, 0)
    if tight is None:
        raise ValueError(
            f"case {case.id}: expected an organ mask (case.valid) to crop to, got an empty one; "
            "leave the case out or correct its mask"
        )
    # Rounding must not turn 4.000000001 voxels into 5.
    margin = tuple(math.ceil(margin_mm / step * (1 - SLACK)) for step in case.spacing)
    return cropped(case, box_around(tight, margin, case.valid.shape))
