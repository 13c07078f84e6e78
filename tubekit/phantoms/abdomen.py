"""What lies around a liver: fat, bowel, lung, neighbour organs, spine, body wall with ribs."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float32

from tubekit.geometry.kernels.boxes import foreground_box
from tubekit.phantoms.ct import (
    BONE_HU,
    LUNG_HU,
    chest_wall,
    ellipsoid_mm,
    over,
    texture,
    thin_vessels,
)
from tubekit.phantoms.render import partial_volume


def surroundings(
    organ_mm: Float[np.ndarray, "z y x"],
    spacing: Sequence[float],
    rng: np.random.Generator,
    *,
    fat_hu: float,
    muscle_hu: float,
    neighbours_hu: Float[np.ndarray, "n"],
) -> Float32[np.ndarray, "z y x"]:
    """Scene (HU, sharp) around an organ, which is to be laid over it.

    The cavity is the ellipse around the organ's box and whatever is within 1.5 mm of the organ.
    Some organs touch the liver, so that its border is a step in places and a rim in others; lung
    fills the upper part.

    Args:
        organ_mm: signed distance to the organ, negative inside.
        spacing: millimetres per voxel (z, y, x).
        rng: source of all places and sizes.
        fat_hu, muscle_hu: tissues (HU).
        neighbours_hu: one organ each (HU).
    """
    shape, voxel = organ_mm.shape, np.array(spacing)
    box = foreground_box(organ_mm <= 0, 0) or ()
    low = np.array([side.start for side in box]) * voxel
    high = np.array([side.stop - 1 for side in box]) * voxel
    middle, half = 0.5 * (low + high), 0.5 * (high - low) + 12
    scene = fat_hu + 8 * texture(shape, spacing, rng, 3.0)
    loops = texture(shape, spacing, rng, 7.0)
    bowel = np.clip(3 * (loops - 0.3), 0.0, 1.0)
    scene = over(scene, bowel, muscle_hu - 25 + 8 * texture(shape, spacing, rng, 3.0))
    scene = over(scene, thin_vessels(organ_mm > 2, spacing, rng, 60, (0.6, 1.8), (10, 40)), 130.0)
    dome = low[0] + 0.75 * (high[0] - low[0]) + 6 * texture(shape[1:], spacing[1:], rng, 15.0)
    above = dome[None] - np.arange(shape[0]).reshape(-1, 1, 1) * spacing[0]
    diaphragm = partial_volume(np.maximum(above - 4, organ_mm - 4), spacing)
    scene = over(scene, diaphragm, muscle_hu)
    lung = partial_volume(np.maximum(above, 2.5 - organ_mm), spacing)
    scene = over(scene, lung, LUNG_HU + 25 * texture(shape, spacing, rng, 3.0))
    for hu in neighbours_hu.tolist():
        radius = rng.uniform(14, 32)
        places = np.argwhere((organ_mm > 0.55 * radius) & (organ_mm < 0.9 * radius))
        if len(places):
            centre = places[rng.integers(len(places))] * voxel
            radii = radius * rng.uniform(0.8, 1.3, 3)
            beside = ellipsoid_mm(shape, spacing, centre.tolist(), radii.tolist())
            beside += 0.06 * radius * texture(shape, spacing, rng, 0.4 * radius)
            # The rim is brighter: the cortex of a kidney, the wall of a stomach.
            scene = over(scene, partial_volume(beside, spacing), max(1.15 * hu, 70.0))
            scene = over(scene, partial_volume(beside + 3, spacing), hu)
    back = (middle[0], middle[1] + 0.72 * half[1], middle[2] + 0.15 * half[2])
    scene = _spine(scene, back, spacing, rng, muscle_hu)
    cavity = ellipsoid_mm(shape, spacing, middle.tolist(), (1e4, *half[1:].tolist()))
    cavity = np.minimum(cavity, organ_mm - 1.5)
    return chest_wall(scene, cavity, spacing, rng, fat_hu=fat_hu, muscle_hu=muscle_hu)


def _spine(
    scene: Float32[np.ndarray, "z y x"],
    at: tuple[float, ...],
    spacing: Sequence[float],
    rng: np.random.Generator,
    muscle_hu: float,
) -> Float32[np.ndarray, "z y x"]:
    """Back muscle, a vertebral column with its canal, and the aorta in front of it."""
    blood = rng.uniform(130, 190)
    for dy, dx, ry, rx, hu in (
        (18, 0, 24, 55, muscle_hu),
        (0, 0, 17, 22, BONE_HU),
        (0, 0, 15, 20, 0.5 * BONE_HU),
        (22, 0, 11, 14, BONE_HU),
        (21, 0, 8, 9, 30.0),
        (-24, 10, 11, 11, blood),
    ):
        centre = (at[0], at[1] + dy, at[2] + dx)
        column = ellipsoid_mm(scene.shape, spacing, centre, (1e4, ry, rx))
        scene = over(scene, partial_volume(column, spacing), hu)
    return scene
