"""A folder of predictions against a folder of labels: tables and a report on disk."""

import platform
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np

import tubekit
from tubekit import _accept
from tubekit._accept import PathLike, Whole
from tubekit.data.storage import write_atomic
from tubekit.evaluation.files import Options
from tubekit.evaluation.page import Content, Picture, page
from tubekit.evaluation.pairs import PER_CLASS, Failure, Pair, find_pairs, of_cases
from tubekit.evaluation.pictures import case_picture
from tubekit.evaluation.summary import case_table, ghosts, metric_names, summary_table, tidy_table
from tubekit.evaluation.work import CaseResult, compute, of_parts


class Evaluation(NamedTuple):
    """What came out, and where it was written.

    Attributes:
        results: numbers, case by case.
        failures: cases without numbers, and why.
        report: the page; tables lie beside it.
        ghosts: classes that were asked for and that no file holds; of several they are in
            no table.
    """

    results: list[CaseResult]
    failures: list[Failure]
    report: Path
    ghosts: list[str]


def evaluate_folder(
    predictions: PathLike,
    labels: PathLike,
    output: PathLike,
    options: Options | None = None,
    *,
    jobs: Whole = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Measure every case; write ``cases.csv``, ``tidy.csv``, ``summary.csv``, ``report.html``.

    A case that cannot be measured is listed with its reason, in the tables and in the report.
    Finished cases are kept in ``output/cases``: a second call computes only what has changed.

    Args:
        predictions: folder of NIfTI, PNG or TIFF files, or of folders with one file each;
            ``options.layout`` says of more what they are.
        labels: files of the same names.
        output: folder of the results.
        options: what is asked of every case.
        jobs: processes that work side by side.
        progress: called with the number of cases that are done and of all.
    Raises:
        ValueError: a folder is missing, no name stands in both, or ``jobs`` below 1.
        OSError: the output cannot be written.
    """
    jobs, options = _accept.whole("jobs", jobs), options or Options()
    predictions, labels, output = map(_accept.path, (predictions, labels, output))
    missing = options.penalty_mm is not None
    pairs, failures = find_pairs(predictions, labels, options.layout, missing=missing)
    results: list[CaseResult] = []
    for done, result in enumerate(compute(pairs, options, output / "cases", jobs), 1):
        if isinstance(result, Failure):
            failures.append(result)
        else:
            results.append(result)
        if progress:
            progress(done, len(pairs))
    if options.layout in PER_CLASS:
        results, failures = _of_whole_cases(results, failures)
    results.sort(key=lambda r: r.name)
    failures.sort()
    nowhere = ghosts(results) if results else []
    names = metric_names(results, nowhere)
    summary = summary_table(results, names, options.empty)
    for name, frame in (
        ("cases.csv", case_table(results, failures, names)),
        ("tidy.csv", tidy_table(results, names)),
        ("summary.csv", summary),
    ):
        write_atomic(output / name, _encoded(frame.to_csv(index=False)))
    ranked_by = "cldice/mean" if options.several else "cldice"
    content = Content(
        title=f"{predictions.resolve().name} against {labels.resolve().name}",
        folders=(str(predictions), str(labels)),
        options=options,
        results=results,
        failures=failures,
        ghosts=nowhere,
        summary=summary,
        pictures=_pictures(pairs, results, options, ranked_by),
        ranked_by=ranked_by,
        versions={"tubekit": tubekit.__version__, "Python": platform.python_version()}
        | {name: version(name) for name in ("numpy", "scipy", "scikit-image")},
    )
    write_atomic(output / "report.html", _encoded(page(content)))
    return Evaluation(results, failures, output / "report.html", nowhere)


def _of_whole_cases(
    results: Sequence[CaseResult], failures: Sequence[Failure]
) -> tuple[list[CaseResult], list[Failure]]:
    """One result per case; a case of which one class failed has none, as its mean would lie."""
    reasons: dict[str, list[str]] = {}
    for failure in failures:
        reasons.setdefault(failure.name, []).append(failure.reason)
    parts: dict[str, list[CaseResult]] = {}
    for result in sorted(results, key=lambda r: r.part):
        if result.name not in reasons:
            parts.setdefault(result.name, []).append(result)
    failed = [Failure(name, "; ".join(sorted(found))) for name, found in reasons.items()]
    return [of_parts(found) for found in parts.values()], failed


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
    by_name = of_cases(pairs)
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
