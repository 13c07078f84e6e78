"""Reduction of images and label maps by whole factors."""

import numpy as np
from jaxtyping import Integer, Shaped


def blocks(array: Shaped[np.ndarray, "*s"], factors: tuple[int, ...]) -> Shaped[np.ndarray, "*r n"]:
    """The voxels of each block along a new last axis.

    Args:
        array: any number of axes, each divisible by its factor.
        factors: size of a block along each axis.
    Returns:
        Shape of the array divided by the factors, and one more axis.
    """
    split = [part for n, f in zip(array.shape, factors, strict=True) for part in (n // f, f)]
    ndim = array.ndim
    moved = array.reshape(split).transpose(*range(0, 2 * ndim, 2), *range(1, 2 * ndim, 2))
    return moved.reshape(*moved.shape[:ndim], -1)


def pool_label(
    label: Integer[np.ndarray, "*s"], factors: tuple[int, ...]
) -> Integer[np.ndarray, "*r"]:
    """Reduce a label map by whole factors; shapes must be divisible.

    Foreground where at least half of the block is foreground (ties count as foreground, so that a
    line one pixel wide survives a factor of 2); then the block's most frequent foreground class.
    """
    voxels = blocks(label, factors)
    foreground = (voxels > 0).mean(axis=-1) >= 0.5
    made = np.zeros(voxels.shape[:-1], label.dtype)
    most = np.zeros(made.shape, np.int64)
    for value in (v for v in np.unique(label) if v > 0):
        count = np.count_nonzero(voxels == value, axis=-1)
        made[count > most] = value
        np.maximum(most, count, out=most)
    made[~foreground] = 0
    return made
