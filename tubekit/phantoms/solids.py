"""Solids whose Betti numbers are known without counting: knots, rings, meshes, hollow shapes."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial import cKDTree

Solid = Bool[np.ndarray, "z y x"]


class KnownSolid(NamedTuple):
    """A mask and how many pieces, tunnels and cavities it has.

    Attributes:
        mask: the solid.
        betti: numbers of pieces, tunnels and cavities.

    Example:
        >>> from tubekit.phantoms import euler_number, known_solids
        >>> b0, b1, b2 = known_solids()["torus"].betti
        >>> euler_number(known_solids()["torus"].mask) == b0 - b1 + b2
        True
    """

    mask: Solid
    betti: tuple[int, int, int]


def known_solids() -> dict[str, KnownSolid]:
    """Name to solid; none touches the border of its box, but the mesh does.

    Example:
        >>> from tubekit.phantoms import euler_number, known_solids
        >>> b0, b1, b2 = known_solids()["torus"].betti
        >>> euler_number(known_solids()["torus"].mask) == b0 - b1 + b2
        True
    """
    return {
        "ball": KnownSolid(ball(6, 15), (1, 0, 0)),
        "torus": KnownSolid(torus(), (1, 1, 0)),
        "trefoil knot": KnownSolid(trefoil(), (1, 1, 0)),
        "figure-eight knot": KnownSolid(figure_eight_knot(), (1, 1, 0)),
        "Hopf link": KnownSolid(hopf_link(), (2, 2, 0)),
        "five holes": KnownSolid(np.pad(mesh(1, 5), 1), (1, 5, 0)),
        "mesh": KnownSolid(mesh(3, 4), (1, 12, 0)),
        "hollow sphere": KnownSolid(ball(8, 21) & ~ball(4, 21), (1, 0, 1)),
        "nested spheres": KnownSolid(
            (ball(10, 23) & ~ball(8, 23)) | (ball(5, 23) & ~ball(3, 23)), (2, 0, 2)
        ),
        "hollow torus": KnownSolid(torus(10, 5, 33) & ~torus(10, 2.5, 33), (1, 2, 1)),
    }


def ball(radius: float, size: int, ndim: int = 3) -> Bool[np.ndarray, "*s"]:
    """Voxels within a radius of the centre of a cube, pixels of that of a square."""
    grid = np.indices((size,) * ndim) - (size - 1) / 2
    return np.sqrt((grid**2).sum(0)) <= radius


def torus(ring: float = 8.0, tube: float = 3.0, size: int = 25) -> Solid:
    """A doughnut: radius of the ring and of its tube in voxels."""
    z, y, x = np.indices((size,) * 3) - (size - 1) / 2
    return (np.hypot(y, x) - ring) ** 2 + z**2 <= tube**2


def hopf_link(ring: float = 8.0, tube: float = 2.0) -> Solid:
    """Two rings through each other."""
    z, y, x = np.indices((23, 23, 31)) - np.array([11, 11, 11]).reshape(3, 1, 1, 1)
    flat = (np.hypot(y, x) - ring) ** 2 + z**2 <= tube**2
    upright = (np.hypot(z, x - ring) - ring) ** 2 + y**2 <= tube**2
    return flat | upright


def mesh(rows: int, columns: int, thickness: int = 3, hole: int = 4) -> Solid:
    """Bars that cross in a plane around square holes: rows x columns tunnels."""
    pitch = thickness + hole
    y, x = (np.arange(n * pitch + thickness) % pitch < thickness for n in (rows, columns))
    return np.repeat((y[:, None] | x[None, :])[None], thickness, axis=0)


def trefoil(scale: float = 5.0, radius: float = 2.0) -> Solid:
    """A tube tied into the simplest knot: one tunnel, as every knot."""
    t = _turn()
    y, x = np.sin(t) + 2 * np.sin(2 * t), np.cos(t) - 2 * np.cos(2 * t)
    return closed_tube(scale * np.stack([-np.sin(3 * t), y, x], axis=1), radius)


def figure_eight_knot(scale: float = 5.5, radius: float = 2.0) -> Solid:
    """A tube tied into a figure-eight knot."""
    t = _turn()
    y, x = (2 + np.cos(2 * t)) * np.cos(3 * t), (2 + np.cos(2 * t)) * np.sin(3 * t)
    return closed_tube(scale * np.stack([np.sin(4 * t), y, x], axis=1), radius)


def closed_tube(curve: Float[np.ndarray, "n 3"], radius: float) -> Solid:
    """All voxels within a radius of a closed curve (points in voxels), in a box with a margin."""
    curve = curve - curve.min(axis=0) + radius + 1.5
    shape = np.ceil(curve.max(axis=0) + radius + 1.5).astype(int)
    grid = np.indices(shape).reshape(3, -1).T
    return (cKDTree(curve).query(grid)[0] <= radius).reshape(shape)


def _turn(count: int = 800) -> Float[np.ndarray, " n"]:
    return np.linspace(0, 2 * np.pi, count, endpoint=False)
