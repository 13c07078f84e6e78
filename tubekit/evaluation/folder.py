"""A folder of predictions against a folder of labels: tables and a report on disk."""

import platform
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np

import tubekit
from tubekit.data.storage import write_atomic
from tubekit.evaluation.files import Failure, Options, Pair, find_pairs
from tubekit.evaluation.page import Content, Picture, page
from tubekit.evaluation.pictures import case_picture
from tubekit.evaluation.summary import case_table, summary_table
from tubekit.evaluation.work import CaseResult, compute


class Evaluation(NamedTuple):
    """What came out, and where it was written."""

    results: list[CaseResult]
    failures: list[Failure]
    report: Path


def evaluate_folder(
    predictions: Path,
    labels: Path,
    output: Path,
    options: Options,
    *,
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Measure every case; write ``cases.csv``, ``summary.csv`` and ``report.html``.

    A case that cannot be measured is listed with its reason, in the tables and in the report.
    Finished cases are kept in ``output/cases``: a second call computes only what has changed.

    Args:
        predictions: NIfTI, PNG or TIFF files.
        labels: files of the same names.
        output: folder of the results.
        options: what is asked of every case.
        jobs: processes that work side by side.
        progress: called with the number of cases that are done and of all.
    Raises:
        ValueError: a folder is missing, no name stands in both, or ``jobs`` below 1.
        OSError: the output cannot be written.
    """
    if jobs < 1:
        raise ValueError(f"jobs must be at least 1, got {jobs}; leave it out for all processors")
    pairs, failures = find_pairs(predictions, labels)
    results: list[CaseResult] = []
    for done, result in enumerate(compute(pairs, options, output / "cases", jobs), 1):
        if isinstance(result, Failure):
            failures.append(result)
        else:
            results.append(result)
        if progress:
            progress(done, len(pairs))
    results.sort(key=lambda r: r.name)
    failures.sort()
    summary = summary_table(results)
    for name, frame in (("cases.csv", case_table(results, failures)), ("summary.csv", summary)):
        write_atomic(output / name, _encoded(frame.to_csv(index=False)))
    ranked_by = "cldice" if options.classes == 1 else "cldice/mean"
    content = Content(
        title=f"{predictions.resolve().name} against {labels.resolve().name}",
        folders=(str(predictions), str(labels)),
        options=options,
        results=results,
        failures=failures,
        summary=summary,
        pictures=_pictures(pairs, results, options, ranked_by),
        ranked_by=ranked_by,
        versions={"tubekit": tubekit.__version__, "Python": platform.python_version()}
        | {name: version(name) for name in ("numpy", "scipy", "scikit-image")},
    )
    write_atomic(output / "report.html", _encoded(page(content)))
    return Evaluation(results, failures, output / "report.html")


def _pictures(
    pairs: Sequence[Pair], results: Sequence[CaseResult], options: Options, ranked_by: str
) -> list[Picture]:
    """Worst, median and best case; with fewer than three cases, each once."""
    ranked = [r for r in results if not np.isnan(r.values[ranked_by])]
    ranked.sort(key=lambda r: r.values[ranked_by])
    if not ranked:
        return []
    chosen = {0: "worst", len(ranked) - 1: "best"}
    chosen.setdefault(len(ranked) // 2, "median")
    by_name = {pair.name: pair for pair in pairs}
    pictures = []
    for at in sorted(chosen):
        name, value = ranked[at].name, ranked[at].values[ranked_by]
        try:
            source, alt = case_picture(by_name[name], options)
        except (ValueError, OSError):
            continue  # the file has changed since it was measured; its numbers are kept
        role = chosen[at] if len(ranked) > 1 else "only case"
        pictures.append(Picture(role, f"{name} ({value:.3g})", source, f"{name}: {alt}"))
    return pictures


def _encoded(text: str) -> bytes:
    """UTF-8; file names that are none are shown with question marks."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace").encode()
