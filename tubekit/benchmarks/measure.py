"""Time and peak memory of two ways to the same result, taken in turn in one process."""

import contextlib
import ctypes
import dataclasses
import gc
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tubekit import _machine
from tubekit._extras import extra

with extra("test", __name__):
    import psutil

MEGABYTE = 1e6
ENOUGH_SECONDS, MOST_REPEATS = 4.0, 100
M_MMAP_THRESHOLD = -3  # of mallopt, from malloc.h


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the benchmark: an instrument, its peer, and what is asked of the ratio.

    Attributes:
        instrument: what is measured, with the size of its input.
        peer: whose implementation it is compared with.
        ours, peer_run: calls without arguments that return what ``difference`` compares.
        difference: largest deviation of our result from the peer's (or from the stated truth),
            with its unit in ``equality``.
        equality: what is compared and in which unit, e.g. ``"voxels that differ"``.
        tolerance: ``difference`` up to this counts as equal.
        time_target, memory_target: largest ratio ours / peer asked for; None where not asked.
        repeats: timed calls of each at least; short calls are repeated more often. The fastest
            counts, since a busy machine only adds. The peer may be slow: 1 is allowed.
        note: what a reader must know to judge the row.
    """

    instrument: str
    peer: str
    ours: Callable[[], Any]
    peer_run: Callable[[], Any]
    difference: Callable[[Any, Any], float]
    equality: str
    tolerance: float
    time_target: float | None
    memory_target: float | None = None
    repeats: int = 3
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Measurement:
    """Seconds of the fastest call and peak extra megabytes of both sides of a row."""

    instrument: str
    peer: str
    seconds: float
    peer_seconds: float
    megabytes: float
    peer_megabytes: float
    difference: float
    equality: str
    equal: bool
    time_target: float | None
    memory_target: float | None
    note: str

    @property
    def time_ratio(self) -> float:
        return self.seconds / self.peer_seconds

    @property
    def memory_ratio(self) -> float:
        return self.megabytes / self.peer_megabytes if self.peer_megabytes else float("nan")


def measure(row: Row) -> Measurement:
    """Run both sides for their results, for memory, then in turn for time.

    In turn, so that a slow spell of the machine falls on both.
    """
    difference = row.difference(row.ours(), row.peer_run())
    # Those first calls compiled, imported and filled caches, which is no working memory. Of two
    # more the smaller counts: what else the process happens to hold only adds.
    megabytes, peer_megabytes = (
        min(peak_memory(run)[1] for _ in range(2)) for run in (row.ours, row.peer_run)
    )
    times: dict[str, list[float]] = {"ours": [], "peer": []}
    began = time.perf_counter()
    while len(times["ours"]) < row.repeats or (
        time.perf_counter() - began < ENOUGH_SECONDS and len(times["ours"]) < MOST_REPEATS
    ):
        times["peer"].append(seconds(row.peer_run))
        times["ours"].append(seconds(row.ours))
    return Measurement(
        instrument=row.instrument,
        peer=row.peer,
        seconds=min(times["ours"]),
        peer_seconds=min(times["peer"]),
        megabytes=megabytes,
        peer_megabytes=peer_megabytes,
        difference=difference,
        equality=row.equality,
        equal=difference <= row.tolerance,
        time_target=row.time_target,
        memory_target=row.memory_target,
        note=row.note,
    )


def describe(row: Measurement) -> str:
    """One line of the table in words."""

    def against(ratio: float, target: float | None) -> str:
        if target is None:
            return f"{ratio:.3g}"
        return f"{ratio:.3g} (asked: {target:.3g}, {'yes' if ratio <= target else 'NO'})"

    return (
        f"{row.instrument} / {row.peer}: time {against(row.time_ratio, row.time_target)}, "
        f"memory {against(row.memory_ratio, row.memory_target)}; "
        f"{1000 * row.seconds:.1f} ms against {1000 * row.peer_seconds:.1f} ms, "
        f"{row.megabytes:.0f} MB against {row.peer_megabytes:.0f} MB; "
        f"{row.equality}: {row.difference:.3g} ({'equal' if row.equal else 'DIFFERENT'})"
    )


def seconds(call: Callable[[], Any]) -> float:
    """Wall-clock seconds of one call, without the collection of garbage, as in ``timeit``."""
    gc.disable()
    try:
        began = time.perf_counter()
        call()
        return time.perf_counter() - began
    finally:
        gc.enable()


def peak_memory(call: Callable[[], Any]) -> tuple[Any, float]:
    """Result of one call, and by how many megabytes the process grew at most during it.

    Linux keeps the high-water mark of resident memory and lets a process reset its own; nothing
    is sampled, so short peaks count too. Elsewhere the growth after the call is all there is.
    """
    gc.collect()
    with _blocks_returned_at_once():
        marked = _mark_lowered()
        before = psutil.Process().memory_info().rss
        result = call()
        after = _machine.peak_memory() if marked else psutil.Process().memory_info().rss
        return result, max(after - before, 0) / MEGABYTE


def _mark_lowered() -> bool:
    """Whether the process could set its high-water mark to what it has now."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _blocks_returned_at_once() -> Iterator[None]:
    """Let the C library hand every large block back to the system as soon as it is freed.

    Usually it keeps some for later, so that the same call grows the process by another amount
    each time. Without effect where the library has no such setting.
    """
    library = ctypes.CDLL(None)
    try:
        library.malloc_trim(0)
        library.mallopt(M_MMAP_THRESHOLD, 2**17)
    except AttributeError:
        yield
        return
    try:
        yield
    finally:
        library.mallopt(M_MMAP_THRESHOLD, 2**25)  # where the library itself arrives in time
