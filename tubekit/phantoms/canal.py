"""Two thin canals in a jaw: a cone-beam-CT-like volume with little contrast."""

from collections.abc import Sequence

import numpy as np

from tubekit._accept import numbers, per_axis, taking
from tubekit.phantoms.phantom import Phantom, assemble
from tubekit.phantoms.raster import rasterise
from tubekit.phantoms.render import add_noise, bias_field, blur, partial_volume, smooth_field
from tubekit.phantoms.tree import Branch, Tree

_MIN_SIZE = (32, 48, 48)


@taking(numbers)
def canal_phantom(
    size: Sequence[int] = (64, 96, 96), seed: int = 0, *, classes: int = 1
) -> Phantom:
    """A stand-in for the two inferior alveolar canals of a mandible.

    Each canal runs from the ramus (high, at the back) down and forward along a horseshoe of bone.
    It is slightly darker than the spongy bone around it, with a faint bright wall that comes and
    goes. Spacing is 1 mm.

    Args:
        size: voxels per axis (z, y, x), at least (32, 48, 48); y runs from front to back.
        seed: the same seed gives the same phantom.
        classes: 1, or 2 to label the two sides (1: low x, 2: high x).
    Returns:
        Phantom with an image (1 z y x) and Betti numbers (2, 0, 0).
    Raises:
        ValueError: a size below the smallest, or another number of classes.

    Example:
        >>> from tubekit.phantoms import canal_phantom
        >>> canal_phantom((32, 48, 48)).betti
        (2, 0, 0)
    """
    shape = per_axis("size", size, 3)
    if any(n < low for n, low in zip(shape, _MIN_SIZE, strict=True)):
        raise ValueError(
            f"size needs at least {_MIN_SIZE} voxels, got {shape}; the canals would touch"
        )
    if classes not in (1, 2):
        raise ValueError(f"classes must be 1 or 2 (one per side), got {classes}; choose one")
    rng = np.random.default_rng(seed)
    extent = np.array(shape, dtype=float) - 1
    radius = max(0.02 * extent.min() + rng.uniform(-0.1, 0.1), 0.8)
    branches = []
    for side in (-1, 1):
        t = np.linspace(0, 1, 60)
        wave = [rng.normal(scale=0.02) * np.sin(np.pi * k * t) / k for k in (1, 2, 3)]
        across, up = sum(wave), sum(w[::-1] for w in wave)
        course = np.stack(
            [
                0.3 + 0.5 * (1 - t) ** 2 + up,
                0.22 + 0.62 * (1 - t),
                0.5 + side * (0.36 - 0.22 * t**2 + across),
            ],
            axis=1,
        )
        label = 1 if side < 0 else classes
        nodes = (0, 1) if side < 0 else (2, 3)
        radii = radius * (1.15 - 0.3 * t)
        branches.append(Branch(course * extent, radii, nodes, -1, 0, label))
    tree = Tree(tuple(branches), shape, (1.0, 1.0, 1.0))
    raster = rasterise(tree)
    z, y, x = np.meshgrid(*(np.linspace(0, 1, n) for n in shape), indexing="ij", sparse=True)
    # Distance to a horseshoe in relative units: bone follows the canals but is far wider.
    t = np.clip((0.84 - y) / 0.62, 0.0, 1.2)
    beside = np.abs(np.abs(x - 0.5) - (0.36 - 0.22 * t**2))
    above = np.abs(z - (0.33 + 0.5 * np.clip(1 - t, 0, 1) ** 2)) / 1.5
    bone_mm = (np.hypot(beside, above) - 0.11) * float(extent[2])
    bone = partial_volume(bone_mm, tree.spacing)
    marrow = partial_volume(bone_mm + 0.03 * float(extent[2]), tree.spacing)
    sponge = 0.5 + 0.06 * smooth_field(shape, rng, 1.5)
    image = 0.15 + 0.75 * (bone - marrow) + (sponge - 0.15) * marrow
    wall = np.exp(-((raster.distance_mm / 0.7) ** 2)) * marrow
    image = image + 0.08 * np.clip(smooth_field(shape, rng, 6.0), 0, 1.5) * wall
    image = image - 0.14 * partial_volume(raster.distance_mm, tree.spacing)
    image = blur(image, 0.7, tree.spacing) * bias_field(shape, rng, 0.15)
    return assemble(f"canal-{seed}", tree, raster, add_noise(image, rng, 0.04)[None])
