"""Cases to one line per metric: mean, spread, and how sure the mean is."""

from collections.abc import Sequence

import numpy as np

from tubekit._extras import extra
from tubekit.evaluation.files import Failure
from tubekit.evaluation.work import CaseResult

with extra("evaluate", __name__):
    import pandas as pd

_RESAMPLES = 2000


def case_table(results: Sequence[CaseResult], failures: Sequence[Failure]) -> pd.DataFrame:
    """One row per case by name; a failed case has its reason and no numbers."""
    rows = [
        {"case": r.name, "spacing_mm": " x ".join(f"{s:g}" for s in r.spacing), **r.values}
        for r in results
    ]
    rows += [{"case": f.name, "error": f.reason} for f in failures]
    columns = ["case", "spacing_mm", *metric_names(results), "error"]
    return pd.DataFrame(rows, columns=columns).sort_values("case", ignore_index=True)


def summary_table(results: Sequence[CaseResult]) -> pd.DataFrame:
    """One row per metric; undefined values are counted, and left out of everything else."""
    columns = ("metric", "mean", "sd", "median", "mean_low_95", "mean_high_95", "n", "n_undefined")
    rows = []
    for name in metric_names(results):
        values = np.array([r.values.get(name, np.nan) for r in results])
        defined = values[~np.isnan(values)]
        low, high = bootstrap_interval(defined)
        n = len(defined)
        mean, median = (defined.mean(), np.median(defined)) if n else (np.nan, np.nan)
        sd = defined.std(ddof=1) if n > 1 else np.nan
        rows.append((name, mean, sd, median, low, high, n, len(values) - n))
    return pd.DataFrame(rows, columns=columns)


def bootstrap_interval(values: np.ndarray) -> tuple[float, float]:
    """95 % percentile bootstrap interval of the mean; NaN for fewer than two values.

    Reference: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    if len(values) < 2:
        return float("nan"), float("nan")
    rng = np.random.default_rng(0)  # equal values give an equal interval
    means = [rng.choice(values, len(values)).mean() for _ in range(_RESAMPLES)]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def metric_names(results: Sequence[CaseResult]) -> list[str]:
    """Names in their order of appearance; cases in 2-D and 3-D may hold different ones."""
    return list(dict.fromkeys(name for result in results for name in result.values))
