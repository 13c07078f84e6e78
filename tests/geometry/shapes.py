"""Shapes with a known topology."""

import numpy as np
from scipy.spatial import cKDTree


def ball(radius: float, size: int, ndim: int = 3) -> np.ndarray:
    grid = np.indices((size,) * ndim) - (size - 1) / 2
    return np.sqrt((grid**2).sum(0)) <= radius


def torus(ring: float = 8.0, tube: float = 3.0, size: int = 25) -> np.ndarray:
    z, y, x = np.indices((size,) * 3) - (size - 1) / 2
    return (np.hypot(y, x) - ring) ** 2 + z**2 <= tube**2


def hollow_torus() -> np.ndarray:
    """The surface of a torus, thickened: b = (1, 2, 1)."""
    return torus(10, 5, 33) & ~torus(10, 2.5, 33)


def hollow_sphere() -> np.ndarray:
    return ball(8, 21) & ~ball(4, 21)


def nested_spheres() -> np.ndarray:
    """A hollow sphere within a hollow sphere: b = (2, 0, 2)."""
    return (ball(10, 23) & ~ball(8, 23)) | (ball(5, 23) & ~ball(3, 23))


def annulus() -> np.ndarray:
    return ball(8, 21, 2) & ~ball(4, 21, 2)


def mesh(rows: int, columns: int, thickness: int = 3, hole: int = 4) -> np.ndarray:
    """Bars that cross around rows x columns square holes, up to the border of the 2-D image."""
    pitch = thickness + hole
    y, x = (np.arange(n * pitch + thickness) % pitch < thickness for n in (rows, columns))
    return y[:, None] | x[None, :]


def solid_mesh(rows: int, columns: int, thickness: int = 3) -> np.ndarray:
    """The same, as thick in the first axis: b = (1, rows * columns, 0)."""
    return np.repeat(mesh(rows, columns, thickness)[None], thickness, axis=0)


def handlebody(genus: int) -> np.ndarray:
    """A slab with a row of holes: b = (1, genus, 0)."""
    return np.pad(solid_mesh(1, genus), 1)


def double_torus() -> np.ndarray:
    """A slab with two holes: genus 2."""
    slab = np.zeros((5, 13, 21), dtype=bool)
    slab[1:4, 1:12, 1:20] = True
    slab[:, 4:9, 4:8] = False
    slab[:, 4:9, 12:16] = False
    return slab


def cheese(cavities: int) -> np.ndarray:
    """A box that touches all borders, with cavities in a row: b = (1, 0, cavities)."""
    box = np.ones((5, 6, 4 * cavities + 1), dtype=bool)
    for k in range(cavities):
        box[1:4, 2:4, 4 * k + 1 : 4 * k + 4] = False
        box[1, 2, 4 * k + 1] = True  # no plain boxes
    return box


def closed_tube(curve: np.ndarray, radius: float) -> np.ndarray:
    """All voxels within a radius of a closed curve (n 3), in a box with a margin."""
    curve = curve - curve.min(axis=0) + radius + 1.5
    shape = np.ceil(curve.max(axis=0) + radius + 1.5).astype(int)
    grid = np.indices(shape).reshape(3, -1).T
    return (cKDTree(curve).query(grid)[0] <= radius).reshape(shape)


def turns(count: int = 800) -> np.ndarray:
    return np.linspace(0, 2 * np.pi, count, endpoint=False)


def trefoil(scale: float = 5.0, radius: float = 2.0) -> np.ndarray:
    """A knotted tube: b = (1, 1, 0), as for every knot."""
    t = turns()
    y, x = np.sin(t) + 2 * np.sin(2 * t), np.cos(t) - 2 * np.cos(2 * t)
    return closed_tube(scale * np.stack([-np.sin(3 * t), y, x], axis=1), radius)


def figure_eight_knot(scale: float = 5.5, radius: float = 2.0) -> np.ndarray:
    t = turns()
    y, x = (2 + np.cos(2 * t)) * np.cos(3 * t), (2 + np.cos(2 * t)) * np.sin(3 * t)
    return closed_tube(scale * np.stack([np.sin(4 * t), y, x], axis=1), radius)


def hopf_link(ring: float = 8.0, tube: float = 2.0) -> np.ndarray:
    """Two rings through each other: b = (2, 2, 0)."""
    z, y, x = np.indices((23, 23, 31)) - np.array([11, 11, 11]).reshape(3, 1, 1, 1)
    flat = (np.hypot(y, x) - ring) ** 2 + z**2 <= tube**2
    upright = (np.hypot(z, x - ring) - ring) ** 2 + y**2 <= tube**2
    return flat | upright


def bar(shape: tuple[int, ...], margin: int = 2) -> np.ndarray:
    return np.pad(np.ones(shape, dtype=bool), margin)


def known_3d() -> dict[str, tuple[np.ndarray, tuple[int, int, int]]]:
    """Name to solid shape and its Betti numbers."""
    return {
        "ball": (ball(6, 15), (1, 0, 0)),
        "torus": (torus(), (1, 1, 0)),
        "trefoil": (trefoil(), (1, 1, 0)),
        "figure-eight knot": (figure_eight_knot(), (1, 1, 0)),
        "Hopf link": (hopf_link(), (2, 2, 0)),
        "genus 2": (double_torus(), (1, 2, 0)),
        "genus 5": (handlebody(5), (1, 5, 0)),
        "mesh": (solid_mesh(3, 4), (1, 12, 0)),
        "hollow sphere": (hollow_sphere(), (1, 0, 1)),
        "nested spheres": (nested_spheres(), (2, 0, 2)),
        "hollow torus": (hollow_torus(), (1, 2, 1)),
        "cheese": (cheese(4), (1, 0, 4)),
    }
