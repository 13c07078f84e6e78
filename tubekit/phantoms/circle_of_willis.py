"""The ring of arteries at the base of the brain, in 13 classes."""

from collections.abc import Sequence

import numpy as np

from tubekit._accept import numbers, per_axis, taking
from tubekit.phantoms.phantom import Phantom, assemble
from tubekit.phantoms.raster import Canvas, rasterise
from tubekit.phantoms.render import add_noise, bias_field, blur, partial_volume, smooth_field
from tubekit.phantoms.tree import Branch, Tree

ARTERIES = (
    "BA",
    "R-PCA",
    "L-PCA",
    "R-ICA",
    "R-MCA",
    "L-ICA",
    "L-MCA",
    "R-Pcom",
    "L-Pcom",
    "Acom",
    "R-ACA",
    "L-ACA",
    "3rd-A2",
)
"""Names of the classes 1 to 13, in the order of the TopCoW challenge."""

# How often an artery is missing in a person drawn by seed; rounded, for variety, not anatomy.
MISSING = {"R-Pcom": 0.3, "L-Pcom": 0.3, "Acom": 0.1, "3rd-A2": 0.7}

_SPACING = (0.7, 0.7, 0.7)
_MIN_SIZE = (48, 72, 72)

# Nodes as (z up, y back, x) in parts of the box, for the right side (low x); "L" mirrors x.
_NODES = {
    "ba": (0.07, 0.80, 0.50),
    "tip": (0.45, 0.70, 0.50),
    "Rpca": (0.50, 0.66, 0.36),
    "Rp2": (0.62, 0.92, 0.20),
    "Rneck": (0.07, 0.50, 0.30),
    "Rica": (0.42, 0.47, 0.30),
    "Rtop": (0.52, 0.38, 0.32),
    "Rm1": (0.60, 0.42, 0.06),
    "Raca": (0.56, 0.24, 0.42),
    "Ra2": (0.92, 0.12, 0.38),
    "mid": (0.57, 0.22, 0.50),
    "third": (0.92, 0.15, 0.50),
}

# Branches as (artery, first node, second node, radius in mm, bow (z, y, x) in parts of the box).
_RIGHT = (
    ("R-PCA", "tip", "Rpca", 1.2, (0.02, -0.03, 0.0)),
    ("R-PCA", "Rpca", "Rp2", 1.1, (0.0, 0.0, -0.08)),
    ("R-ICA", "Rneck", "Rica", 1.9, (0.0, -0.08, 0.03)),
    ("R-ICA", "Rica", "Rtop", 1.7, (0.0, 0.0, 0.0)),
    ("R-MCA", "Rtop", "Rm1", 1.4, (0.05, -0.04, 0.0)),
    ("R-Pcom", "Rpca", "Rica", 0.8, (-0.01, 0.0, -0.03)),
    ("R-ACA", "Rtop", "Raca", 1.2, (0.03, 0.0, 0.0)),
    ("R-ACA", "Raca", "Ra2", 1.1, (0.0, -0.05, 0.0)),
)
_MIDDLE = (
    ("BA", "ba", "tip", 1.6, (0.0, 0.04, 0.0)),
    ("Acom", "Raca", "mid", 0.8, (0.0, 0.0, 0.0)),
    ("Acom", "mid", "Laca", 0.8, (0.0, 0.0, 0.0)),
    ("3rd-A2", "mid", "third", 0.8, (0.0, -0.04, 0.0)),
)


@taking(numbers)
def circle_of_willis_phantom(
    size: Sequence[int] = (64, 96, 96),
    seed: int = 0,
    *,
    absent: Sequence[str] | None = None,
    classes: int = 13,
) -> Phantom:
    """A ring of arteries with exact topology; complete it has Betti numbers (1, 1, 0).

    Args:
        size: voxels of 0.7 mm per axis (z, y, x), at least (48, 72, 72).
        seed: the same seed gives the same phantom; it moves nodes, bends vessels, varies radii.
        absent: arteries left out, among R-Pcom, L-Pcom, Acom (which takes 3rd-A2 with it) and
            3rd-A2; ``()`` gives the complete variant, ``None`` draws them by seed.
        classes: 13, or 1 for a binary label.
    Returns:
        Phantom with an image (1 z y x) and class ``i`` for ``ARTERIES[i - 1]``.
    Raises:
        ValueError: too small a size, an artery that cannot be absent, other numbers of classes.

    Example:
        >>> from tubekit.phantoms import circle_of_willis_phantom
        >>> circle_of_willis_phantom((48, 72, 72), absent=()).betti
        (1, 1, 0)
    """
    shape = per_axis("size", size, 3)
    if any(n < low for n, low in zip(shape, _MIN_SIZE, strict=True)):
        raise ValueError(
            f"size needs at least {_MIN_SIZE} voxels, got {shape}; vessels would touch"
        )
    if classes not in (1, 13):
        raise ValueError(f"classes must be 1 or 13, got {classes}; choose one of these")
    unknown = sorted(set(absent or ()) - set(MISSING))
    if unknown:
        raise ValueError(
            f"absent may name {', '.join(MISSING)}, got {', '.join(unknown)}; choose among these"
        )
    rng = np.random.default_rng(seed)
    drawn = {name for name, share in MISSING.items() if rng.random() < share}
    gone = drawn if absent is None else set(absent)
    gone |= {"3rd-A2"} if "Acom" in gone else set()
    tree = _draw_tree(shape, rng, gone, classes)
    raster = rasterise(tree)
    tissue = 0.32 + 0.05 * smooth_field(shape, rng, 4.0)
    vessel = partial_volume(raster.distance_mm, tree.spacing)
    image = blur(tissue * (1 - vessel) + 0.9 * vessel, 0.5, tree.spacing)
    image = add_noise(image * bias_field(shape, rng, 0.2), rng, 0.05, "rician")
    return assemble(f"cow-{seed}", tree, raster, image[None])


def _draw_tree(
    shape: tuple[int, ...], rng: np.random.Generator, gone: set[str], classes: int
) -> Tree:
    """Draw the arteries, again until the rasterised topology is the intended one."""
    jitter = 1.0
    for _ in range(24):
        tree = _arteries(shape, rng, gone, classes, jitter)
        canvas = Canvas(shape, tree.spacing)
        intended = tree.betti[0] - tree.betti[1]
        stamps = [canvas.stamp(branch) for branch in tree.branches]
        if canvas.euler_change(stamps) == (intended, intended):
            return tree
        jitter *= 0.8  # towards the template, which is free of contacts
    raise ValueError(f"expected a box in which no arteries touch, got {shape}; enlarge it")


def _arteries(
    shape: tuple[int, ...],
    rng: np.random.Generator,
    gone: set[str],
    classes: int,
    jitter: float,
) -> Tree:
    box = (np.array(shape) - 1) * np.array(_SPACING)
    places = dict(_NODES)
    for name, (z, y, x) in _NODES.items():
        if name.startswith("R"):
            places["L" + name[1:]] = (z, y, 1 - x)
    order = {name: i for i, name in enumerate(places)}
    at = {
        name: (np.array(place) + jitter * rng.normal(scale=0.012, size=3)).clip(0.05, 0.95)
        for name, place in places.items()
    }
    left = tuple(
        (a.replace("R-", "L-"), p.replace("R", "L"), q.replace("R", "L"), r, (z, y, -x))
        for a, p, q, r, (z, y, x) in _RIGHT
    )
    scale = float(box.min()) / 44.1  # radii are given for the default size
    branches: list[Branch] = []
    for artery, first, second, radius, bow in (*_MIDDLE[:1], *_RIGHT, *left, *_MIDDLE[1:]):
        if artery in gone:
            continue
        t = np.linspace(0, 1, 25)[:, None]
        bend = np.array(bow) + jitter * rng.normal(scale=0.012, size=3)
        course = at[first] + t * (at[second] - at[first]) + np.sin(np.pi * t) * bend
        width = max(radius * scale * np.exp(jitter * rng.normal(scale=0.06)), 0.6 * max(_SPACING))
        nodes = (order[first], order[second])
        above = [i for i, b in enumerate(branches) if nodes[0] in b.nodes]
        generation = branches[above[0]].generation + 1 if above else 0
        label = ARTERIES.index(artery) + 1 if classes == 13 else 1
        parent = above[0] if above else -1
        radii = np.full(len(t), width)
        branches.append(Branch(course * box, radii, nodes, parent, generation, label))
    return Tree(tuple(branches), shape, _SPACING)
