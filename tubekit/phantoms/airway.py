"""Airways in a chest CT: dark tubes with a thin wall that fades from branch to branch."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float32

from tubekit import _check
from tubekit._accept import numbers, per_axis, taking
from tubekit.phantoms.course import unit
from tubekit.phantoms.ct import (
    AIR_HU,
    BONE_HU,
    FAT_HU,
    LUNG_HU,
    MUSCLE_HU,
    Scanner,
    acquire,
    chest_wall,
    ellipsoid_mm,
    over,
    texture,
    thin_vessels,
)
from tubekit.phantoms.grow import grow_tree
from tubekit.phantoms.phantom import Phantom, assemble
from tubekit.phantoms.raster import Raster, euler_number, rasterise
from tubekit.phantoms.render import partial_volume
from tubekit.phantoms.rule import GrowthRule, Root, murray_radii
from tubekit.phantoms.tree import Branch, Tree
from tubekit.types import Spacing

# A sharp kernel, as for lungs.
_SCANNER = Scanner(psf_mm=(0.35, 0.55), noise_hu=(20.0, 45.0), noise_mm=(0.25, 0.4))
_TRIES = 12


@taking(numbers)
def airway_phantom(
    size: Sequence[int] = (96, 96, 96),
    seed: int = 0,
    *,
    spacing: Sequence[float] = (1.0, 1.0, 1.0),
    rule: GrowthRule | None = None,
    scanner: Scanner | None = None,
) -> Phantom:
    """A trachea that enters from the last slice, forks, and branches through two lungs.

    Everything scales with the box, which holds a whole small chest. The wall of a branch of radius
    r is 0.2 mm + 0.12 r thick, so that partial volume fades it generation by generation. An artery
    runs beside every airway.

    Args:
        size: voxels per axis (z, y, x), at least 48 mm along each.
        seed: the same seed gives the same phantom.
        spacing: millimetres per voxel in array order.
        rule: growth rule; the default scales with the box and the voxels.
        scanner: blur and noise; the default is a sharp kernel.
    Returns:
        Phantom with an image (1 z y x) in Hounsfield units; the label is the lumen. Branch 0 is
        the trachea, of generation 0.
    Raises:
        ValueError: not three axes, a box that is too small, or no room for the tree.

    Example:
        >>> from tubekit.phantoms import airway_phantom
        >>> airway_phantom((48, 48, 48)).betti
        (1, 0, 0)
    """
    shape = per_axis("size", size, 3)
    spacing = _check.spacing(spacing, 3)
    if any(n * h < 48 for n, h in zip(shape, spacing, strict=True)):
        raise ValueError(
            f"size needs three axes (z, y, x) of 48 mm or more, got {shape} voxels of {spacing} "
            "mm; enlarge the box"
        )
    rng = np.random.default_rng(seed)
    extent = (np.array(shape) - 1) * np.array(spacing)
    lungs_mm = _lungs(shape, spacing, extent, rng)
    tree, raster = _airways(shape, spacing, extent, lungs_mm, rng, rule)
    scene = _chest(lungs_mm, extent, spacing, rng)
    scene = _tubes(scene, tree, raster, lungs_mm, rng)
    image = acquire(scene, spacing, rng, scanner or _SCANNER)
    return assemble(f"airway-{seed}", tree, raster, image[None])


def _lungs(
    shape: tuple[int, ...], spacing: Spacing, extent: np.ndarray, rng: np.random.Generator
) -> Float32[np.ndarray, "z y x"]:
    """Signed distance (mm) to two lungs, the left one hollowed by the heart, flat below."""
    sides = []
    for place, width in ((0.265, 0.215), (0.735, 0.205)):
        centre = np.array([0.42, 0.5, place]) * extent + rng.normal(scale=0.01, size=3) * extent
        radii = np.array([0.5, 0.37, width]) * extent
        sides.append(ellipsoid_mm(shape, spacing, centre.tolist(), radii.tolist()))
    heart = ellipsoid_mm(
        shape,
        spacing,
        (np.array([0.28, 0.36, 0.56]) * extent).tolist(),
        (np.array([0.24, 0.19, 0.2]) * extent).tolist(),
    )
    z, y, x = np.ogrid[tuple(slice(0, n) for n in shape)]
    dome = 0.06 + 0.06 * np.cos(3 * (y / shape[1] - 0.45)) * np.cos(4 * (x / shape[2] - 0.3))
    floor = dome * extent[0] - z * spacing[0]
    return np.maximum(np.maximum(np.minimum(*sides), -heart), floor).astype(np.float32)


def _airways(
    shape: tuple[int, ...],
    spacing: Spacing,
    extent: np.ndarray,
    lungs_mm: np.ndarray,
    rng: np.random.Generator,
    rule: GrowthRule | None,
) -> tuple[Tree, Raster]:
    """Grow both lungs' trees from the carina, then put the trachea on top."""
    voxel = max(spacing)
    radius = max(0.042 * float(extent.min()), 2.5 * voxel)
    rule = rule or GrowthRule(
        generations=8,
        branching=1.0,
        exponent=2.6,
        asymmetry=(0.5, 0.95),
        length_ratio=4.5,
        tortuosity=0.2,
        min_radius_mm=min(0.9 * voxel, 0.4 * radius),
    )
    carina = np.array([0.66, 0.52, 0.5]) * extent
    for _ in range(_TRIES):
        start = carina + rng.normal(scale=0.01, size=3) * extent
        wide, narrow = murray_radii(radius, rng.uniform(0.8, 0.95), rule.exponent)
        roots = [
            Root(
                start_mm=tuple(start.tolist()),
                direction=(-down, float(rng.normal(scale=0.1)), side),
                radius_mm=r,
            )
            for r, side, down in ((wide, -1.0, 0.9), (narrow, 1.0, 0.65))
        ]
        try:
            grown = grow_tree(
                shape,
                seed=rng,
                roots=roots,
                rule=rule,
                spacing=spacing,
                domain=_free(lungs_mm, start, radius, spacing),
            )
        except ValueError:
            continue
        top = np.array([extent[0], start[1] - 0.02 * extent[1], start[2]])
        tree = _with_trachea(grown, start, top, radius)
        raster = rasterise(tree)
        if euler_number(raster.owner > 0) == euler_number(raster.centerline) == 1:
            return tree, raster
    raise ValueError(
        f"expected room for an airway tree in {shape} voxels of {spacing} mm, found none in "
        f"{_TRIES} draws; enlarge the box or use another seed"
    )


def _free(
    lungs_mm: np.ndarray, carina: np.ndarray, radius: float, spacing: Spacing
) -> Bool[np.ndarray, "z y x"]:
    """Where centre lines may run: the lungs below their tips, and the way into them."""
    z, _, x = (np.arange(n) * h for n, h in zip(lungs_mm.shape, spacing, strict=True))
    # Nothing may come near the trachea above the fork.
    away = np.abs(x - carina[2])[None, None] > 3 * radius
    lungs = (lungs_mm < -max(spacing)) & ((z < carina[0] - radius)[:, None, None] | away)
    reach = (3.5 * radius, 2.0 * radius, 5 * radius)
    return lungs | (ellipsoid_mm(lungs_mm.shape, spacing, carina.tolist(), reach) < 0)


def _with_trachea(grown: Tree, carina: np.ndarray, top: np.ndarray, radius: float) -> Tree:
    """The trachea as branch 0; everything else one generation later."""
    t = np.linspace(0, 1, 20)[:, None]
    course = top + t * (carina - top)
    new = 1 + max(node for branch in grown.branches for node in branch.nodes)
    fork = grown.branches[0].nodes[0]
    trachea = Branch(course, np.full(len(course), radius), (new, fork), -1, 0)
    rest = [
        dataclasses.replace(b, parent=max(b.parent + 1, 0), generation=b.generation + 1)
        for b in grown.branches
    ]
    return Tree((trachea, *rest), grown.shape, grown.spacing)


def _chest(
    lungs_mm: np.ndarray, extent: np.ndarray, spacing: Spacing, rng: np.random.Generator
) -> np.ndarray:
    """Mediastinum, spine and aorta, lungs with small vessels, body wall."""
    shape = lungs_mm.shape
    side = float(extent.min())
    fat = np.clip(0.5 + 2 * (texture(shape, spacing, rng, 0.04 * side) - 0.7), 0.0, 1.0)
    scene = over(MUSCLE_HU - 15 + 5 * texture(shape, spacing, rng, 3.0), fat, FAT_HU)
    for y, x, r, hu in (
        (0.36, 0.56, 0.19, 45.0),
        (0.80, 0.5, 0.10, MUSCLE_HU),
        (0.76, 0.5, 0.075, BONE_HU),
        (0.76, 0.5, 0.06, 0.45 * BONE_HU),
        (0.66, 0.56, 0.035, 45.0),
    ):
        length = 0.24 if r > 0.15 else 1e3
        centre = np.array([0.28, y, x]) * extent
        column = ellipsoid_mm(
            shape, spacing, centre.tolist(), (length * extent[0], r * side, 1.1 * r * side)
        )
        scene = over(scene, partial_volume(column, spacing), hu)
    air = LUNG_HU + rng.normal(scale=15) + 20 * texture(shape, spacing, rng, 0.06 * side)
    air += 15 * texture(shape, spacing, rng, 1.5)
    vessels = thin_vessels(lungs_mm < 0, spacing, rng, 160, (0.3, 0.9), (5, 18))
    air = over(air, vessels, 40.0)
    scene = over(scene, partial_volume(lungs_mm, spacing), air)
    reach = (1e5, 0.39 * extent[1], 0.475 * extent[2])
    body = ellipsoid_mm(shape, spacing, (0.5 * extent).tolist(), reach)
    cavity = np.minimum(body, lungs_mm - 0.01 * side)
    return chest_wall(scene, cavity, spacing, rng, wall_mm=0.05 * side)


def _tubes(
    scene: np.ndarray,
    tree: Tree,
    raster: Raster,
    lungs_mm: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Arteries beside the airways, then walls, then the lumen."""
    walls, arteries = [], []
    for branch in tree.branches:
        thickness = 0.2 + 0.12 * branch.radius_mm
        walls.append(dataclasses.replace(branch, radius_mm=branch.radius_mm + thickness))
        if branch.generation > 1:
            arteries.append(_beside(branch, float((branch.radius_mm + thickness).max()), rng))
    for branches, hu, where in ((arteries, 45.0, lungs_mm < 0), (walls, 30.0, True)):
        if branches:
            drawn = rasterise(dataclasses.replace(tree, branches=tuple(branches)))
            scene = over(scene, partial_volume(drawn.distance_mm, tree.spacing) * where, hu)
    return over(scene, partial_volume(raster.distance_mm, tree.spacing), AIR_HU)


def _beside(branch: Branch, reach: float, rng: np.random.Generator) -> Branch:
    """An artery of nearly the airway's width that runs along its upper, inner side."""
    along = unit(branch.points_mm[-1] - branch.points_mm[0])
    up = np.array([0.6, -0.8, 0.0])
    side = unit(up - (up @ along) * along)
    radius = 0.85 * branch.radius_mm * rng.uniform(0.8, 1.1)
    return dataclasses.replace(
        branch, points_mm=branch.points_mm + (reach + radius.max()) * side, radius_mm=radius
    )
