"""What the CT phantoms share: textures, tissues laid over each other, shapes, the scanner.

Axes are (z, y, x): slices are stacked along z towards the head, y runs to the back and x to the
patient's left. Values are Hounsfield units (HU): air -1000, water 0.
"""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Float32
from scipy import fft, ndimage

from tubekit._accept import taking_numbers
from tubekit.phantoms.course import bent_course, unit
from tubekit.phantoms.raster import Canvas
from tubekit.phantoms.render import partial_volume
from tubekit.phantoms.tree import Branch

AIR_HU, LUNG_HU, FAT_HU, MUSCLE_HU, BONE_HU = -1000.0, -850.0, -95.0, 55.0, 350.0

Range = tuple[float, float]
"""Lowest and highest value; a case draws evenly in between."""


@taking_numbers
@dataclasses.dataclass(frozen=True)
class Scanner:
    """Point spread and noise of a CT scanner; each case draws one value from every range.

    Attributes:
        psf_mm: standard deviation of the point spread in the slice (mm).
        slice_share: slice thickness as a share of the slice distance, 1 to 3: above 1 slices
            overlap.
        noise_hu: standard deviation of the noise (HU).
        noise_mm: how far the noise is smoothed in the slice (standard deviation, mm).
    Raises:
        ValueError: a range that descends, a negative length or noise, or a bad thickness.
    """

    psf_mm: Range = (0.45, 0.8)
    slice_share: Range = (1.0, 1.3)
    noise_hu: Range = (10.0, 25.0)
    noise_mm: Range = (0.3, 0.55)

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, tuple):
                continue
            low = 0.0 if not field.name.endswith(("_hu", "_contrast")) else -np.inf
            if len(value) != 2 or not low <= value[0] <= value[1] < np.inf:
                raise ValueError(
                    f"{field.name} must be an ascending pair"
                    f"{' from 0' if low == 0 else ''}, got {value}; see {type(self).__name__} "
                    "for the defaults"
                )
        if self.slice_share[0] < 1 or self.slice_share[1] > 3:
            raise ValueError(
                f"slice_share must lie in 1 to 3, got {self.slice_share}; (1.0, 1.0) means that "
                "slices touch"
            )
        if self.noise_hu[0] < 0:
            raise ValueError(
                f"noise_hu must be 0 or more, got {self.noise_hu}; (0.0, 0.0) means no noise"
            )


def acquire(
    scene: Float[np.ndarray, "z y x"],
    spacing: Sequence[float],
    rng: np.random.Generator,
    scanner: Scanner,
) -> Float32[np.ndarray, "z y x"]:
    """Blur a scene (HU) in the slice and across slices, add noise, clip to 12 bits."""
    psf, share = rng.uniform(*scanner.psf_mm), rng.uniform(*scanner.slice_share)
    sigma = (0.0, psf / spacing[1], psf / spacing[2])
    image = ndimage.gaussian_filter(scene.astype(np.float32), sigma, mode="nearest")
    image = _thick_slices(image, share, "nearest")
    smooth = rng.uniform(*scanner.noise_mm)
    image += rng.uniform(*scanner.noise_hu) * ct_noise(scene.shape, spacing, rng, smooth, share)
    return np.clip(image, -1024, 3071)


def _thick_slices(
    image: Float32[np.ndarray, "z y x"], share: float, mode: str
) -> Float32[np.ndarray, "z y x"]:
    """Average over ``share`` slices: a slice and equal parts of both neighbours."""
    side = (share - 1) / (2 * share)
    return ndimage.convolve1d(image, [side, 1 / share, side], axis=0, mode=mode)


def ct_noise(
    shape: Sequence[int],
    spacing: Sequence[float],
    rng: np.random.Generator,
    smooth_mm: float,
    slice_share: float = 1.0,
) -> Float32[np.ndarray, "z y x"]:
    """Noise with the band-limited spectrum of a filtered back-projection, mean 0 and deviation 1.

    In the slice the power rises with the frequency f, as the ramp filter makes it, and falls as
    the smoothing kernel: ``(f + f0) exp(-(2 pi smooth_mm f)**2)``. The offset f0 of 0.1 per mm
    stands for what beam hardening and scatter leave at low frequencies.

    Args:
        shape: voxels per axis (z, y, x).
        spacing: millimetres per voxel in array order.
        rng: source of the noise.
        smooth_mm: standard deviation of the smoothing kernel.
        slice_share: slice thickness as a share of the slice distance, 1 to 3.
    """
    white = rng.standard_normal(tuple(shape), dtype=np.float32)
    f_y = fft.fftfreq(shape[1], spacing[1])[:, None]
    f_x = fft.rfftfreq(shape[2], spacing[2])
    f = np.hypot(f_y, f_x)
    gain = np.sqrt(f + 0.1) * np.exp(-0.5 * (2 * np.pi * smooth_mm * f) ** 2)
    spectrum = fft.rfft2(white, axes=(1, 2)) * gain.astype(np.float32)
    noise = fft.irfft2(spectrum, s=tuple(shape[1:]), axes=(1, 2))
    noise = _thick_slices(noise, slice_share, "wrap")
    noise -= noise.mean()
    return (noise / max(float(noise.std()), 1e-12)).astype(np.float32)


def texture(
    shape: Sequence[int], spacing: Sequence[float], rng: np.random.Generator, length_mm: float
) -> Float32[np.ndarray, "*s"]:
    """Gaussian random field with expected mean 0 and deviation 1, on any number of axes.

    Random weights of Gaussian bells of width ``length_mm`` that stand one width apart: as smooth
    as filtered noise, at the cost of one small matrix product per axis.
    """
    bells = []
    for n, h in zip(shape, spacing, strict=True):
        centres = np.arange(-2.0, (n - 1) * h / length_mm + 3.0)
        bell = np.exp(-0.5 * (np.arange(n)[:, None] * h / length_mm - centres) ** 2)
        bells.append((bell / np.linalg.norm(bell, axis=1, keepdims=True)).astype(np.float32))
    field = rng.standard_normal([b.shape[1] for b in bells], dtype=np.float32)
    for bell in bells:  # each turn moves one finished axis to the end
        field = np.tensordot(field, bell, (0, 1))
    return field


def over(
    scene: Float[np.ndarray, "*s"],
    share: Float[np.ndarray, "*s"],
    hu: float | Float[np.ndarray, "*s"],
) -> Float32[np.ndarray, "*s"]:
    """Lay a tissue of ``hu`` over a scene; ``share`` in [0, 1] of each voxel is that tissue."""
    laid = hu - scene
    laid = np.multiply(share, laid, out=laid if laid.dtype == share.dtype else None)
    laid = np.add(scene, laid, out=laid if laid.dtype == scene.dtype else None)
    return laid.astype(np.float32, copy=False)


def ellipsoid_mm(
    shape: Sequence[int],
    spacing: Sequence[float],
    centre_mm: Sequence[float],
    radii_mm: Sequence[float],
    axes: Float[np.ndarray, "d d"] | None = None,
) -> Float32[np.ndarray, "*s"]:
    """Distance (mm) to an ellipsoid, negative inside: exact near the surface to first order.

    Args:
        shape: voxels per axis.
        spacing: millimetres per voxel in array order.
        centre_mm: of the ellipsoid; voxel ``i`` lies at ``i * spacing``.
        radii_mm: along its axes.
        axes: rows are the unit vectors of its axes; ``None`` takes those of the array.
    """
    offsets = [
        (np.arange(n, dtype=np.float32) * np.float32(h) - np.float32(c)).reshape(
            [-1 if a == axis else 1 for a in range(len(shape))]
        )
        for axis, (n, h, c) in enumerate(zip(shape, spacing, centre_mm, strict=True))
    ]
    near, far = np.zeros((), np.float32), np.zeros((), np.float32)
    for k, radius in enumerate(radii_mm):
        along = offsets[k]
        if axes is not None:
            turned = (np.float32(a) * o for a, o in zip(axes[k], offsets, strict=True))
            along = functools.reduce(np.add, turned)
        squared = (along / np.float32(radius)) ** 2
        near, far = near + squared, far + squared / np.float32(radius) ** 2
    norm, slope = np.sqrt(near, out=near), np.sqrt(far, out=far)
    scale = np.full(norm.shape, min(radii_mm), np.float32)  # in the very centre
    np.divide(norm, slope, out=scale, where=slope > 0)
    norm -= 1
    norm *= scale
    return norm


def thin_vessels(
    domain: Bool[np.ndarray, "*s"],
    spacing: Sequence[float],
    rng: np.random.Generator,
    count: int,
    radius_mm: Range,
    length_mm: Range,
) -> Float32[np.ndarray, "*s"]:
    """Share of each voxel filled by ``count`` bent vessels that start in a domain.

    Vessels thinner than a voxel are drawn one voxel wide with the share of a voxel they fill.
    """
    starts = np.flatnonzero(domain)
    voxel = float(np.prod(spacing)) ** (1 / len(spacing))
    canvas = Canvas(domain.shape, tuple(spacing))
    share = np.zeros(domain.shape, dtype=np.float32)
    for _ in range(count if len(starts) else 0):
        place = np.unravel_index(starts[rng.integers(len(starts))], domain.shape)
        start = np.array(place) * np.array(spacing)
        direction = unit(rng.normal(size=domain.ndim))
        radius, length = rng.uniform(*radius_mm), rng.uniform(*length_mm)
        course = bent_course(start, direction, length, 8, 0.4, np.zeros(domain.ndim), rng)
        drawn = max(radius, voxel / np.sqrt(np.pi))
        stamp = canvas.stamp(Branch(course, np.full(len(course), drawn), (0, 1), -1, 0))
        filled = (radius / drawn) ** 2 * partial_volume(stamp.distance_mm, spacing)
        share[stamp.box] = np.maximum(share[stamp.box], filled)
    return share * domain


def chest_wall(
    scene: Float32[np.ndarray, "z y x"],
    cavity_mm: Float[np.ndarray, "z y x"],
    spacing: Sequence[float],
    rng: np.random.Generator,
    *,
    fat_hu: float = FAT_HU,
    muscle_hu: float = MUSCLE_HU,
    wall_mm: float = 14.0,
) -> Float32[np.ndarray, "z y x"]:
    """Lay muscle with ribs, subcutaneous fat and air around a cavity, all scaled by ``wall_mm``."""
    scene = over(scene, partial_volume(-cavity_mm, spacing), muscle_hu)
    z, y = np.ogrid[: scene.shape[0], : scene.shape[1]]
    # Ribs recur every two walls and slope forward; each is an oval across its course.
    course = (z * spacing[0] + 0.4 * y * spacing[1])[..., None] + rng.uniform(0, 2 * wall_mm)
    along = np.abs(course % (2 * wall_mm) - wall_mm)
    rib = np.hypot(along, 1.6 * (cavity_mm - 0.5 * wall_mm)) - 0.43 * wall_mm
    for depth, hu in ((0.0, BONE_HU), (0.15 * wall_mm, 0.45 * BONE_HU)):
        scene = over(scene, partial_volume(rib + depth, spacing), hu)
    scene = over(scene, partial_volume(wall_mm - cavity_mm, spacing), fat_hu)
    skin = wall_mm * rng.uniform(1.6, 2.8)
    return over(scene, partial_volume(skin - cavity_mm, spacing), AIR_HU)
