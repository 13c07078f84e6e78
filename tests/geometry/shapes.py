"""Shapes with a known topology."""

import numpy as np


def ball(radius: float, size: int, ndim: int = 3) -> np.ndarray:
    grid = np.indices((size,) * ndim) - (size - 1) / 2
    return np.sqrt((grid**2).sum(0)) <= radius


def torus(ring: float = 8.0, tube: float = 3.0, size: int = 25) -> np.ndarray:
    z, y, x = np.indices((size,) * 3) - (size - 1) / 2
    return (np.hypot(y, x) - ring) ** 2 + z**2 <= tube**2


def hollow_sphere() -> np.ndarray:
    return ball(8, 21) & ~ball(4, 21)


def annulus() -> np.ndarray:
    return ball(8, 21, 2) & ~ball(4, 21, 2)


def double_torus() -> np.ndarray:
    """A slab with two holes: genus 2."""
    slab = np.zeros((5, 13, 21), dtype=bool)
    slab[1:4, 1:12, 1:20] = True
    slab[:, 4:9, 4:8] = False
    slab[:, 4:9, 12:16] = False
    return slab


def bar(shape: tuple[int, ...], margin: int = 2) -> np.ndarray:
    return np.pad(np.ones(shape, dtype=bool), margin)
