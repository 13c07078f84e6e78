"""Paired comparison of two methods over cases, and the word that follows from it."""

import dataclasses
from collections import defaultdict
from collections.abc import Sequence
from itertools import product
from typing import Literal

import numpy as np

from tubekit.experiments.record import Record

Verdict = Literal["reproduced", "trend only", "not reproduced", "not comparable"]
EXACT_LIMIT = 14
DRAWS = 20_000


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Mean of (method − baseline) over patients, its 95 % interval and the two-sided p value.

    ``untrained`` of the runs scored 0 in every validation: at this budget the network had not yet
    left the empty answer.
    """

    difference: float
    low: float
    high: float
    p: float
    units: int
    seeds: int
    untrained: int = 0


def per_unit(records: Sequence[Record], metric: str) -> dict[str, float]:
    """Metric per patient: mean over the seeds and over the patient's images."""
    values = defaultdict(list)
    for record in records:
        for case, measured in record.cases.items():
            value = measured.get(metric)  # a further test set may measure less
            if value is not None:
                values[record.groups[case]].append(value)
    return {unit: float(np.mean(v)) for unit, v in values.items()}


def compare(method: Sequence[Record], baseline: Sequence[Record], metric: str) -> Comparison | None:
    """Paired over patients that both methods measured; None with fewer than two of them.

    The p value comes from the sign-flip permutation test on the mean difference, exact up to
    14 patients; the interval is the percentile bootstrap over patients.
    """
    ours, theirs = per_unit(method, metric), per_unit(baseline, metric)
    units = sorted(set(ours) & set(theirs))
    if len(units) < 2:
        return None
    differences = np.array([ours[u] - theirs[u] for u in units])
    rng = np.random.default_rng(0)
    means = rng.choice(differences, (DRAWS, len(units))).mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    seeds = len({r.seed for r in method} & {r.seed for r in baseline})
    return Comparison(
        float(differences.mean()),
        float(low),
        float(high),
        sign_flip_p(differences),
        len(units),
        seeds,
        sum(_found_nothing(record) for record in (*method, *baseline)),
    )


def _found_nothing(record: Record) -> bool:
    """Every validation scored 0; a run that never validated says nothing of the kind."""
    return bool(record.validation) and not any(score for _, score in record.validation)


def sign_flip_p(differences: np.ndarray) -> float:
    """Two-sided p of the mean of paired differences under random signs."""
    n = len(differences)
    if n <= EXACT_LIMIT:
        signs = np.array(list(product((1.0, -1.0), repeat=n)))
        extra = 0
    else:
        signs = np.random.default_rng(0).choice((1.0, -1.0), (DRAWS, n))
        extra = 1  # the observed signs are one of the possible draws
    means = np.abs(signs @ differences) / n
    reached = int((means >= abs(differences.mean()) * (1 - 1e-12)).sum())
    return (reached + extra) / (len(signs) + extra)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's correction for several tests, in the order given."""
    order = np.argsort(p_values)
    corrected = np.empty(len(p_values))
    running = 0.0
    for rank, index in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = running
    return corrected.tolist()


def objection(comparison: Comparison | None, alpha: float = 0.05) -> str | None:
    """Why a comparison cannot carry a verdict; None if it can."""
    if comparison is None:
        return "fewer than two patients were measured with both methods"
    if 2.0 ** (1 - comparison.units) >= alpha:
        # Not even the most extreme of all sign flips could be called rare.
        return f"{comparison.units} patients cannot give p < {alpha}"
    if comparison.seeds < 3:
        return f"{comparison.seeds} common seeds, three are needed"
    if comparison.untrained:
        return f"{comparison.untrained} of the runs found nothing in its validation cases"
    return None


def claim_verdict(
    comparison: Comparison | None, *, higher: bool, margin: float = 0.0, alpha: float = 0.05
) -> tuple[Verdict, str]:
    """Word and reason for the claim "the method beats the baseline by more than ``margin``".

    Args:
        higher: True when larger values of the metric are better.
        margin: smallest difference that counts, in the metric's unit, at least 0.
    """
    reason = objection(comparison, alpha)
    if comparison is None or reason is not None:
        return "not comparable", str(reason)
    gain = comparison.difference if higher else -comparison.difference
    detail = f"gain {gain:+.4g}, p = {comparison.p:.3g}, n = {comparison.units}"
    if gain <= margin:
        return "not reproduced", detail
    if comparison.p >= alpha:
        return "trend only", detail
    return "reproduced", detail
