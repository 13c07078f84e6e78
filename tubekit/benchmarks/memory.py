"""Working memory at the size of a CT: at most six times the input."""

import functools
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32

from tubekit import geometry, metrics
from tubekit.benchmarks.full_metrics import case
from tubekit.benchmarks.measure import Row
from tubekit.data import read_image, write_label

SHAPE = (300, 256, 256)
"""An eighth of 600 x 512 x 512, so that all rows fit into a few gigabytes; the ratios are alike."""
SPACING = (1.0, 0.7, 0.7)
MOST = 6


def rows() -> Iterator[Row]:
    """Metrics and operations on masks, filters on a float32 image, a reader."""
    pred, target = case(SHAPE, SPACING)
    both = pred.nbytes + target.nbytes
    runs: dict[str, tuple[int, Callable[[], Any]]] = {
        "all metrics": (both, lambda: metrics.case_report(pred, target, spacing=SPACING)),
        "HD95 by area": (
            both,
            lambda: metrics.hd95(pred, target, spacing=SPACING, definition="area"),
        ),
        "ROC curve": (5 * target.size, lambda: metrics.roc_curve(image(), target)),
        "Betti numbers": (target.nbytes, lambda: geometry.betti_numbers(target)),
        "components": (target.nbytes, lambda: geometry.components(target)),
        "skeleton": (target.nbytes, lambda: geometry.skeletonize(target)),
        "skeleton graph": (target.nbytes, lambda: geometry.skeleton_graph(line(), SPACING)),
        "signed distance": (target.nbytes, lambda: geometry.signed_distance(target, SPACING)),
        "Frangi": (image().nbytes, lambda: geometry.frangi(image(), [1.0, 2.0], SPACING)),
        "Hessian": (image().nbytes, lambda: geometry.hessian_eigenvalues(image(), 1.0, SPACING)),
    }
    with tempfile.TemporaryDirectory() as folder:  # there while the rows run
        runs["reading .nii.gz"] = (4 * target.size, lambda: read_image(_file(folder)))
        for name, (size, run) in runs.items():
            yield Row(
                instrument=f"{name}, {' x '.join(map(str, SHAPE))}",
                peer=f"{MOST} copies of the input",
                ours=run,
                peer_run=lambda size=size: np.ones(MOST * size, np.uint8),
                difference=lambda ours, copies: 0.0,
                equality="nothing to compare",
                tolerance=0,
                time_target=None,
                memory_target=1.0,
                repeats=1,
                note="masks of one byte a voxel, images of four; the time says nothing",
            )


@functools.cache
def image() -> Float32[np.ndarray, "z y x"]:
    """The tree, bright, in noise."""
    noise = np.random.default_rng(0).standard_normal(SHAPE, np.float32)
    noise *= 0.2
    noise += case(SHAPE, SPACING)[1]
    return noise


@functools.cache
def line() -> Bool[np.ndarray, "z y x"]:
    return geometry.skeletonize(case(SHAPE, SPACING)[1])


@functools.cache
def _file(folder: str) -> Path:
    """Written at the first call; read, it takes float32."""
    path = Path(folder) / "tree.nii.gz"
    write_label(path, case(SHAPE, SPACING)[1].astype(np.uint8), SPACING)
    return path
