"""Working memory grows with the input, at most six times as much, and never with its square."""

import inspect
import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
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

LINE = {"skeleton_graph", "reconnect", "end_points"}
IMAGES = {"frangi", "sato", "jerman", "meijering", "hessian_eigenvalues"}
PAIRS = [
    name
    for name in metrics.__all__
    if inspect.isfunction(getattr(metrics, name))
    and list(inspect.signature(getattr(metrics, name)).parameters)[:2] == ["pred", "target"]
]


@pytest.fixture(scope="module")
def fresh() -> Iterator[ProcessPoolExecutor]:
    """A process that has done nothing else: a system takes idle memory away from an old one, and
    what comes back while something runs looks like its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        yield pool


def grown(run: Callable[[], Any]) -> float:
    """Megabytes that a call needs while it works."""
    run()  # compiles, imports and fills caches, which is no working memory
    return min(peak_memory(run)[1] for _ in range(2))


def check(fresh: ProcessPoolExecutor, measured: Callable[..., tuple[float, int]], *of: str) -> None:
    megabytes, size = fresh.submit(measured, *of).result()
    assert megabytes <= MOST * size / MEGABYTE + FIXED


def of_geometry(name: str) -> tuple[float, int]:
    _, mask = case(SHAPE, SPACING)
    given = geometry.skeletonize(mask) if name in LINE else mask
    given = given.astype(np.float32) if name in IMAGES else given
    if name in IMAGES:
        return grown(lambda: getattr(geometry, name)(given, *_scale(name), SPACING)), given.nbytes
    if name == "tubed_skeleton":
        return grown(lambda: geometry.tubed_skeleton(mask.view(np.uint8))), mask.nbytes
    return grown(lambda: HARD[name](given, SPACING)), given.nbytes


def _scale(name: str) -> tuple[Any]:
    return (1.0,) if name == "hessian_eigenvalues" else ([1.0, 2.0],)


def of_pair(name: str) -> tuple[float, int]:
    pred, target = case(SHAPE, SPACING)
    metric = getattr(metrics, name)
    arguments = {"spacing": SPACING, "tolerance_mm": 1.0} if name == "nsd" else {"spacing": SPACING}
    if "spacing" not in inspect.signature(metric).parameters:
        arguments = {}
    if name == "evaluate_case":  # of functions that people bring
        arguments |= {"metrics": {"dice": metrics.dice}}
    return grown(lambda: metric(pred, target, **arguments)), pred.nbytes + target.nbytes


def of_one(name: str) -> tuple[float, int]:
    _, target = case(SHAPE, SPACING)
    if name == "diameter_map":  # a map of widths is four times the mask by itself
        return grown(lambda: metrics.diameter_map(target, spacing=SPACING)), 2 * target.nbytes
    if name == "reference_tree":
        return grown(lambda: metrics.reference_tree(target)), target.nbytes
    scores = np.random.default_rng(0).random(SHAPE, np.float32)
    # Of scores that all differ the curve itself is three times these.
    return grown(lambda: metrics.roc_curve(scores, target)), scores.nbytes + target.nbytes


@pytest.mark.parametrize("name", HARD)
def test_geometry(fresh: ProcessPoolExecutor, name: str) -> None:
    check(fresh, of_geometry, name)


@pytest.mark.parametrize("name", PAIRS)
def test_metrics_of_a_pair(fresh: ProcessPoolExecutor, name: str) -> None:
    check(fresh, of_pair, name)


@pytest.mark.parametrize("name", ["diameter_map", "reference_tree", "roc_curve"])
def test_metrics_of_one_mask_and_of_scores(fresh: ProcessPoolExecutor, name: str) -> None:
    check(fresh, of_one, name)
