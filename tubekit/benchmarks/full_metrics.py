"""All metrics of one case at once, and surface distances alone, against MONAI and scikit-image."""

import functools
from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Bool

from tubekit import metrics
from tubekit._extras import extra
from tubekit.benchmarks.measure import Row
from tubekit.metrics import CaseReport
from tubekit.phantoms import GrowthRule, Root, grow_tree, rasterise
from tubekit.types import Spacing

with extra("test", __name__):
    from monai.metrics import (
        compute_average_surface_distance,
        compute_dice,
        compute_hausdorff_distance,
        compute_surface_dice,
    )
    from skimage import measure, morphology

Pair = tuple[Bool[np.ndarray, "z y x"], Bool[np.ndarray, "z y x"]]
Values = dict[str, float]


def rows() -> Iterator[Row]:
    """The whole set on a CT-sized case and on a cube, and HD95 with ASSD alone."""
    whole = "Dice, clDice, HD95, ASSD, NSD, Betti numbers and errors, BD, TLD"
    for shape, spacing, repeats in (
        ((200, 512, 512), (1.0, 0.7, 0.7), 1),
        ((128, 128, 128), (1.0, 1.0, 1.0), 3),
    ):
        yield Row(
            instrument=f"{whole}, {' x '.join(map(str, shape))}",
            peer="MONAI 1.6 + scikit-image",
            ours=lambda s=shape, h=spacing: metrics.case_report(*case(s, h), spacing=h),
            peer_run=lambda s=shape, h=spacing: monai_and_skimage(*case(s, h), h),
            difference=deviation,
            equality="largest relative deviation of a number",
            tolerance=2e-5,  # MONAI computes in float32
            time_target=1 / 5,
            memory_target=1 / 3,
            repeats=repeats,
            note="BD, TLD, Dice by diameter, AHD and centre-line F1 are in our "
            "time only: the peers have none of them. Betti numbers of the "
            "peer from labelling and the Euler number; cubical homology (gudhi) keeps tens of "
            "bytes for each of some 8 cells per voxel and does not fit at the larger size.",
        )
    cube = (128, 128, 128), (1.0, 1.0, 1.0)
    yield Row(
        instrument="HD95 and ASSD, 128 x 128 x 128",
        peer="MONAI 1.6",
        ours=lambda: hd95_and_assd(*case(*cube), cube[1]),
        peer_run=lambda: monai_surfaces(*case(*cube), cube[1]),
        difference=lambda ours, theirs: max(abs(ours[k] / theirs[k] - 1) for k in ours),
        equality="largest relative deviation of a number",
        tolerance=2e-5,
        time_target=None,
    )


@functools.lru_cache(maxsize=2)
def case(shape: tuple[int, ...], spacing: Spacing) -> Pair:
    """A tree, and a prediction that misses tips, lies one voxel aside and invents three blobs."""
    extent = np.array(shape) * spacing
    start = (12.0, float(extent[1] / 2), float(extent[2] / 2))
    root = Root(start_mm=start, direction=(1.0, 0.2, 0.1), radius_mm=float(extent.min()) / 24)
    rule = GrowthRule(generations=9, branching=0.98, length_ratio=6.5, min_radius_mm=0.7)
    tree = grow_tree(shape, seed=1, roots=[root], rule=rule, spacing=spacing)
    owner = rasterise(tree).owner
    missed = [index + 1 for index in tree.leaves()[::4]]
    pred = np.roll((owner > 0) & ~np.isin(owner, missed), 1, axis=2)
    grid = np.ogrid[tuple(slice(0, n) for n in shape)]
    for part in (0.2, 0.5, 0.8):
        offsets = (axis - int(part * n) for axis, n in zip(grid, shape, strict=True))
        pred |= sum(o**2 for o in offsets) <= 9
    return pred, owner > 0


def monai_and_skimage(
    pred: Bool[np.ndarray, "z y x"], target: Bool[np.ndarray, "z y x"], spacing: Spacing
) -> Values:
    """The numbers of a case report as the two libraries give them."""
    values = monai_surfaces(pred, target, spacing)
    a, b = _tensors(pred, target)
    values["dice"] = float(compute_dice(a, b))
    values["nsd_1mm"] = float(compute_surface_dice(a, b, [1.0], spacing=spacing))
    del a, b
    pred_line, target_line = morphology.skeletonize(pred), morphology.skeletonize(target)
    precise = np.count_nonzero(pred_line & target) / np.count_nonzero(pred_line)
    sensitive = np.count_nonzero(target_line & pred) / np.count_nonzero(target_line)
    values["cldice"] = 2 * precise * sensitive / (precise + sensitive)
    pairs = zip(_betti(pred), _betti(target), strict=True)
    return values | {f"betti_error_{i}": float(abs(p - t)) for i, (p, t) in enumerate(pairs)}


def monai_surfaces(
    pred: Bool[np.ndarray, "z y x"], target: Bool[np.ndarray, "z y x"], spacing: Spacing
) -> Values:
    a, b = _tensors(pred, target)
    return {
        "hd95": float(compute_hausdorff_distance(a, b, percentile=95, spacing=spacing)),
        "assd": float(compute_average_surface_distance(a, b, symmetric=True, spacing=spacing)),
    }


def hd95_and_assd(
    pred: Bool[np.ndarray, "z y x"], target: Bool[np.ndarray, "z y x"], spacing: Spacing
) -> Values:
    found = metrics.surface_distances(pred, target, spacing)
    return {"hd95": found.percentile(95, "max"), "assd": found.mean()}


def deviation(ours: CaseReport, theirs: Values) -> float:
    return max(abs(ours.values[k] - v) / max(abs(v), 1.0) for k, v in theirs.items())


def _tensors(*masks: Bool[np.ndarray, "z y x"]) -> list[torch.Tensor]:
    return [torch.from_numpy(mask)[None, None] for mask in masks]


def _betti(mask: Bool[np.ndarray, "z y x"]) -> tuple[int, int, int]:
    pieces = int(measure.label(mask, connectivity=3).max())
    # The frame joins all background outside to one component.
    cavities = int(measure.label(np.pad(~mask, 1, constant_values=True), connectivity=1).max()) - 1
    return pieces, pieces + cavities - int(measure.euler_number(mask, 3)), cavities
