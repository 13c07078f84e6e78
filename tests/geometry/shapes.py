"""Shapes with a known topology, beside those of ``tubekit.phantoms.known_solids``."""

import numpy as np

from tubekit.phantoms import KnownSolid, known_solids
from tubekit.phantoms.solids import ball, figure_eight_knot, hopf_link, torus, trefoil
from tubekit.phantoms.solids import mesh as solid_mesh

__all__ = [
    "annulus",
    "ball",
    "bar",
    "cheese",
    "double_torus",
    "figure_eight_knot",
    "hollow_sphere",
    "hopf_link",
    "known_3d",
    "mesh",
    "solid_mesh",
    "torus",
    "trefoil",
]


def hollow_sphere() -> np.ndarray:
    return known_solids()["hollow sphere"].mask


def annulus() -> np.ndarray:
    return ball(8, 21, 2) & ~ball(4, 21, 2)


def mesh(rows: int, columns: int, thickness: int = 3, hole: int = 4) -> np.ndarray:
    """One slice of bars around square holes: b_1 = rows x columns."""
    return solid_mesh(rows, columns, thickness, hole)[0]


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


def bar(shape: tuple[int, ...], margin: int = 2) -> np.ndarray:
    return np.pad(np.ones(shape, dtype=bool), margin)


def known_3d() -> dict[str, KnownSolid]:
    """Name to solid shape and its Betti numbers."""
    return {
        **known_solids(),
        "genus 2": KnownSolid(double_torus(), (1, 2, 0)),
        "cheese": KnownSolid(cheese(4), (1, 0, 4)),
    }


def as_image(array: np.ndarray) -> np.ndarray:
    """A volume of one slice without the axis of the slice; every other array as it is."""
    while array.ndim > 2 and 1 in array.shape:
        array = array.squeeze(array.shape.index(1))
    return array
