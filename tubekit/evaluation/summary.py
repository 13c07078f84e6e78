"""Cases to one line per metric: mean, spread, and how sure the mean is."""

import functools
from collections.abc import Collection, Sequence

import numpy as np
from jaxtyping import Float64, Int64

from tubekit._extras import extra
from tubekit.evaluation.pairs import Failure
from tubekit.evaluation.work import CaseResult
from tubekit.metrics.case_numbers import tidy

with extra("evaluate", __name__):
    import pandas as pd

_RESAMPLES = 2000


def case_table(
    results: Sequence[CaseResult], failures: Sequence[Failure], names: Sequence[str]
) -> pd.DataFrame:
    """One row per case by name; a failed case has its reason and no numbers."""
    rows = [
        {
            "case": r.name,
            "spacing_mm": " x ".join(f"{s:g}" for s in r.spacing),
            **r.values,
            "notes": " ".join(r.notes),
        }
        for r in results
    ]
    rows += [{"case": f.name, "error": f.reason} for f in failures]
    columns = ["case", "spacing_mm", *names, "notes", "error"]
    return pd.DataFrame(rows, columns=columns).sort_values("case", ignore_index=True)


def tidy_table(results: Sequence[CaseResult], names: Collection[str]) -> pd.DataFrame:
    """One row per case, class and metric; undefined values have no number."""
    rows = [
        (result.name, *row)
        for result in results
        for row in tidy({k: v for k, v in result.values.items() if k in names}, result.of_class)
    ]
    return pd.DataFrame(rows, columns=["case", "class", "metric", "value"])


def summary_table(
    results: Sequence[CaseResult], names: Sequence[str], empty: str = "nan"
) -> pd.DataFrame:
    """One row per metric; undefined values are counted, and left out of everything else."""
    columns = ("metric", "mean", "sd", "median", "mean_low_95", "mean_high_95", "n", "n_undefined")
    rows = []
    for name in names:
        values = np.array([r.values.get(name, np.nan) for r in results])
        defined = values[~np.isnan(values)]
        low, high = bootstrap_interval(defined)
        n = len(defined)
        mean, median = (defined.mean(), np.median(defined)) if n else (np.nan, np.nan)
        sd = defined.std(ddof=1) if n > 1 else np.nan
        rows.append((name, mean, sd, median, low, high, n, len(values) - n))
    return pd.DataFrame(rows, columns=columns).assign(both_empty=empty)


def bootstrap_interval(values: Float64[np.ndarray, " n"]) -> tuple[float, float]:
    """95 % percentile bootstrap interval of the mean; NaN for fewer than two values.

    Reference: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    if len(values) < 2:
        return float("nan"), float("nan")
    means = values[_draws(len(values))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


@functools.lru_cache(maxsize=4)
def _draws(n: int) -> Int64[np.ndarray, "draws n"]:
    """Which of ``n`` values each resample takes: equal values give an equal interval."""
    return np.random.default_rng(0).integers(0, n, (_RESAMPLES, n))


def ghosts(results: Sequence[CaseResult]) -> list[str]:
    """Classes that no prediction and no label holds."""
    return [name for name in results[0].absent if all(name in r.absent for r in results)]


def metric_names(results: Sequence[CaseResult], left_out: Collection[str] = ()) -> list[str]:
    """Names in their order of appearance; cases in 2-D and 3-D may hold different ones."""
    names = dict.fromkeys(name for result in results for name in result.values)
    return [name for name in names if name.partition("/")[2] not in left_out]
