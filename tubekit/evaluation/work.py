"""Computing cases: each once, several at a time, and a fault in one stays its own."""

import contextlib
import dataclasses
import hashlib
import json
import math
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import torch

import tubekit
from tubekit.data.storage import file_sha256, write_atomic
from tubekit.evaluation.files import Failure, Options, Pair, read_pair
from tubekit.metrics import case_report
from tubekit.types import Spacing

# Part of every key: raise it when a number changes its meaning, so that old results are not used.
_FORMAT = 2


@dataclasses.dataclass(frozen=True)
class CaseResult:
    """Numbers of one case; the fields are those of ``tubekit.metrics.CaseReport``."""

    name: str
    values: dict[str, float]
    spacing: Spacing
    definitions: dict[str, str]
    policy: dict[str, str]


def compute(
    pairs: Sequence[Pair], options: Options, folder: Path, jobs: int
) -> Iterator[CaseResult | Failure]:
    """Results in the order in which they are ready.

    Args:
        pairs: the cases.
        options: what is asked.
        folder: holds one JSON file per finished case, named by the content of both files and the
            options; what is found there is not computed again.
        jobs: processes, one thread each; 1 works in this process.
    """
    if jobs == 1 or len(pairs) == 1:
        for pair in pairs:
            yield one(pair, options, folder)
        return
    alone: list[Pair] = []
    for pair, result in _in_processes(pairs, options, folder, min(jobs, len(pairs))):
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
            return _result(pair.name, json.loads(path.read_text()))
        maps = read_pair(pair, options)
        report = case_report(
            maps.pred,
            maps.label,
            spacing=maps.spacing,
            classes=options.classes,
            tolerances_mm=options.tolerances_mm,
            hd95=options.hd95,
            nsd=options.nsd,
        ).to_dict()
        write_atomic(path, json.dumps(report, allow_nan=False).encode())
        return _result(pair.name, report)
    # Whatever is wrong with one case must not stop the others.
    except Exception as error:
        told = isinstance(error, (ValueError, OSError))
        return Failure(pair.name, f"{error}" if told else f"{type(error).__name__}: {error}")


def key(pair: Pair, options: Options) -> str:
    """SHA-256 of both files' contents and of everything that decides about the numbers."""
    content = {
        "format": _FORMAT,
        "version": tubekit.__version__,
        "pred": file_sha256(pair.pred),
        "label": file_sha256(pair.label),
        "options": dataclasses.asdict(options),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _in_processes(
    pairs: Sequence[Pair], options: Options, folder: Path, jobs: int
) -> Iterator[tuple[Pair, CaseResult | Failure | None]]:
    """Results from new processes; None for cases that were lost with a process."""
    # Started anew, not forked: the parent may hold threads and locks.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, context, initializer=torch.set_num_threads, initargs=(1,))
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


def _result(name: str, content: dict[str, Any]) -> CaseResult:
    values = {k: math.nan if v is None else float(v) for k, v in content["values"].items()}
    return CaseResult(
        name, values, tuple(content["spacing"]), content["definitions"], content["policy"]
    )
