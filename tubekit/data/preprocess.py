"""What happens to a case before normalisation: a window of intensities, another spacing."""

import dataclasses
import math
from collections.abc import Callable
from typing import SupportsFloat

import numpy as np
import scipy.ndimage
import scipy.sparse
from jaxtyping import Float32, Integer

from tubekit import _check
from tubekit._accept import SpacingLike
from tubekit.data.placing import coarser
from tubekit.geometry import skeletonize
from tubekit.types import Case, Spacing

# Interpolation weights that sum to one half may come out a rounding error below it.
_HALF = 0.5 - 1e-5


def clip_window(case: Case, low: SupportsFloat, high: SupportsFloat) -> Case:
    """Cut intensities off below ``low`` and above ``high``; derived channels stay as they are.

    Args:
        case: any number of channels.
        low: in the image's unit; Hounsfield units in CT.
        high: larger than ``low``.
    Raises:
        ValueError: not ``low < high``.

    Example:
        >>> import numpy as np
        >>> from tubekit.types import Case
        >>> case = Case("a", np.arange(64.0).reshape(1, 8, 8), np.eye(8, dtype=int), (1.0, 1.0))
        >>> clip_window(case, 10, 20).image.min(), clip_window(case, 10, 20).image.max()
        (np.float32(10.0), np.float32(20.0))
    """
    low, high = float(low), float(high)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(
            f"expected a window with low < high, got {low} and {high}; a window of the liver is "
            "-100 to 200 HU"
        )
    image = case.image.copy()
    measured = image[: image.shape[0] - case.derived]
    np.clip(measured, low, high, out=measured)
    return dataclasses.replace(case, image=image)


def resample(case: Case, spacing_mm: SpacingLike) -> Case:
    """Bring a case to another spacing; the first corner of the image stays where it is.

    Image and derived channels are interpolated linearly; along axes that shrink they are smoothed
    before, by a Gaussian of (factor - 1) / 2 voxels, so that detail finer than the new grid does
    not turn into patterns. Each class of the label goes the same way as a map of 0 and 1: a voxel
    is foreground where the sum over the foreground classes is at least one half, and takes the
    class with most; ``valid`` likewise. Tubes thinner than that survive a coarser grid too: every
    new voxel that holds a centre line voxel of the label keeps that voxel's class.

    Args:
        case: 2-D or 3-D.
        spacing_mm: the new voxel size, one per axis, in array order (z, y, x).
    Returns:
        A case with exactly this spacing. The number of voxels is rounded, at least 1, so the far
        border moves by up to half a voxel; values there repeat the last ones.
    Raises:
        ValueError: not one positive spacing per axis.

    Example:
        >>> import numpy as np
        >>> from tubekit.types import Case
        >>> case = Case("a", np.arange(64.0).reshape(1, 8, 8), np.eye(8, dtype=int), (1.0, 1.0))
        >>> resample(case, (2.0, 0.5)).image.shape
        (1, 4, 16)
    """
    new = _check.millimetres(spacing_mm, case.image.ndim - 1)
    if new == tuple(case.spacing):
        return case
    grid = _Grid(case.image.shape[1:], case.spacing, new)
    # The label first: its sums need room that the new image would take.
    label = None if case.label is None else _resample_label(case.label, grid)
    valid = None if case.valid is None else grid.interpolate(case.valid) >= _HALF
    image = np.empty((case.image.shape[0], *grid.shape), np.float32)
    for channel, target in zip(case.image, image, strict=True):
        target[:] = grid.interpolate(channel)
    return dataclasses.replace(
        case,
        image=image,
        label=label,
        spacing=new,
        valid=valid,
        affine=coarser(case.affine, grid.factors),
        maps={name: _resample_map(values, grid) for name, values in case.maps.items()},
    )


def resample_onto(
    values: Float32[np.ndarray, "c *p"], old: Spacing, case: Case
) -> Float32[np.ndarray, "c *s"]:
    """Bring maps that were made on a resampled case back to the grid of the case itself.

    Args:
        values: maps, e.g. probabilities, on the grid of ``resample(case, old)``.
        old: their spacing.
        case: as it was before.
    Returns:
        The maps, interpolated linearly, with the case's number of voxels.
    """
    if old == case.spacing:
        return values
    grid = _Grid(values.shape[1:], old, case.spacing, case.image.shape[1:])
    return np.stack([grid.interpolate(channel) for channel in values])


class _Grid:
    """A new grid over an old one, with the same first corner; one sparse matrix per axis."""

    def __init__(
        self,
        shape: tuple[int, ...],
        old: Spacing,
        new: Spacing,
        new_shape: tuple[int, ...] | None = None,
    ) -> None:
        self.factors = [b / a for a, b in zip(old, new, strict=True)]
        rounded = (max(1, round(n / f)) for n, f in zip(shape, self.factors, strict=True))
        self.shape = new_shape or tuple(rounded)
        self._lines = [
            _line(n, m, f) for n, m, f in zip(shape, self.shape, self.factors, strict=True)
        ]
        # Axes that shrink most go first, since they leave least to do.
        self._order = sorted(range(len(shape)), key=lambda axis: -self.factors[axis])

    def interpolate(self, array: np.ndarray) -> Float32[np.ndarray, "*r"]:
        """Linear interpolation after the smoothing that a coarser grid asks for."""
        values = array.astype(np.float32, copy=False)
        for axis in self._order:
            values = np.moveaxis(values, axis, 0)
            rest = values.shape[1:]
            values = values.reshape(len(values), -1)  # often a copy; the old one is let go
            values = np.moveaxis((self._lines[axis] @ values).reshape(-1, *rest), 0, axis)
        return np.ascontiguousarray(values)

    def holds(self, places: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        """The new voxels that hold the centres of old ones."""
        return tuple(
            np.minimum(((p + 0.5) / f).astype(np.int64), n - 1)
            for p, f, n in zip(places, self.factors, self.shape, strict=True)
        )


def _line(length: int, count: int, factor: float) -> scipy.sparse.csr_array:
    """Weights of the old samples on a line, one row for each new one."""
    places = np.clip((np.arange(count) + 0.5) * factor - 0.5, 0, length - 1)
    low = places.astype(np.int64)[:, None]
    high = np.minimum(low + 1, length - 1)
    share = places[:, None] - low
    smoothed, reach = _smoothing(length, (factor - 1) / 2 if factor > 1 else 0)
    old = low + np.arange(-reach, reach + 2)
    weights = (1 - share) * smoothed(low, old) + share * smoothed(high, old)
    new, at = np.nonzero((old >= 0) & (old < length) & (weights != 0))
    return scipy.sparse.csr_array(
        (weights[new, at].astype(np.float32), (new, old[new, at])), shape=(count, length)
    )


def _smoothing(
    length: int, sigma: float
) -> tuple[Callable[[np.ndarray, np.ndarray], np.ndarray], int]:
    """Weight of an old sample in a smoothed one, and how far apart the two may be.

    What SciPy's filter makes of single samples, without a matrix of all of them: beyond a border
    lies its sample again, so the first and the last have weights of their own.
    """
    reach = int(4 * sigma + 0.5)

    def answer(at: int, size: int) -> np.ndarray:
        line = np.zeros(size)
        line[at] = 1
        return scipy.ndimage.gaussian_filter1d(line, sigma, mode="nearest") if sigma else line

    inner = answer(reach + 1, 2 * reach + 3)  # 0 at both ends
    first, last = answer(0, length), answer(length - 1, length)

    def weight(smoothed: np.ndarray, old: np.ndarray) -> np.ndarray:
        apart = np.clip(old - smoothed, -reach - 1, reach + 1)
        made = np.where(old == 0, first[smoothed], inner[apart + reach + 1])
        return np.where(old == length - 1, last[smoothed], made)

    return weight, reach


def _resample_map(values: np.ndarray, grid: _Grid) -> np.ndarray:
    return _resample_label(values, grid) if values.dtype.kind in "iu" else grid.interpolate(values)


def _resample_label(label: Integer[np.ndarray, "*s"], grid: _Grid) -> Integer[np.ndarray, "*r"]:
    made = np.zeros(grid.shape, label.dtype)
    most = np.zeros(grid.shape, np.float32)
    total = np.zeros(grid.shape, np.float32)
    for value in np.unique(label[label > 0]):
        share = grid.interpolate(label == value)
        made[share > most] = value
        np.maximum(most, share, out=most)
        total += share
    made[total < _HALF] = 0
    if any(f > 1 for f in grid.factors):
        thin = np.nonzero(skeletonize(label > 0))
        held = grid.holds(thin)
        lost = made[held] == 0
        made[tuple(h[lost] for h in held)] = label[thin][lost]
    return made
