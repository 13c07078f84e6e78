"""Who touches whom on a grid, in any number of dimensions."""

import itertools
from collections.abc import Iterator
from operator import add

import numpy as np


def offsets(ndim: int, most: int) -> list[tuple[int, ...]]:
    """Steps to the neighbours that differ along at most ``most`` axes: 1 faces, ndim all."""
    steps = itertools.product((-1, 0, 1), repeat=ndim)
    return [step for step in steps if 0 < sum(map(abs, step)) <= most]


def shifted(image: np.ndarray, step: tuple[int, ...]) -> np.ndarray:
    """What each voxel sees one step away; outside the image there is 0."""
    framed = np.pad(image, 1)
    window = (slice(1 + s, 1 + s + n) for s, n in zip(step, image.shape, strict=True))
    return framed[tuple(window)]


def pieces(mask: np.ndarray, most: int) -> Iterator[set[tuple[int, ...]]]:
    """Flood fill: pour water on a voxel, follow it to all that touch, and start again."""
    steps = offsets(mask.ndim, most)
    dry = {tuple(voxel) for voxel in np.argwhere(mask).tolist()}
    while dry:
        wet, front = set(), [dry.pop()]
        while front:
            voxel = front.pop()
            wet.add(voxel)
            near = {tuple(map(add, voxel, step)) for step in steps}
            front += near & dry
            dry -= near
        yield wet
