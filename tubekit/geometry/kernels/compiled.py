"""How loops are compiled, and how they are spread over threads."""

import inspect
import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numba
from numba.core.caching import FunctionCache

from tubekit._folders import cache_root, checkout, note_not_kept
from tubekit._machine import threads


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a loop at its first call, once per machine; it runs without Python's lock.

    Numba's own threads are not used: they abort a program that calls them from two threads of its
    own or that forks, as data loaders do. ``in_slabs`` spreads the work instead.
    """
    return _kept(numba.njit(nogil=True), function)


def compiled_reordered(function: Callable[..., Any]) -> Any:
    """As ``compiled``, for sums that may be taken in any order, as vector instructions do."""
    flags = {"reassoc", "contract"}
    return _kept(numba.njit(nogil=True, fastmath=flags), function)


class _Cache(FunctionCache):
    """Numba's cache of one function, which may fail: a full disk, files of another user."""

    @contextmanager
    def _guard_against_spurious_io_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            _note()


def _kept(decorator: Callable[..., Any], function: Callable[..., Any]) -> Any:
    """The compiled loop, kept on disk where any place can be written, else for this process."""
    # A checker of annotations may already have wrapped the function; Numba needs the bare one.
    loop = decorator(inspect.unwrap(function))
    with _place_of_compiled_code():
        try:
            loop._cache = _Cache(loop.py_func)
        except (RuntimeError, OSError):  # Numba found no place
            _note()
    return loop


def _note() -> None:
    note_not_kept("compiled loops are not kept, so every start compiles anew", "NUMBA_CACHE_DIR")


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
