"""How loops are compiled, and how they are spread over threads."""

import inspect
import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numba

from tubekit._folders import cache_root, checkout
from tubekit._machine import threads


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a loop at its first call, once per machine; it runs without Python's lock.

    Numba's own threads are not used: they abort a program that calls them from two threads of its
    own or that forks, as data loaders do. ``in_slabs`` spreads the work instead.
    """
    # A checker of annotations may already have wrapped the function; Numba needs the bare one.
    with _place_of_compiled_code():
        return numba.njit(cache=True, nogil=True)(inspect.unwrap(function))


def compiled_reordered(function: Callable[..., Any]) -> Any:
    """As ``compiled``, for sums that may be taken in any order, as vector instructions do."""
    flags = {"reassoc", "contract"}
    with _place_of_compiled_code():
        return numba.njit(cache=True, nogil=True, fastmath=flags)(inspect.unwrap(function))


@contextmanager
def _place_of_compiled_code() -> Iterator[None]:
    """Beside the source in a checkout, else in the user's cache, unless NUMBA_CACHE_DIR says where.

    Numba decides about the place when a function is decorated.
    """
    config: Any = numba.config  # it makes its attributes from the environment
    chosen = config.CACHE_DIR
    if checkout() is None and not chosen:
        config.CACHE_DIR = str(cache_root() / "compiled")
    try:
        yield
    finally:
        config.CACHE_DIR = chosen


def in_slabs(kernel: Callable[..., None], length: int, *arguments: Any) -> None:
    """Call ``kernel(start, stop, *arguments)`` for slabs that cover 0..length, side by side.

    The kernel may read everywhere and writes only between ``start`` and ``stop``, so the result
    does not depend on the number of threads (as many as torch may use).
    """
    workers = max(min(threads(), length), 1)
    edges = [length * i // workers for i in range(workers + 1)]
    # The caller takes the first slab: nothing is started for it, and its core does not wait.
    if workers == 1:
        kernel(0, length, *arguments)
        return
    with ThreadPoolExecutor(workers - 1) as pool:
        jobs = [
            pool.submit(kernel, start, stop, *arguments)
            for start, stop in itertools.pairwise(edges[1:])
        ]
        kernel(0, edges[1], *arguments)
        for job in jobs:
            job.result()
