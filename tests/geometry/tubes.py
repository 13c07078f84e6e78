"""Images with tubes in them, for the filters that look for tubes."""

import numpy as np
from scipy import ndimage

from tubekit.geometry import frangi, jerman, meijering, sato

FILTERS = [frangi, sato, jerman, meijering]


def name(function):
    return function.__name__


def tubes(shape, rng):
    """Noise smoothed a little: tubes, plates and balls of all sorts."""
    return ndimage.gaussian_filter(rng.random(shape), 1.0).astype(np.float32)


def gaussian_tube(shape, spacing, radius, direction):
    """exp(-d²/2r²) around a line through the middle; returns the image and its middle voxel."""
    middle = tuple(n // 2 for n in shape)
    axes = [(np.arange(n) - m) * h for n, m, h in zip(shape, middle, spacing, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    along = points @ (np.asarray(direction) / np.linalg.norm(direction))
    squared = (points**2).sum(-1) - along**2
    return np.exp(-squared / (2 * radius**2)).astype(np.float32), middle
