"""Computing cases: each once, several at a time, and a fault in one stays its own."""

import contextlib
import dataclasses
import hashlib
import json
import math
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import tubekit
from tubekit._machine import processes
from tubekit.data.cache import sources
from tubekit.data.decode import content_sha256
from tubekit.data.storage import write_atomic
from tubekit.evaluation.files import Options, read_pair
from tubekit.evaluation.pairs import Failure, Pair
from tubekit.metrics import CaseReport, case_report
from tubekit.metrics.cases import by_class

# Part of every key: raise it when a number changes its meaning, so that old results are not used.
_FORMAT = 4
# What decides about the numbers beside the geometry package, which ``sources`` always looks at.
_MEASURING = tuple(f"tubekit.metrics.{name}" for name in ("catalogue", "parts", "report"))
_STARTING_S = 3.0
"""What it takes to start processes: a folder of small cases is done sooner without."""


@dataclasses.dataclass(frozen=True)
class CaseResult(CaseReport):
    """Numbers of one case, or of one class of it that has files of its own."""

    name: str = ""
    part: str = ""


def compute(
    pairs: Sequence[Pair], options: Options, folder: Path, jobs: int
) -> Iterator[CaseResult | Failure]:
    """Results in the order in which they are ready.

    Args:
        pairs: the cases.
        options: what is asked.
        folder: holds one JSON file per finished case, named by the content of both files and the
            options; what is found there is not computed again.
        jobs: processes, which share the processors. With 1 all work is done in this process, and
            so are the first seconds of it where there are more cases than processes.
    """
    waiting, begun, jobs = list(pairs), time.monotonic(), min(jobs, len(pairs))
    while waiting and (jobs == 1 or _still_first(len(pairs), jobs, begun)):
        yield one(waiting.pop(0), options, folder)
    if not waiting:
        return
    alone: list[Pair] = []
    for pair, result in _in_processes(waiting, options, folder, min(jobs, len(waiting))):
        if result is None:
            alone.append(pair)
        else:
            yield result
    # A process that dies takes all waiting cases with it; one at a time shows which it was.
    for pair in alone:
        for _, result in _in_processes([pair], options, folder, 1):
            yield result or Failure(
                pair.name, "the process that computed it was ended, perhaps for lack of memory"
            )


def one(pair: Pair, options: Options, folder: Path) -> CaseResult | Failure:
    """One case, from its file of results or computed now. Never raises."""
    try:
        path = folder / f"{key(pair, options)}.json"
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            return _result(pair, json.loads(path.read_text()))
        maps = read_pair(pair, options)
        report = case_report(
            maps.pred,
            maps.label,
            spacing=maps.spacing,
            classes=options.asked,
            tolerances_mm=options.tolerances_mm,
            hd95=options.hd95,
            nsd=options.nsd,
            empty=options.empty,
            ignore=options.ignore,
            penalty_mm=options.penalty_mm,
            names=options.names,
        ).to_dict()
        report["notes"] += maps.notes
        write_atomic(path, json.dumps(report, allow_nan=False).encode())
        return _result(pair, report)
    # Whatever is wrong with one case must not stop the others.
    except Exception as error:
        told = isinstance(error, (ValueError, OSError))
        return Failure(pair.name, f"{error}" if told else f"{type(error).__name__}: {error}")


def _still_first(cases: int, jobs: int, begun: float) -> bool:
    return jobs < cases and time.monotonic() - begun < _STARTING_S


def key(pair: Pair, options: Options) -> str:
    """SHA-256 of both files' contents and of everything that decides about the numbers."""
    content = {
        "format": _FORMAT,
        "version": tubekit.__version__,
        "sources": sources(*_MEASURING),
        "pred": pair.pred and content_sha256(pair.pred),
        "label": content_sha256(pair.label),
        "options": dataclasses.asdict(options),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _in_processes(
    pairs: Sequence[Pair], options: Options, folder: Path, jobs: int
) -> Iterator[tuple[Pair, CaseResult | Failure | None]]:
    """Results from new processes; None for cases that were lost with a process."""
    pool = processes(jobs)
    try:
        waiting = {}
        for pair in pairs:
            try:
                waiting[pool.submit(one, pair, options, folder)] = pair
            except BrokenProcessPool:  # a process has died already
                yield pair, None
        for future in as_completed(waiting):
            try:
                yield waiting[future], future.result()
            except BrokenProcessPool:
                yield waiting[future], None
    finally:
        pool.shutdown(cancel_futures=True)


def _result(pair: Pair, content: dict[str, Any]) -> CaseResult:
    values = {k: math.nan if v is None else float(v) for k, v in content["values"].items()}
    lists = {name: tuple(content[name]) for name in ("spacing", "absent", "notes")}
    return CaseResult(**{**content, **lists, "values": values}, name=pair.name, part=pair.part)


def of_parts(parts: Sequence[CaseResult]) -> CaseResult:
    """One case from the results of its classes, each of which has files of its own."""
    first, classes = parts[0], {result.part: result for result in parts}
    absent = tuple(part for part, result in classes.items() if result.absent)
    present = [part for part in classes if part not in absent]
    notes = (f"{part}: {note}" for part, result in classes.items() for note in result.notes)
    return dataclasses.replace(
        first,
        values=by_class({p: r.values for p, r in classes.items()}, present, None),
        absent=absent,
        notes=tuple(notes),
        part="",
    )
