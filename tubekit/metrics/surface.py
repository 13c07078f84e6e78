"""Surface metrics in mm: Hausdorff distance, HD95 in three definitions, ASSD, NSD.

Distances are undefined without two surfaces: NaN when either mask is empty, or both.
"""

from tubekit import _check
from tubekit._accept import SpacingLike
from tubekit.metrics.pair import Mask, agreed, check_empty, mask_pair
from tubekit.metrics.surface_distance import SurfaceDistances, surface_distances

HD95_DEFINITIONS = ("max", "pooled", "area")
NSD_DEFINITIONS = ("count", "area")


def hausdorff(pred: Mask, target: Mask, *, spacing: SpacingLike | None = None) -> float:
    """Largest distance from a surface voxel of one mask to the surface of the other, in mm.

    One stray voxel decides it; prefer ``hd95``. Either mask empty: NaN.

    Args:
        pred: binary mask, (y, x) or (z, y, x).
        target: binary truth on the same grid.
        spacing: mm per voxel in array order; ``None`` means 1.
    Raises:
        ValueError: the masks are not binary or not on one grid, or a bad spacing.

    Equation: :eq:`eq-hausdorff`

    Example:
        >>> plate, other = np.zeros((2, 9, 9), bool)
        >>> plate[2], other[5] = True, True
        >>> hausdorff(plate, other, spacing=(2, 1))
        6.0
    """
    found = _distances(pred, target, spacing)
    return float("nan") if found is None else found.hausdorff()


def hd95(
    pred: Mask,
    target: Mask,
    *,
    spacing: SpacingLike | None = None,
    definition: str = "max",
) -> float:
    """95th percentile of the surface distances, in mm. Either mask empty: NaN.

    Args:
        pred: binary mask, (y, x) or (z, y, x).
        target: binary truth on the same grid.
        spacing: mm per voxel in array order; ``None`` means 1.
        definition: ``"max"``, the larger of the two directed percentiles (Metrics Reloaded,
            MONAI); ``"pooled"``, one percentile of both lists together (medpy); ``"area"``, the
            larger directed percentile with surface elements weighted by their size
            (surface-distance). Values differ between them; never compare across definitions.
    Raises:
        ValueError: the masks are not binary or not on one grid, a bad spacing, or an unknown
            definition.

    Equation: :eq:`eq-hd95`

    Reference: Maier-Hein et al., Nature Methods 2024, for ``"max"``; Nikolov et al., JMIR 2021,
    for ``"area"``.

    Example:
        >>> plate, other = np.zeros((2, 9, 9), bool)
        >>> plate[2], other[5] = True, True
        >>> hd95(plate, other, spacing=[2.0, 1.0])
        6.0
    """
    _check.option("definition", definition, HD95_DEFINITIONS)
    found = _distances(pred, target, spacing, weighted=definition == "area")
    return float("nan") if found is None else found.percentile(95, definition)


def assd(pred: Mask, target: Mask, *, spacing: SpacingLike | None = None) -> float:
    """Average symmetric surface distance: mean of both lists of distances together, in mm.

    Either mask empty: NaN.

    Args:
        pred: binary mask, (y, x) or (z, y, x).
        target: binary truth on the same grid.
        spacing: mm per voxel in array order; ``None`` means 1.
    Raises:
        ValueError: as ``hausdorff``.

    Equation: :eq:`eq-assd`

    Example:
        >>> plate, other = np.zeros((2, 9, 9), bool)
        >>> plate[2], other[5] = True, True
        >>> assd(plate, other, spacing=(2, 1))
        6.0
    """
    found = _distances(pred, target, spacing)
    return float("nan") if found is None else found.mean()


def nsd(
    pred: Mask,
    target: Mask,
    *,
    tolerance_mm: float,
    spacing: SpacingLike | None = None,
    definition: str = "count",
    empty: str = "nan",
) -> float:
    """Normalised surface Dice: share of both surfaces within a tolerance of the other, in [0, 1].

    Both masks empty: NaN, or 1 on request. One empty: 0.

    Args:
        pred: binary mask, (y, x) or (z, y, x).
        target: binary truth on the same grid.
        tolerance_mm: accepted distance, at least 0; an element on it is accepted.
        spacing: mm per voxel in array order; ``None`` means 1.
        definition: ``"count"`` of surface voxels, or ``"area"`` of surface elements.
        empty: of two empty masks: ``"nan"``, or ``"perfect"`` for 1.
    Raises:
        ValueError: as ``hausdorff``, an unknown definition, or a negative tolerance.

    Reference: Nikolov et al., JMIR 2021.

    Example:
        >>> plate, other = np.zeros((2, 9, 9), bool)
        >>> plate[2], other[5] = True, True
        >>> nsd(plate, other, spacing=(0.1, 0.1), tolerance_mm=0.3)
        1.0
    """
    _check.option("definition", definition, NSD_DEFINITIONS)
    check_tolerance(tolerance_mm)
    check_empty(empty)
    pred, target, steps = mask_pair(pred, target, spacing)
    found = _distances(pred, target, steps, weighted=definition == "area")
    if found is None:
        return agreed(0.0 if pred.any() or target.any() else float("nan"), empty)
    return found.within(tolerance_mm)


def check_tolerance(tolerance_mm: float) -> None:
    """Raise ValueError unless the tolerance is 0 or more."""
    if not tolerance_mm >= 0:
        raise ValueError(f"tolerance_mm must be at least 0, got {tolerance_mm}; pass millimetres")


def _distances(
    pred: Mask, target: Mask, spacing: SpacingLike | None, *, weighted: bool = False
) -> SurfaceDistances | None:
    pred, target, steps = mask_pair(pred, target, spacing)
    if not pred.any() or not target.any():
        return None
    return surface_distances(pred, target, steps, weighted=weighted)
