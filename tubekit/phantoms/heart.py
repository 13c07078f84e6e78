"""An enhanced heart in the chest: an ellipsoid with chambers, great vessels, fat and lungs."""

import dataclasses

import numpy as np
from jaxtyping import Float, Float32

from tubekit.phantoms.ct import (
    BONE_HU,
    FAT_HU,
    LUNG_HU,
    MUSCLE_HU,
    chest_wall,
    ellipsoid_mm,
    over,
    texture,
    thin_vessels,
)
from tubekit.phantoms.render import partial_volume
from tubekit.types import Spacing

# Chambers in parts of the heart's radii: place and radii towards base, front and left; share of the
# full enhancement; thickness of a wall that is laid over what came before.
_CHAMBERS = (
    ((-0.05, 0.42, -0.38), (0.62, 0.40, 0.46), 0.8, 0.0),  # right ventricle
    ((0.45, 0.05, -0.58), (0.38, 0.42, 0.28), 0.8, 0.0),  # right atrium
    ((0.52, -0.42, 0.12), (0.28, 0.36, 0.48), 1.0, 0.0),  # left atrium
    ((-0.12, -0.08, 0.26), (0.60, 0.44, 0.38), 1.0, 0.24),  # left ventricle
)


@dataclasses.dataclass(frozen=True, eq=False)
class Heart:
    """Place, size and enhancement.

    Attributes:
        extent: of the box (mm).
        centre: of the ellipsoid (mm).
        radii: along the three axes (mm).
        axes: rows are unit vectors towards the base, the front and the patient's left.
        blood_hu: enhancement of the left heart and the arteries (HU).
    """

    extent: Float[np.ndarray, "3"]
    centre: Float[np.ndarray, "3"]
    radii: Float[np.ndarray, "3"]
    axes: Float[np.ndarray, "3 3"]
    blood_hu: float

    @classmethod
    def drawn(cls, extent: Float[np.ndarray, "3"], rng: np.random.Generator) -> "Heart":
        """A heart that fits into a box, its apex down and to the left."""
        tilt = rng.uniform(0.25, 0.5)
        axes = np.array(
            [
                [np.cos(tilt), 0.0, -np.sin(tilt)],
                [0.0, -1.0, 0.0],
                [np.sin(tilt), 0.0, np.cos(tilt)],
            ]
        )
        size = float(extent.min()) * rng.uniform(0.95, 1.03)
        return cls(
            extent=extent,
            centre=np.array([0.42, 0.43, 0.54]) * extent + rng.normal(scale=0.01, size=3) * extent,
            radii=np.array([0.35, 0.27, 0.31]) * size,
            axes=axes,
            blood_hu=float(rng.uniform(300, 450)),
        )

    def place(self, part: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 3"]:
        """Point (mm) at parts of the radii towards base, front and left."""
        return self.centre + (part * self.radii) @ self.axes

    def surface(
        self,
        polar: Float[np.ndarray, "*n"],
        azimuth: Float[np.ndarray, "*n"],
        above_mm: Float[np.ndarray, "*n"] | float = 0.0,
    ) -> Float[np.ndarray, "*n 3"]:
        """Points (mm) above the surface.

        Args:
            polar: angle from the base (radians).
            azimuth: angle from the front towards the left (radians).
            above_mm: height over the surface.
        """
        part = np.stack(
            [np.cos(polar), np.sin(polar) * np.cos(azimuth), np.sin(polar) * np.sin(azimuth)], -1
        )
        normal = part / self.radii
        normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
        height = np.broadcast_to(above_mm, part.shape[:-1])[..., None]
        return self.place(part) + (height * normal) @ self.axes

    def scene(
        self, shape: tuple[int, ...], spacing: Spacing, rng: np.random.Generator
    ) -> Float32[np.ndarray, "z y x"]:
        """The chest around the heart and the heart without its coronaries (HU, sharp)."""
        side = float(self.extent.min())
        heart_mm = self._ellipsoid(shape, spacing, np.zeros(3), np.ones(3))
        air = LUNG_HU + 25 * texture(shape, spacing, rng, 4.0)
        scene = over(air, thin_vessels(heart_mm > 0, spacing, rng, 150, (0.4, 1.3), (6, 20)), 220.0)
        fat = FAT_HU + 8 * texture(shape, spacing, rng, 3.0)
        trunk = self._column(shape, spacing, (0.45, 0.53), (0.36, 0.19))
        scene = over(scene, partial_volume(np.minimum(trunk, heart_mm - 0.05 * side), spacing), fat)
        for at, radii, hu in (
            ((0.80, 0.5), (0.10, 0.12), MUSCLE_HU),
            ((0.79, 0.5), (0.075, 0.085), BONE_HU),
            ((0.79, 0.5), (0.06, 0.07), 0.5 * BONE_HU),
            ((0.72, 0.6), (0.045, 0.045), 0.95 * self.blood_hu),
        ):
            column = self._column(shape, spacing, at, radii)
            scene = over(scene, partial_volume(column, spacing), hu)
        scene = self._chambers(scene, heart_mm, spacing, rng)
        # Aorta, pulmonary trunk and superior vena cava rise from the base.
        for part, radius, share in (
            ((0.65, 0.0, 0.0), 0.085, 1.0),
            ((0.6, 0.55, 0.05), 0.065, 0.75),
            ((0.75, -0.3, -0.42), 0.05, 0.9),
        ):
            foot = self.place(np.array(part))
            tube = _vessel_mm(shape, spacing, foot, radius * side)
            scene = over(scene, partial_volume(tube - 0.012 * side, spacing), MUSCLE_HU)
            scene = over(scene, partial_volume(tube, spacing), share * self.blood_hu)
        body = self._column(shape, spacing, (0.48, 0.5), (0.42, 0.46))
        cavity = np.minimum(body, heart_mm - 0.06 * side)
        return chest_wall(scene, cavity, spacing, rng, wall_mm=0.05 * side)

    def _chambers(
        self, scene: np.ndarray, heart_mm: np.ndarray, spacing: Spacing, rng: np.random.Generator
    ) -> np.ndarray:
        shape = scene.shape
        muscle = 100 + 8 * texture(shape, spacing, rng, 4.0)
        scene = over(scene, partial_volume(heart_mm, spacing), muscle)
        inside = partial_volume(heart_mm + 0.015 * float(self.extent.min()), spacing)
        blood = self.blood_hu + 10 * texture(shape, spacing, rng, 8.0)
        for at, radii, share, wall in _CHAMBERS:
            place, size = np.array(at), np.array(radii)
            if wall:
                around = self._ellipsoid(shape, spacing, place, size + wall)
                scene = over(scene, partial_volume(around, spacing) * inside, muscle)
            lumen = self._ellipsoid(shape, spacing, place, size)
            lumen = lumen + 0.02 * self.radii[1] * texture(shape, spacing, rng, 4.0)
            scene = over(scene, partial_volume(lumen, spacing) * inside, share * blood)
        return scene

    def _ellipsoid(
        self, shape: tuple[int, ...], spacing: Spacing, part: np.ndarray, size: np.ndarray
    ) -> np.ndarray:
        """Distance (mm) to an ellipsoid along the heart's axes, negative inside."""
        return ellipsoid_mm(
            shape, spacing, self.place(part).tolist(), (size * self.radii).tolist(), self.axes
        )

    def _column(
        self,
        shape: tuple[int, ...],
        spacing: Spacing,
        at: tuple[float, float],
        radii: tuple[float, float],
    ) -> np.ndarray:
        """Distance (mm) to an upright column, place (y, x) and radii in parts of the box."""
        centre = (0.0, *(np.array(at) * self.extent[1:]).tolist())
        wide = (1e5, *(np.array(radii) * float(self.extent.min())).tolist())
        return ellipsoid_mm(shape, spacing, centre, wide)


def _vessel_mm(
    shape: tuple[int, ...], spacing: Spacing, foot: np.ndarray, radius: float
) -> np.ndarray:
    """Distance (mm) to a round vessel that rises upright from a round foot, negative inside."""
    upright = ellipsoid_mm(shape, spacing, foot.tolist(), (1e5, radius, radius))
    ball = ellipsoid_mm(shape, spacing, foot.tolist(), (radius,) * 3)
    above = np.arange(shape[0])[:, None, None] * spacing[0] >= foot[0]
    return np.where(above, upright, ball)
