"""An image at several scales: its Hessian eigenvalues, and the largest response to them."""

import functools
import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Shaped

from tubekit import _accept, _check
from tubekit._accept import Array, SpacingLike
from tubekit.geometry._derivatives import (
    CURVE,
    SLOPE_THEN_SMOOTH,
    SMOOTH,
    SMOOTH_THEN_SLOPE,
    derivative_weights,
)
from tubekit.geometry._input import without_flat_axes
from tubekit.geometry.kernels.boxes import foreground_box
from tubekit.geometry.kernels.compiled import in_slabs
from tubekit.geometry.kernels.hessian import hessian_eigenvalues_in_planes

CHUNK = 2**16
"""Voxels whose eigenvalues a thread holds at a time."""

ROUNDING = 2e-6
"""Normalised eigenvalues of an image in -1..1 up to this size are rounding errors of float32."""

Measure = Callable[[Float32[np.ndarray, "d z y x"]], Sequence[np.ndarray]]


class ScaleSpace:
    """An image made ready for its eigenvalues at several scales.

    Only the box around ``mask``, and what the widest Gaussian reaches beyond it, is read. It is
    shifted and divided by a power of two into -1..1, so that float32 serves CT numbers as well as
    probabilities. Eigenvalues come normalised by sigma², with the sign that makes tubes positive.

    Attributes:
        sigmas: the scales, checked.
        ndim: 2 or 3; a volume of one slice is an image.
        unit: grey values that one unit of the normalised eigenvalues stands for.
    """

    def __init__(
        self,
        image: Shaped[Array, "*s"],
        sigmas_mm: Iterable[float],
        spacing: SpacingLike | None,
        *,
        bright: bool,
        hessian: str,
        mask: Shaped[Array, "..."] | None = None,
    ) -> None:
        image = _accept.array("image", image)
        _check.dimensions("image", image, (2, 3))
        if image.dtype.kind not in "buif" or image.size == 0:
            raise ValueError(
                f"image must hold real numbers, got {image.dtype} in shape {image.shape}; "
                "pass one intensity per voxel"
            )
        self.sigmas = checked_scales(sigmas_mm)
        self._given = image.shape
        self._sign = -1.0 if bright else 1.0
        self._hessian = hessian
        mask = None if mask is None else _checked_mask(mask, image.shape)
        image, steps = without_flat_axes(image, _check.spacing(spacing, image.ndim))
        self._shape, self.ndim = image.shape, image.ndim
        self._mask, self._box = _boxed(mask, image.shape)
        self._places = _with_plane_axis(self._box, slice(0, 1))
        self._lengths = _with_plane_axis(image.shape, 1)
        self._steps = _with_plane_axis(steps, 1.0)
        reach = [r for _, r in self._weights(max(self.sigmas))]
        read = tuple(
            slice(max(0, s.start - r), s.stop + r) for s, r in zip(self._places, reach, strict=True)
        )
        self._origin = [s.start for s in read]
        self._image, self.unit = _in_unit_range(image.reshape(self._lengths)[read])

    def measure(
        self, sigma: float, count: int, function: Measure
    ) -> Float32[np.ndarray, "count z y x"]:
        """Apply ``function`` to the eigenvalues (d z y x), a few planes at a time.

        Returns:
            Its ``count`` results over the box, 0 outside the mask.
        """
        weights, reach = zip(*self._weights(sigma), strict=True)
        first = np.array(
            [s.start - r - o for s, r, o in zip(self._places, reach, self._origin, strict=True)]
        )
        z, y, x = (w[:, s] for w, s in zip(weights, self._places, strict=True))
        z = z[: CURVE + 1] * (self._sign * sigma**2)  # the first axis needs no more
        z, y, x = (np.ascontiguousarray(w, np.float32) for w in (z, y, np.moveaxis(x, 1, 2)))
        terms = _terms(self.ndim)
        maps = np.empty((count, *self.box_shape), dtype=np.float32)

        def work(here: slice) -> None:
            rows = np.empty((here.stop - here.start, y.shape[1], self.ndim, x.shape[2]), np.float32)
            hessian_eigenvalues_in_planes(here.start, self._image, terms, z, y, x, first, rows)
            for target, values in zip(maps, function(np.moveaxis(rows, 2, 0)), strict=True):
                target[here] = values if self._mask is None else values * self._mask[here]

        _a_few_planes_at_a_time(work, maps.shape[1:])
        return maps

    @property
    def box_shape(self) -> tuple[int, int, int]:
        z, y, x = (s.stop - s.start for s in self._places)
        return z, y, x

    def uncropped(self, box: Float32[np.ndarray, "z y x"]) -> Float32[np.ndarray, "*s"]:
        """Put a result over the box back into the image's grid, 0 elsewhere."""
        if self._mask is None:
            return box.reshape(self._given)
        whole = np.zeros(self._shape, dtype=np.float32)
        whole[self._box] = box.reshape(whole[self._box].shape)
        return whole.reshape(self._given)

    def _weights(self, sigma: float) -> list[tuple[np.ndarray, int]]:
        return [
            derivative_weights(n, sigma, step, self._hessian)
            for n, step in zip(self._lengths, self._steps, strict=True)
        ]


def largest_over_scales(
    space: ScaleSpace,
    count: int,
    measure: Measure,
    respond: Callable[..., np.ndarray],
) -> Float32[np.ndarray, "*s"]:
    """Largest response over the scales.

    Args:
        measure: eigenvalues to ``count`` maps; the maximum of the last one is that of the scale.
        respond: (maps, largest, sigma), with that maximum, to the response.
    """
    response = np.zeros(space.box_shape, dtype=np.float32)
    for sigma in space.sigmas:
        maps = space.measure(sigma, count, measure)
        largest = float(maps[-1].max())
        if largest > ROUNDING:
            _keep_larger(response, functools.partial(respond, largest=largest, sigma=sigma), maps)
        del maps  # before those of the next scale are made
    return space.uncropped(response)


def _keep_larger(
    response: Float32[np.ndarray, "z y x"],
    function: Callable[[np.ndarray], np.ndarray],
    maps: Float32[np.ndarray, "count z y x"],
) -> None:
    def work(here: slice) -> None:
        np.maximum(response[here], function(maps[:, here]), out=response[here])

    _a_few_planes_at_a_time(work, response.shape)


def _a_few_planes_at_a_time(work: Callable[[slice], None], shape: tuple[int, ...]) -> None:
    """Call ``work`` with slices of the first axis that cover it, on as many threads as torch."""
    planes = max(1, CHUNK // math.prod(shape[1:]))

    def slab(start: int, stop: int) -> None:
        for z in range(start, stop, planes):
            work(slice(z, min(z + planes, stop)))

    in_slabs(slab, shape[0])


def _terms(ndim: int) -> np.ndarray:
    """For each second derivative, in the order of the upper triangle, the operator per axis."""
    axes = (0, 1, 2) if ndim == 3 else (0, 2)
    terms = []
    for a, b in itertools.combinations_with_replacement(axes, 2):
        term = [SMOOTH] * 3
        term[a], term[b] = (CURVE, CURVE) if a == b else (SLOPE_THEN_SMOOTH, SMOOTH_THEN_SLOPE)
        terms.append(term)
    return np.array(terms)


def _with_plane_axis(per_axis: Sequence[Any], middle: Any) -> tuple[Any, ...]:
    """A 2-D image is computed as planes of one row each, so that threads share its rows."""
    values = tuple(per_axis)
    return values if len(values) == 3 else (values[0], middle, values[1])


def checked_scales(sigmas_mm: Iterable[float]) -> tuple[float, ...]:
    """The scales as floats; ValueError unless there is one or more, all positive."""
    if not isinstance(sigmas_mm, Iterable):
        raise ValueError(f"sigmas_mm must be a list of scales, got {sigmas_mm}; write [1.0]")
    sigmas = tuple(float(s) for s in sigmas_mm)
    if not sigmas or not all(math.isfinite(s) and s > 0 for s in sigmas):
        raise ValueError(
            f"sigmas_mm needs at least one scale, all positive, got {sigmas}; pass millimetres "
            "(voxels without spacing), about the tube's radius"
        )
    return sigmas


def _checked_mask(mask: Array, shape: tuple[int, ...]) -> Bool[np.ndarray, "..."]:
    inside = _check.binary("mask", _accept.array("mask", mask))
    if inside.shape != shape:
        raise ValueError(
            f"mask must lie on the image's grid: expected shape {shape}, got {inside.shape}; "
            "crop or resample to one grid"
        )
    if not inside.any():
        raise ValueError(
            "mask must hold at least one voxel, got an empty one; pass mask=None to use the "
            "whole image"
        )
    return inside


def _boxed(
    mask: Bool[np.ndarray, "..."] | None, shape: tuple[int, ...]
) -> tuple[Bool[np.ndarray, "z y x"] | None, tuple[slice, ...]]:
    """The mask cut to its box and seen as planes, and the box."""
    if mask is None:
        return None, tuple(slice(0, n) for n in shape)
    box = foreground_box(mask.reshape(shape), 0) or ()
    cut = mask.reshape(shape)[box]
    return cut.reshape(_with_plane_axis(cut.shape, 1)), box


def _in_unit_range(image: Shaped[np.ndarray, "z y x"]) -> tuple[np.ndarray, float]:
    low, high = float(image.min()), float(image.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        _check.finite("image", image.astype(np.float64))
    centre = low / 2 + high / 2
    _, exponent = math.frexp(max(high - centre, centre - low))
    unit = math.ldexp(1.0, exponent)
    scaled = np.empty(image.shape, dtype=np.float32)
    for target, plane in zip(scaled, image, strict=True):
        target[:] = (plane.astype(np.float64) - centre) / unit
    return scaled, unit
