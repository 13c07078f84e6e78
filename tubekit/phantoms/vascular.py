"""A bright vascular tree in a magnetic-resonance-like volume."""

from collections.abc import Sequence

import numpy as np

from tubekit import _check
from tubekit._accept import numbers, per_axis, taking
from tubekit.phantoms.grow import grow_tree
from tubekit.phantoms.phantom import Phantom, assemble
from tubekit.phantoms.raster import rasterise
from tubekit.phantoms.render import add_noise, bias_field, blur, partial_volume, smooth_field
from tubekit.phantoms.rule import GrowthRule, Root


@taking(numbers)
def vascular_phantom(
    size: Sequence[int] = (64, 96, 96),
    seed: int = 0,
    *,
    classes: int = 1,
    loops: int = 0,
    spacing: Sequence[float] = (1.0, 1.0, 1.0),
    rule: GrowthRule | None = None,
) -> Phantom:
    """One tree that enters through the middle of the first face and branches through the volume.

    Args:
        size: voxels per axis (z, y, x).
        seed: the same seed gives the same phantom.
        classes: number of labels; the first ``classes`` branches open one class each.
        loops: anastomoses between tips, each adding 1 to b1.
        spacing: millimetres per voxel in array order.
        rule: growth rule; the default scales with the volume.
    Returns:
        Phantom with an image (1 z y x), vessels bright, Rician noise.
    Raises:
        ValueError: not three axes, or no room for the root, the loops or the classes.

    Example:
        >>> from tubekit.phantoms import vascular_phantom
        >>> phantom = vascular_phantom((20, 24, 24), seed=1)
        >>> phantom.case.image.shape, phantom.betti
        ((1, 20, 24, 24), (1, 0, 0))
    """
    shape = per_axis("size", size, 3)
    spacing = _check.spacing(spacing, 3)
    rng = np.random.default_rng(seed)
    extent = [n * h for n, h in zip(shape, spacing, strict=True)]
    voxel = float(np.prod(spacing)) ** (1 / 3)
    radius = max(0.03 * float(np.prod(extent)) ** (1 / 3), 1.2 * voxel)
    root = Root(
        start_mm=(
            radius + 1.5 * max(spacing),
            float(extent[1] * rng.uniform(0.45, 0.55)),
            float(extent[2] * rng.uniform(0.45, 0.55)),
        ),
        direction=(1.0, float(rng.normal(scale=0.1)), float(rng.normal(scale=0.1))),
        radius_mm=radius,
    )
    rule = rule or GrowthRule(
        generations=8,
        branching=0.98,
        length_ratio=6.5,
        min_radius_mm=min(0.6 * voxel, radius),
    )
    tree = grow_tree(
        shape, seed=rng, roots=[root], rule=rule, spacing=spacing, classes=classes, loops=loops
    )
    raster = rasterise(tree)
    tissue = 0.3 + 0.05 * smooth_field(shape, rng, 4.0)
    vessel = partial_volume(raster.distance_mm, spacing)
    image = blur(tissue * (1 - vessel) + 0.85 * vessel, 0.6 * voxel, spacing)
    image = add_noise(image * bias_field(shape, rng, 0.25), rng, 0.05, "rician")
    return assemble(f"vascular-{seed}", tree, raster, image[None])
