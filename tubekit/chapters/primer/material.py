"""Material of the primer: two mistakes of one size, and one metric in many implementations."""

import importlib.util
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Integer
from scipy import ndimage

from tubekit import geometry, metrics
from tubekit._extras import extra
from tubekit.types import Case, Spacing

with extra("all", __name__):
    import pandas as pd
    from monai.losses.cldice import SoftclDiceLoss
    from monai.metrics.hausdorff_distance import compute_hausdorff_distance
    from skimage import measure, morphology
    from skimage.metrics import hausdorff_distance

Mask = Bool[np.ndarray, "*s"]
Pairs = Mapping[str, tuple[Mask, Mask, Spacing]]
"""Column title to (prediction, target, spacing)."""


def two_mistakes(mask: Mask, max_radius: float) -> tuple[Mask, Mask]:
    """Two wrong copies of a mask that lack equally many voxels, in different places.

    Args:
        mask: truth, 2-D or 3-D.
        max_radius: in voxels; tubes up to this radius are thin.
    Returns:
        The mask without its thin tubes, and the mask whose thick tubes are peeled from outside,
        their centre lines kept.
    Raises:
        ValueError: the thick tubes have too few voxels to lose as many.
    """
    skeleton, depth = geometry.skeletonize(mask), geometry.distance_transform(mask)
    nearest = ndimage.distance_transform_edt(~skeleton, return_distances=False, return_indices=True)
    radius = depth[tuple(nearest)]
    without_thin = mask & (radius > max_radius)
    count = int(mask.sum() - without_thin.sum())
    rim = np.flatnonzero(without_thin & ~skeleton)
    if count > len(rim):
        raise ValueError(
            f"expected at least {count} voxels beside thick centre lines, got {len(rim)}; "
            f"choose max_radius below {max_radius}"
        )
    outermost_first = np.argsort((depth / radius.clip(1)).ravel()[rim], kind="stable")
    peeled = mask.copy()
    peeled.ravel()[rim[outermost_first[:count]]] = False
    return without_thin, peeled


def fullest_slice(case: Case) -> tuple[Float32[np.ndarray, "c y x"], Integer[np.ndarray, "y x"]]:
    """Image and label of the slice with most foreground; a flat case has one."""
    if case.label is None:
        raise ValueError(f"case {case.id}: expected a label, got none; choose another case")
    label = case.label.reshape(-1, *case.label.shape[-2:])
    z = int((label > 0).sum((1, 2)).argmax())
    return case.image.reshape(len(case.image), *label.shape)[:, z], label[z]


def densest_window(mask: Mask, side: int) -> tuple[slice, ...]:
    """The box of at most ``side`` voxels per axis with the most foreground, small things inside."""
    sides = [min(side, n) for n in mask.shape]
    filled = ndimage.uniform_filter(mask.astype(np.float32), sides, mode="constant")
    # Many boxes hold all of a small thing: take the middle one.
    best = np.argwhere(filled > filled.max() - 0.5 / np.prod(sides))
    centre = best[np.abs(best - best.mean(axis=0)).sum(axis=1).argmin()]
    first = np.clip(centre - np.array(sides) // 2, 0, np.subtract(mask.shape, sides))
    return tuple(slice(int(a), int(a) + n) for a, n in zip(first, sides, strict=True))


def hd95_table(pairs: Pairs) -> pd.DataFrame:
    """What different definitions and packages report as (95 %) Hausdorff distance."""
    rows: dict[str, Callable[[Mask, Mask, Spacing], Any]] = {
        "HD95, larger direction": lambda p, t, s: metrics.hd95(p, t, spacing=s),
        "HD95, MONAI": lambda p, t, s: compute_hausdorff_distance(
            _batch(p), _batch(t), include_background=True, percentile=95, spacing=s
        ),
        "HD95, pooled": lambda p, t, s: metrics.hd95(p, t, spacing=s, definition="pooled"),
        "HD95, area": lambda p, t, s: metrics.hd95(p, t, spacing=s, definition="area"),
        "HD95, spacing forgotten": lambda p, t, s: metrics.hd95(p, t),
        "HD": lambda p, t, s: metrics.hausdorff(p, t, spacing=s),
        "HD, scikit-image, no spacing": lambda p, t, s: hausdorff_distance(p, t),
    }
    return _table(rows, pairs)


def cldice_table(pairs: Pairs) -> pd.DataFrame:
    """clDice with the skeletons of different algorithms; a medial axis exists in 2-D only."""
    skeletons: dict[str, Callable[[Mask], Any]] = {
        "hard, tubekit": geometry.skeletonize,
        "hard, Lee et al. (scikit-image)": lambda m: morphology.skeletonize(m, method="lee"),
        "hard, medial axis": _medial_axis,
        "topological": lambda m: geometry.topological_skeleton(_batch(m), 10)[0, 0],
        "soft, 2 iterations": lambda m: geometry.soft_skeleton(_batch(m), 2)[0, 0],
        "soft, 10 iterations": lambda m: geometry.soft_skeleton(_batch(m), 10)[0, 0],
    }
    rows = {name: _cldice_by(function) for name, function in skeletons.items()}
    monai = SoftclDiceLoss(iter_=10)
    rows["soft, 10 iterations, MONAI"] = lambda p, t, s: 1 - float(monai(_batch(t), _batch(p)))
    return _table(rows, pairs)


def betti_table(pairs: Pairs) -> pd.DataFrame:
    """Errors in pieces and loops (NaN: not counted), by implementation and patch size."""
    rows: dict[str, Callable[[Mask], tuple[float, ...]]] = {
        "tubekit, full (8 or 26)": geometry.betti_numbers,
        "tubekit, face (4 or 6)": lambda m: geometry.betti_numbers(m, connectivity="face"),
        "scikit-image label, as it comes": lambda m: (measure.label(m).max(), np.nan),
        "SciPy label, as it comes": lambda m: (ndimage.label(m)[1], np.nan),
    }
    if importlib.util.find_spec("gudhi"):
        rows["GUDHI, voxels as cells"] = lambda m: _gudhi(m, "top_dimensional_cells")
        rows["GUDHI, voxels as vertices"] = lambda m: _gudhi(m, "vertices")
    table: dict[str, dict[str, float]] = {}
    for title, (pred, target, _) in pairs.items():
        errors = {k: np.abs(np.subtract(f(pred)[:2], f(target)[:2])) for k, f in rows.items()}
        errors["tubekit, mean over patches of 32"] = _mean_over_patches(pred, target)
        for number, name in enumerate(("β₀ error", "β₁ error")):
            table[f"{title}: {name}"] = {k: float(e[number]) for k, e in errors.items()}
    return pd.DataFrame(table)


def _table(rows: Mapping[str, Callable[..., Any]], pairs: Pairs) -> pd.DataFrame:
    columns = {k: [float(row(*pair)) for row in rows.values()] for k, pair in pairs.items()}
    return pd.DataFrame(columns, index=list(rows))


def _batch(mask: Mask) -> Float[torch.Tensor, "1 1 *s"]:
    return torch.from_numpy(mask.astype(np.float32))[None, None]


def _medial_axis(mask: Mask) -> np.ndarray:
    return morphology.medial_axis(mask, rng=0) if mask.ndim == 2 else np.full(mask.shape, np.nan)


def _cldice_by(skeleton: Callable[[Mask], Any]) -> Callable[[Mask, Mask, Spacing], float]:
    def cldice(pred: Mask, target: Mask, spacing: Spacing) -> float:
        ours, true = (np.asarray(skeleton(mask), dtype=float) for mask in (pred, target))
        precise, sensitive = (ours * target).sum() / ours.sum(), (true * pred).sum() / true.sum()
        return float(2 * precise * sensitive / (precise + sensitive))

    return cldice


def _gudhi(mask: Mask, cells: str) -> tuple[int, ...]:
    import gudhi  # the tests need it, the page is complete without it

    box = ndimage.find_objects(mask.astype(int))[0]
    complex_ = gudhi.CubicalComplex(**{cells: np.where(mask[box], 0.0, 1.0)})
    complex_.compute_persistence()
    return tuple(complex_.persistent_betti_numbers(0.0, 0.5))


def _mean_over_patches(pred: Mask, target: Mask, side: int = 32) -> Float[np.ndarray, "2"]:
    grid = np.ndindex(*(-(-n // side) for n in pred.shape))
    patches = [tuple(slice(i * side, (i + 1) * side) for i in index) for index in grid]
    return np.mean([metrics.betti_errors(pred[t], target[t]).errors[:2] for t in patches], axis=0)
