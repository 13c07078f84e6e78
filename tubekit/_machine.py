"""This program's share of the machine: processors, workers that keep to them, memory it took.

``os.cpu_count()`` counts a whole node, also where a job may use one core of it.
"""

import functools
import math
import multiprocessing
import os
import re
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

Item, Made = TypeVar("Item"), TypeVar("Made")

# One folder of limits holds for all below it; both versions may be mounted, and one may be absent.
_QUOTAS = {"": ("unified", ""), "cpu": ("cpu", "cpu,cpuacct")}
_THREADS_OF = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


def cores() -> int:
    """Processors this program may use at once, at least 1.

    The least of: the affinity (``taskset``, cpusets; all processors where a system knows none), the
    quota of the control groups (containers; whole processors of it), ``SLURM_CPUS_PER_TASK``.

    Example:
        >>> cores() >= 1
        True
    """
    affinity = getattr(os, "sched_getaffinity", None)
    allowed = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, min(allowed, _quota(), _of_the_scheduler()))


def threads() -> int:
    """Threads of one computation: as many as torch may use, and no more than the share.

    Torch knows the affinity and what ``torch.set_num_threads`` chose, but no other limit.
    """
    import torch

    return max(1, min(torch.get_num_threads(), _quota(), _of_the_scheduler()))


def threads_of_worker(jobs: int) -> int:
    """Threads of each of ``jobs`` workers, so that together they use this program's share."""
    return max(1, cores() // jobs)


def side_by_side(function: Callable[[Item], Made], items: Iterable[Item]) -> list[Made]:
    """``function`` of every item, in order, in a few threads: for work that NumPy and zlib do.

    At most four at a time, since each holds arrays as large as a case.
    """
    with ThreadPoolExecutor(min(cores(), 4)) as pool:
        return list(pool.map(function, items))


def processes(jobs: int) -> ProcessPoolExecutor:
    """Worker processes that share the processors; started anew, as the parent may hold locks."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(
        jobs, context, initializer=_keep_to, initargs=(threads_of_worker(jobs),)
    )


def peak_memory() -> int:
    """Bytes of resident memory that this process had at most; not what its children had.

    Linux lets a process lower the mark, as the benchmarks do; elsewhere it counts from the start.
    """
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage also counts what the process was before it became Python
        found = re.search(r"^VmHWM:\s*(\d+) kB", status.read_text(), flags=re.M)
        if found:
            return int(found[1]) * 1024
    import resource  # Unix only

    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux KiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _keep_to(threads: int) -> None:
    """Limit a new process: the variables hold for libraries that are loaded after this."""
    for name in _THREADS_OF:
        os.environ[name] = str(min(threads, _number(os.environ.get(name))))
    import torch

    torch.set_num_threads(min(threads, torch.get_num_threads()))


def _of_the_scheduler() -> int:
    return _number(os.environ.get("SLURM_CPUS_PER_TASK"))


def _number(text: str | None) -> int:
    """A positive whole number, else no limit."""
    return int(text) if text and text.isdecimal() and int(text) else 2**31


@functools.cache
def _quota(groups: Path = Path("/proc/self/cgroup"), mounted: Path = Path("/sys/fs/cgroup")) -> int:
    """Whole processors that control groups (version 1 and 2) grant, of a group and all above it."""
    least = math.inf
    for line in _text(groups).splitlines():
        _, controllers, own = line.split(":", 2)
        name = "cpu" if "cpu" in controllers.split(",") else controllers
        for place in _QUOTAS.get(name, ()):
            group = mounted / place / own.lstrip("/")
            # Within a container the path may be that of the host: then the mount is the group.
            while group.is_relative_to(mounted):
                least = min(least, _limit(group))
                group = group.parent
    return max(1, int(least)) if math.isfinite(least) else 2**31


def _limit(group: Path) -> float:
    """Processors granted to one group; infinite where it states no limit."""
    values = _text(group / "cpu.max").split() or [
        *_text(group / "cpu.cfs_quota_us").split(),
        *_text(group / "cpu.cfs_period_us").split(),
    ]
    try:
        quota, period = map(float, values)
    except ValueError:  # "max 100000", or no file
        return math.inf
    return quota / period if quota > 0 and period > 0 else math.inf


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
