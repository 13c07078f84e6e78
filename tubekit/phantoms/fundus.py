"""A photograph-like retina: arcades from the optic disc, dark on bright, in a round field."""

import numpy as np

from tubekit._accept import numbers, taking
from tubekit.phantoms.grow import grow_tree
from tubekit.phantoms.phantom import Phantom, assemble
from tubekit.phantoms.raster import rasterise
from tubekit.phantoms.render import add_noise, bias_field, blur, partial_volume, smooth_field
from tubekit.phantoms.rule import GrowthRule, Root

# (angle from the temporal direction in degrees, radius / size, pull to the temporal side * size)
_ARCADES = ((72, 0.011, 2.4), (-72, 0.011, 2.4), (142, 0.008, 0.0), (-142, 0.008, 0.0))
_MIN_SIZE = 96


@taking(numbers)
def fundus_phantom(size: int = 256, seed: int = 0, *, classes: int = 1, loops: int = 0) -> Phantom:
    """Two arcades around the macula and two nasal vessels, joined in the optic disc.

    One voxel is taken as 1 mm, as for all photographs. Left and right eyes alternate by chance.

    Args:
        size: pixels per side, at least 96.
        seed: the same seed gives the same phantom.
        classes: number of labels; each class is one group of connected branches.
        loops: anastomoses between tips, each adding 1 to b1.
    Returns:
        Phantom with an image (1 y x) in [0, 1] and the round field of view as ``case.valid``.
    Raises:
        ValueError: a size below 96, or no room for the wanted loops or classes.

    Example:
        >>> from tubekit.phantoms import fundus_phantom
        >>> fundus_phantom(96).case.image.shape
        (1, 96, 96)
    """
    if size < _MIN_SIZE:
        raise ValueError(
            f"size must be at least {_MIN_SIZE} pixels, got {size}; thinner vessels would vanish"
        )
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] / (size - 1) - 0.5
    temporal = rng.choice([-1.0, 1.0])
    disc = np.array([rng.uniform(-0.03, 0.03), -temporal * rng.uniform(0.2, 0.25)])
    macula = disc + np.array([rng.uniform(0.0, 0.03), temporal * 0.33])
    from_disc = np.hypot(y - disc[0], x - disc[1])
    from_macula = np.hypot(y - macula[0], x - macula[1])
    from_centre = np.hypot(y, x)
    valid = from_centre < 0.48
    roots = []
    for angle, radius, pull in _ARCADES:
        a = np.deg2rad(angle + rng.normal(scale=4))
        roots.append(
            Root(
                start_mm=tuple(((disc + 0.5) * (size - 1)).tolist()),
                direction=(float(-np.sin(a)), float(temporal * np.cos(a))),
                radius_mm=max(radius * size, 0.9),
                pull=(0.0, float(temporal * pull / size)),
            )
        )
    rule = GrowthRule(
        generations=8, length_ratio=12.0, asymmetry=(0.5, 0.85), min_radius_mm=0.6, tortuosity=0.3
    )
    tree = grow_tree(
        (size, size),
        seed=rng,
        roots=roots,
        rule=rule,
        classes=classes,
        loops=loops,
        domain=(from_centre < 0.455) & (from_macula > 0.085),
    )
    raster = rasterise(tree)
    ground = 0.62 - 0.55 * from_centre**2 + 0.02 * smooth_field((size, size), rng, size / 40)
    ground += 0.22 / (1 + np.exp((from_disc - 0.065) * 120))
    ground -= 0.14 * np.exp(-((from_macula / 0.07) ** 2))
    image = ground * (1 - 0.42 * partial_volume(raster.distance_mm, tree.spacing))
    image = blur(image, 0.6 * max(size / 256, 1.0) ** 0.5, tree.spacing)
    image = image * bias_field((size, size), rng, 0.15)
    image = np.clip(add_noise(image, rng, 0.02), 0.0, 1.0) * valid
    return assemble(f"fundus-{seed}", tree, raster, image[None].astype(np.float32), valid)
