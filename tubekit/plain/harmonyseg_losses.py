"""The growth-suppression loss, term by term, for one image: arrays and tensors (y x) or (z y x).

Spatial prior in two dimensions; one axis more makes the other.
"""

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import convolve, label
from scipy.spatial.distance import cdist
from torch import Tensor


def confidence(mask: np.ndarray) -> np.ndarray:
    """Equations ``eq-relaxed-prediction`` and ``eq-relaxation-beta``: beta in the box, else 1."""
    places = np.argwhere(mask)
    box = tuple(map(slice, places.min(0), places.max(0) + 1))
    ratio = (mask.size - len(places)) / len(places)
    trust = np.ones(mask.shape)
    trust[box] = np.clip(1 / np.log(ratio), 0, 1) if ratio > 1 else 1
    trust[mask] = 1
    return trust


def relaxed_supervision(probs: Tensor, y: Tensor, trust: Tensor) -> Tensor:
    """Equation ``eq-relaxed-supervision``, N all voxels, epsilon 1e-5."""
    relaxed = trust * probs
    dice = (2 * (y * probs).sum() + 1e-5) / (y.sum() + relaxed.sum() + 1e-5)
    return 1 - dice - (y * probs.log()).mean()


def join(skeleton: np.ndarray, reach: float = 15, least: int = 3) -> np.ndarray:
    """Join pieces of ``least`` voxels or more to the largest, from end point to end point."""
    touching = np.ones([3] * skeleton.ndim)
    pieces, count = label(skeleton, touching)
    if count < 2:
        return skeleton
    ends = skeleton & (convolve(skeleton.astype(int), touching, mode="constant") <= 2)
    for n in range(1, count + 1):
        if not (ends & (pieces == n)).any():  # a loop
            ends |= pieces == n
    sizes = np.bincount(pieces.flat)[1:]
    main = 1 + sizes.argmax()
    goals = np.argwhere(ends & (pieces == main))
    joined = skeleton.copy()
    for n in range(1, count + 1):
        own = np.argwhere(ends & (pieces == n))
        apart = cdist(own, goals)
        i, j = np.unravel_index(apart.argmin(), apart.shape)
        if n != main and sizes[n - 1] >= least and apart[i, j] <= reach:
            joined[line(own[i], goals[j])] = True
    return joined


def line(start: np.ndarray, stop: np.ndarray) -> tuple[np.ndarray, ...]:
    """The voxels of a straight line."""
    way = stop - start
    share = np.linspace(0, 1, abs(way).max() + 1)[:, None]
    steps = np.sign(way) * np.floor(abs(way) * share + 0.5)
    return tuple((start + steps.astype(int)).T)


def reconnection(skeleton: Tensor) -> Tensor:
    """Equation ``eq-reconnection`` for a soft skeleton, N all voxels."""
    joined = torch.from_numpy(join((skeleton >= 0.5).numpy()))
    return -(joined * skeleton.clamp(min=1e-6).log()).mean()


def spatial_prior(probs: Tensor, image: Tensor, radius: int, sigma: float) -> Tensor:
    """Equation ``eq-spatial-prior``: all pairs in a window; sigma_l is the radius."""
    side = 2 * radius + 1

    def around(x: Tensor) -> Tensor:
        """What every pixel sees of its window, (window pixels)."""
        return F.unfold(x[None, None], side, padding=radius)[0]

    step = torch.arange(-radius, radius + 1.0)
    far = (step[:, None] ** 2 + step**2).flatten()[:, None] / (2 * radius**2)
    contrast = (around(image) - image.flatten()) ** 2 / (2 * sigma**2)
    k = torch.exp(-far - contrast)
    k[len(k) // 2] = 0  # no pixel is a neighbour of its own
    return (k * around(probs) * probs.flatten()).sum() / (k.numel() - probs.numel())


def mix_equivalence(mixed_probs: Tensor, y1: Tensor, y2: Tensor, alpha: float) -> Tensor:
    """Equation ``eq-mix-equivalence``: minus the cosine of prediction and blended label."""
    m = alpha * y1 + (1 - alpha) * y2
    return -(mixed_probs * m).sum() / (mixed_probs.norm() * m.norm() + 1e-12)


def growth_suppression(
    relaxed: Tensor, joined: Tensor, prior: Tensor, mix: Tensor, suppression: float = 1.0
) -> Tensor:
    """Equation ``eq-growth-suppression``."""
    return relaxed + joined + suppression * (prior + mix)
