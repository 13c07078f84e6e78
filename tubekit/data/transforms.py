"""Random geometry and intensity changes of patches, as pure functions of a generator.

One n-D implementation: image, label and maps get the same geometry; only the image is interpolated.
"""

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np
import scipy.ndimage
from jaxtyping import Float32, Float64, Shaped

from tubekit.types import Spacing

# Probabilities and ranges follow nnU-Net where it has the operation; rotations are smaller.
P_ROTATE, MAX_ANGLE_DEG = 0.2, 20.0
P_SCALE, SCALE_RANGE = 0.2, (0.8, 1.25)
P_BRIGHTNESS, P_CONTRAST, P_GAMMA, P_NOISE = 0.15, 0.15, 0.3, 0.1
FACTOR_RANGE, GAMMA_RANGE, MAX_NOISE_VARIANCE = (0.75, 1.25), (0.7, 1.5), 0.1


@dataclasses.dataclass(frozen=True)
class Geometry:
    """What happens to the grid of one patch.

    Attributes:
        matrix: voxel offsets of the patch to voxel offsets of the case; ``None`` is the identity.
        flips: axes that are mirrored, after the matrix.
        quarter_turns: (axis, axis, number of 90 degree turns), after the flips.
    """

    matrix: Float64[np.ndarray, "n n"] | None = None
    flips: tuple[int, ...] = ()
    quarter_turns: tuple[tuple[int, int, int], ...] = ()


def random_geometry(
    rng: np.random.Generator,
    patch_size: Sequence[int],
    spacing: Spacing,
    mirror_axes: Sequence[int],
) -> Geometry:
    """Draw flips, quarter turns, and sometimes a small rotation and scaling.

    Quarter turns happen in planes whose two axes may be mirrored and have equal size and spacing.
    Small rotations happen in millimetres, in planes whose spacings differ by less than 3.

    Args:
        rng: source of randomness.
        patch_size: voxels per axis.
        spacing: millimetres per voxel.
        mirror_axes: axes that may be flipped; empty for classes that know left from right.
    """
    ndim = len(patch_size)
    flips = tuple(axis for axis in mirror_axes if rng.random() < 0.5)
    turns = []
    for a, b in itertools.combinations(sorted(mirror_axes), 2):
        if patch_size[a] == patch_size[b] and np.isclose(spacing[a], spacing[b], rtol=1e-3):
            turns.append((a, b, int(rng.integers(4))))
    matrix = np.eye(ndim)
    if rng.random() < P_SCALE:
        # The logarithm is uniform, so that growing and shrinking are equally likely.
        matrix /= np.exp(rng.uniform(*np.log(SCALE_RANGE)))
    if rng.random() < P_ROTATE:
        scale = np.asarray(spacing)
        for a, b in itertools.combinations(range(ndim), 2):
            if max(scale[a], scale[b]) < 3 * min(scale[a], scale[b]):
                angle = np.deg2rad(rng.uniform(-MAX_ANGLE_DEG, MAX_ANGLE_DEG))
                turn = np.eye(ndim)
                turn[[a, b], [a, b]] = np.cos(angle)
                turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
                matrix = (turn * scale[None, :] / scale[:, None]) @ matrix
    identity = np.array_equal(matrix, np.eye(ndim))
    return Geometry(None if identity else matrix, flips, tuple(turns))


def take_patch(
    array: Shaped[np.ndarray, "c *s"],
    start: Sequence[int],
    patch_size: Sequence[int],
    geometry: Geometry,
    *,
    interpolate: bool,
) -> Shaped[np.ndarray, "c *p"]:
    """Cut a patch and apply a geometry to it.

    Args:
        array: of a case, channels first, not smaller than the patch.
        start: first voxel of the patch.
        patch_size: voxels per axis.
        geometry: what ``random_geometry`` drew.
        interpolate: linear for intensities; else nearest neighbour, for labels, maps and masks.
    Returns:
        Contiguous patch. A rotated or enlarged patch that reaches over the case's border sees the
        case mirrored there, image and label alike.
    """
    if geometry.matrix is None:
        patch = array[
            (slice(None), *(slice(a, a + n) for a, n in zip(start, patch_size, strict=True)))
        ]
    else:
        half = (np.asarray(patch_size) - 1) / 2
        offset = np.asarray(start) + half - geometry.matrix @ half
        source = array.view(np.uint8) if array.dtype == bool else array
        patch = np.stack(
            [
                scipy.ndimage.affine_transform(
                    channel,
                    geometry.matrix,
                    offset,
                    tuple(patch_size),
                    order=1 if interpolate else 0,
                    mode="mirror",
                    prefilter=False,
                )
                for channel in source
            ]
        ).astype(array.dtype, copy=False)
    for axis in geometry.flips:
        patch = np.flip(patch, axis + 1)
    for a, b, count in geometry.quarter_turns:
        patch = np.rot90(patch, count, (a + 1, b + 1))
    return np.ascontiguousarray(patch)


def random_intensity(
    rng: np.random.Generator, image: Float32[np.ndarray, "c *s"]
) -> Float32[np.ndarray, "c *s"]:
    """Sometimes noise, brightness, contrast and gamma, per channel together.

    Args:
        rng: source of randomness.
        image: normalised intensities (zero mean, unit variance over the case).
    """
    image = image.copy()
    if rng.random() < P_NOISE:
        deviation = np.sqrt(rng.uniform(0, MAX_NOISE_VARIANCE))
        image += rng.standard_normal(image.shape, dtype=np.float32) * np.float32(deviation)
    if rng.random() < P_BRIGHTNESS:
        image += np.float32(rng.uniform(FACTOR_RANGE[0] - 1, FACTOR_RANGE[1] - 1))
    if rng.random() < P_CONTRAST:
        mean = image.mean(dtype=np.float64).astype(np.float32)
        image = (image - mean) * np.float32(rng.uniform(*FACTOR_RANGE)) + mean
    if rng.random() < P_GAMMA:
        image = _gamma(image, float(rng.uniform(*GAMMA_RANGE)))
    return image


def _gamma(image: Float32[np.ndarray, "c *s"], gamma: float) -> Float32[np.ndarray, "c *s"]:
    """Power law on [0, 1], then the mean and deviation that the image had before."""
    low, high = float(image.min()), float(image.max())
    if high - low < 1e-6:
        return image
    curved = ((image - low) / (high - low)) ** np.float32(gamma)
    spread = curved.std()
    if spread < 1e-6:
        return image
    return ((curved - curved.mean()) / spread * image.std() + image.mean()).astype(np.float32)
