"""Distances between surfaces, from every voxel to every other."""

import numpy as np

from tubekit.plain.neighbours import offsets, shifted


def surface(mask: np.ndarray) -> np.ndarray:
    """Voxels of a mask with a face to the background."""
    inside = np.ones_like(mask)
    for step in offsets(mask.ndim, 1):
        inside &= shifted(mask, step)
    return mask & ~inside


def distances(start: np.ndarray, end: np.ndarray, spacing: tuple[float, ...]) -> np.ndarray:
    """From each voxel of one mask to the nearest of another, in millimetres."""
    apart = (np.argwhere(start)[:, None] - np.argwhere(end)[None]) * np.array(spacing)
    return np.sqrt((apart**2).sum(-1)).min(1, initial=np.inf)


def both_lists(
    pred: np.ndarray, target: np.ndarray, spacing: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """A, prediction to truth, and B, truth to prediction."""
    a, b = surface(pred), surface(target)
    return distances(a, b, spacing), distances(b, a, spacing)


def hausdorff(pred: np.ndarray, target: np.ndarray, spacing: tuple[float, ...]) -> float:
    """Equation ``eq-hausdorff``."""
    a, b = both_lists(pred, target, spacing)
    return max(a.max(), b.max())


def hd95(pred: np.ndarray, target: np.ndarray, spacing: tuple[float, ...]) -> float:
    """Equation ``eq-hd95``, its first line: the larger of the two directions."""
    a, b = both_lists(pred, target, spacing)
    return max(np.percentile(a, 95), np.percentile(b, 95))


def assd(pred: np.ndarray, target: np.ndarray, spacing: tuple[float, ...]) -> float:
    """Equation ``eq-assd``."""
    a, b = both_lists(pred, target, spacing)
    return (a.sum() + b.sum()) / (len(a) + len(b))
