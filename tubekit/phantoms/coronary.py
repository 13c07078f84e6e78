"""Coronary arteries in a CT angiogram: two thin bright trees on the surface of a heart."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Float32

from tubekit import _check
from tubekit._accept import numbers, per_axis, taking
from tubekit.phantoms.course import lateral, unit
from tubekit.phantoms.ct import Scanner, acquire, over, texture
from tubekit.phantoms.grow import grow_tree
from tubekit.phantoms.heart import Heart
from tubekit.phantoms.phantom import Phantom, assemble
from tubekit.phantoms.raster import Canvas, Raster, euler_number, rasterise
from tubekit.phantoms.render import partial_volume
from tubekit.phantoms.rule import GrowthRule, Root
from tubekit.phantoms.tree import Branch, Tree
from tubekit.types import Spacing

_SCANNER = Scanner(psf_mm=(0.4, 0.6), noise_hu=(20.0, 35.0), noise_mm=(0.3, 0.45))
_TRIES = 24
# The map shortens distances around the heart; the plane trees keep this much more room.
_ROOM = 1.5
# Polar angles (radians from the base): of the ostia, of the first fork, of the last branches.
_OSTIUM, _FORK, _APEX = 0.3, 0.8, 2.4


@taking(numbers)
def coronary_phantom(
    size: Sequence[int] = (96, 96, 96),
    seed: int = 0,
    *,
    spacing: Sequence[float] = (1.0, 1.0, 1.0),
    plaques: tuple[int, int] = (2, 8),
    scanner: Scanner | None = None,
) -> Phantom:
    """A heart with enhanced chambers and two coronary trees in the fat on its surface.

    The trees are grown in the plane, where branches cannot cross, and laid onto the heart by the
    azimuthal map around its base, which keeps lengths along meridians. The left tree begins with a
    main stem that forks into LAD and LCx; the RCA begins at the aorta. Veins of weaker
    enhancement run beside them.

    Args:
        size: voxels per axis (z, y, x), at least 64 mm along each.
        seed: the same seed gives the same phantom.
        spacing: millimetres per voxel in array order.
        plaques: least and most calcified plaques (whole number drawn), 900 to 1500 HU before blur.
        scanner: blur and noise; the default is that of an angiogram.
    Returns:
        Phantom with an image (1 z y x) in Hounsfield units and two trees; the label is the lumen
        of the coronary arteries, the aorta left out.
    Raises:
        ValueError: not three axes, a box that is too small, or no room for the trees.

    Example:
        >>> from tubekit.phantoms import coronary_phantom
        >>> coronary_phantom((64, 64, 64)).betti
        (2, 0, 0)
    """
    shape = per_axis("size", size, 3)
    spacing = _check.spacing(spacing, 3)
    if any(n * h < 64 for n, h in zip(shape, spacing, strict=True)):
        raise ValueError(
            f"size needs three axes (z, y, x) of 64 mm or more, got {shape} voxels of {spacing} "
            "mm; enlarge the box"
        )
    if not 0 <= plaques[0] <= plaques[1]:
        raise ValueError(f"plaques must be an ascending pair from 0, got {plaques}; e.g. (2, 8)")
    rng = np.random.default_rng(seed)
    heart = Heart.drawn((np.array(shape) - 1) * np.array(spacing), rng)
    tree, raster = _coronaries(shape, spacing, heart, rng)
    scene = heart.scene(shape, spacing, rng)
    veins = [_vein(b, heart, spacing) for b in tree.branches if b.parent >= 0 and b.generation < 4]
    if veins:
        drawn = rasterise(Tree(tuple(veins), shape, spacing))
        scene = over(scene, partial_volume(drawn.distance_mm, spacing), rng.uniform(110, 180))
    blood = heart.blood_hu + 10 * texture(shape, spacing, rng, 8.0)
    scene = over(scene, partial_volume(raster.distance_mm, spacing), blood)
    scene = _calcified(scene, tree, rng, int(rng.integers(*plaques, endpoint=True)))
    image = acquire(scene, spacing, rng, scanner or _SCANNER)
    return assemble(f"coronary-{seed}", tree, raster, image[None])


def _coronaries(
    shape: tuple[int, ...], spacing: Spacing, heart: Heart, rng: np.random.Generator
) -> tuple[Tree, Raster]:
    """Draw the trees, again until nothing touches on the heart that is apart in the plane."""
    radius = max(0.019 * float(heart.extent.min()), 1.5 * max(spacing))
    for _ in range(_TRIES):
        try:
            plane = _plane_tree(heart, radius, max(spacing), rng)
        except ValueError:
            continue
        branches = [_on_heart(branch, plane, heart) for branch in plane.branches]
        tree = _with_ostia(branches, heart, shape, spacing)
        raster = rasterise(tree)
        if euler_number(raster.owner > 0) == euler_number(raster.centerline) == 2:
            return tree, raster
    raise ValueError(
        f"expected room for coronary trees in {shape} voxels of {spacing} mm, found none in "
        f"{_TRIES} draws; enlarge the box or use another seed"
    )


def _plane_tree(heart: Heart, radius: float, voxel: float, rng: np.random.Generator) -> Tree:
    """LAD, LCx and RCA in the plane: LAD and LCx leave one point, the base is the centre."""
    mean = float(heart.radii.mean())
    pixel = _ROOM * voxel
    half = int(np.ceil(_APEX * mean / pixel)) + 4
    middle = half * pixel

    def start(azimuth: float) -> tuple[float, float]:
        reach = _FORK * mean
        return middle + reach * float(np.cos(azimuth)), middle + reach * float(np.sin(azimuth))

    def towards(angle: float, strength: float = 1.0) -> tuple[float, float]:
        return strength * float(np.cos(angle)), strength * float(np.sin(angle))

    left, right = rng.uniform(0.8, 1.1), -rng.uniform(0.8, 1.2)
    turn = 1.1 / mean  # the vessels in the groove around the base turn towards the back
    roots = [
        Root(start(left), towards(left - 0.8), _ROOM * radius * 0.95, towards(-0.1, 0.3 / mean)),
        Root(start(left), towards(left + 1.0), _ROOM * radius * 0.85, towards(np.pi, turn)),
        Root(start(right), towards(right - 1.0), _ROOM * radius, towards(np.pi, turn)),
    ]
    rule = GrowthRule(
        generations=6,
        branching=0.95,
        asymmetry=(0.45, 0.8),
        length_ratio=7.0,
        tortuosity=0.3,
        min_radius_mm=_ROOM * 0.75 * voxel,
    )
    away = np.hypot(*(np.indices((2 * half + 1,) * 2) - half)) * pixel / mean
    domain = (away > _FORK - 0.12) & (away < _APEX)
    return grow_tree(
        domain.shape, seed=rng, roots=roots, rule=rule, spacing=(pixel,) * 2, domain=domain
    )


def _on_heart(branch: Branch, plane: Tree, heart: Heart) -> Branch:
    """A plane branch laid onto the heart, in the fat just above the muscle."""
    middle = 0.5 * (np.array(plane.shape) - 1) * np.array(plane.spacing)
    away = branch.points_mm - middle
    polar = np.linalg.norm(away, axis=1) / heart.radii.mean()
    points = heart.surface(polar, np.arctan2(away[:, 1], away[:, 0]), 0.06 * heart.radii[0])
    return dataclasses.replace(branch, points_mm=points, radius_mm=branch.radius_mm / _ROOM)


def _with_ostia(
    branches: list[Branch], heart: Heart, shape: tuple[int, ...], spacing: Spacing
) -> Tree:
    """Add the left main stem, and lead the RCA to the aorta."""
    lad, lcx, rca = branches[:3]
    new = 1 + max(node for branch in branches for node in branch.nodes)

    def ostium(onward: Float[np.ndarray, "3"]) -> np.ndarray:
        toward = (onward - heart.centre) @ heart.axes.T
        azimuth = np.arctan2(toward[2] / heart.radii[2], toward[1] / heart.radii[1])
        return heart.surface(np.array(_OSTIUM), np.array(azimuth), 0.1 * heart.radii[0])

    fork = lad.points_mm[0]
    radius = max(lad.radius_mm[0], lcx.radius_mm[0]) * 1.15
    stem = Branch(
        np.linspace(ostium(fork), fork, 8), np.full(8, radius), (new, lad.nodes[0]), -1, 0
    )
    lead = np.linspace(ostium(rca.points_mm[0]), rca.points_mm[0], 6)[:-1]
    branches[2] = dataclasses.replace(
        rca,
        points_mm=np.vstack([lead, rca.points_mm]),
        radius_mm=np.r_[np.full(len(lead), rca.radius_mm[0]), rca.radius_mm],
    )
    left = {0, 1}
    moved = [stem]
    for i, branch in enumerate(branches):
        if branch.parent in left:
            left.add(i)
        parent = branch.parent + 1 if branch.parent >= 0 else (0 if i in left else -1)
        later = branch.generation + (i in left)
        moved.append(dataclasses.replace(branch, parent=parent, generation=later))
    return Tree(tuple(moved), shape, spacing)


def _vein(branch: Branch, heart: Heart, spacing: Spacing) -> Branch:
    """A vein beside an artery, on the surface."""
    along = unit(branch.points_mm[-1] - branch.points_mm[0])
    outward = unit(branch.points_mm.mean(axis=0) - heart.centre)
    side = unit(np.cross(along, outward))
    step = 2.2 * branch.radius_mm.max() + 1.2 * max(spacing)
    return dataclasses.replace(branch, points_mm=branch.points_mm + step * side, nodes=(0, 1))


def _calcified(
    scene: Float32[np.ndarray, "z y x"], tree: Tree, rng: np.random.Generator, count: int
) -> Float32[np.ndarray, "z y x"]:
    """Plaques of calcium in the walls of the wider branches."""
    canvas = Canvas(tree.shape, tree.spacing)
    wide = [b for b in tree.branches if b.generation < 3]
    for _ in range(count):
        branch = wide[rng.integers(len(wide))]
        i = int(rng.integers(len(branch.points_mm) - 1))
        course = branch.points_mm[i : i + 2]
        radius = float(branch.radius_mm[i])
        across = lateral(unit(course[1] - course[0])) @ unit(rng.normal(size=2))
        size = np.full(2, rng.uniform(0.4, 0.7) * radius)
        stamp = canvas.stamp(Branch(course + 0.7 * radius * across, size, (0, 1), -1, 0))
        share = partial_volume(stamp.distance_mm, tree.spacing)
        scene[stamp.box] = over(scene[stamp.box], share, rng.uniform(900, 1500))
    return scene
