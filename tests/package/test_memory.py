"""Working memory grows with the input, at most six times as much, and never with its square."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.geometry.everything import HARD
from tubekit import geometry, metrics
from tubekit.benchmarks.full_metrics import case
from tubekit.benchmarks.measure import MEGABYTE, peak_memory

SHAPE, SPACING = (96, 128, 128), (1.0, 0.7, 0.7)
MOST, FIXED = 6, 6.0
"""Times the input, and megabytes for lists that are looked at in parts of fixed length."""

ASKED: dict[str, dict[str, Any]] = {"nsd": {"tolerance_mm": 1.0}, "roc_curve": {}}
LINE = {"skeleton_graph", "reconnect", "end_points"}
IMAGES = {"frangi", "sato", "jerman", "meijering", "hessian_eigenvalues"}
PAIRS = [
    name
    for name in metrics.__all__
    if inspect.isfunction(getattr(metrics, name))
    and list(inspect.signature(getattr(metrics, name)).parameters)[:2] == ["pred", "target"]
]


def fits(run: Callable[[], Any], size: int) -> None:
    run()  # compiles, imports and fills caches, which is no working memory
    megabytes = min(peak_memory(run)[1] for _ in range(2))
    assert megabytes <= MOST * size / MEGABYTE + FIXED


@pytest.mark.parametrize("name", HARD)
def test_geometry(name: str) -> None:
    _, mask = case(SHAPE, SPACING)
    given = geometry.skeletonize(mask) if name in LINE else mask
    given = given.astype(np.float32) if name in IMAGES else given
    if name in IMAGES:
        fits(lambda: getattr(geometry, name)(given, *_scale(name), SPACING), given.nbytes)
    elif name == "tubed_skeleton":
        fits(lambda: geometry.tubed_skeleton(mask.view(np.uint8)), mask.nbytes)
    else:
        fits(lambda: HARD[name](given, SPACING), given.nbytes)


def _scale(name: str) -> tuple[Any]:
    return (1.0,) if name == "hessian_eigenvalues" else ([1.0, 2.0],)


@pytest.mark.parametrize("name", PAIRS)
def test_metrics_of_a_pair(name: str) -> None:
    pred, target = case(SHAPE, SPACING)
    arguments = {"spacing": SPACING, **ASKED.get(name, {})}
    accepted = inspect.signature(getattr(metrics, name)).parameters
    arguments = {key: value for key, value in arguments.items() if key in accepted}
    fits(lambda: getattr(metrics, name)(pred, target, **arguments), pred.nbytes + target.nbytes)


def test_metrics_of_one_mask_and_of_scores() -> None:
    # Sorting leaves some megabytes of its own behind: little beside a volume of this size.
    shape = (160, 192, 192)
    _, target = case(shape, SPACING)
    scores = np.random.default_rng(0).random(shape, np.float32)
    # A map of widths is four times the mask by itself, a curve of all scores four times these.
    fits(lambda: metrics.diameter_map(target, spacing=SPACING), 2 * target.nbytes)
    fits(lambda: metrics.reference_tree(target), target.nbytes)
    fits(lambda: metrics.roc_curve(scores, target), scores.nbytes + target.nbytes)
