"""Rule 2: paired comparison of two methods over runs and patients, and the word that follows."""

import dataclasses
from collections import defaultdict
from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy.stats import t as student

from tubekit.evidence.curves import not_flat
from tubekit.experiments.record import Record

RULE = 2
"""Version of the rule, shown wherever its words are."""
Verdict = Literal["reproduced", "trend only", "open", "opposite", "not comparable"]
ALPHA = 0.05
RUNS, PATIENTS = 5, 6
"""Fewest that both methods must share: below, the test calls equals different too often."""


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Mean of (method − baseline) and what it rests on; from ``compare``.

    Attributes:
        difference: mean over all pairs of one run and one patient.
        error: its standard error, ``freedom`` the degrees of freedom of that.
        leads: mean difference of each run, in the order of the seeds.
        units: patients that both methods measured in a common run.
    """

    difference: float
    error: float
    freedom: int
    leads: tuple[float, ...]
    units: int

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the mean."""
        half = float(student.ppf(1 - ALPHA / 2, self.freedom)) * self.error
        return self.difference - half, self.difference + half

    def p(self, excess: float | None = None) -> float:
        """Two-sided p of a distance from the bound of a statement; of the difference from 0."""
        distance = abs(self.difference if excess is None else excess)
        if self.error == 0:
            return float(distance == 0)
        return float(2 * student.sf(distance / self.error, self.freedom))

    def scaled(self, scale: float) -> "Comparison":
        """The same in another unit."""
        return dataclasses.replace(
            self,
            difference=self.difference * scale,
            error=self.error * scale,
            leads=tuple(lead * scale for lead in self.leads),
        )


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
    """Paired by run and patient; None with fewer than two common runs or two common patients."""
    theirs = {record.seed: per_unit([record], metric) for record in baseline}
    pairs = [
        (value - theirs[record.seed][patient], record.seed, patient)
        for record in method
        for patient, value in per_unit([record], metric).items()
        if patient in theirs.get(record.seed, {})
    ]
    if len({run for _, run, _ in pairs}) < 2 or len({patient for *_, patient in pairs}) < 2:
        return None
    differences, runs, patients = zip(*pairs, strict=True)
    return over_runs_and_patients(np.array(differences), runs, patients)


def over_runs_and_patients(
    differences: np.ndarray, runs: Sequence[int], patients: Sequence[str]
) -> Comparison:
    """Mean of paired differences, one for each run and patient, with both taken as random.

    The squared standard error is the sum of that over the means of the runs and that over the
    means of the patients, because runs of one fold (on phantoms all runs) share their test
    patients and patients share a run, so that neither alone is a sample of independent values. What
    this counts twice, the noise of single pairs, only makes the test more careful, and so do the
    degrees of freedom, which are those of the smaller sample.

    Reference: Clark, The language-as-fixed-effect fallacy, 1973 (min F').
    """
    over_runs, leads = _clustered(differences, runs)
    over_patients, means = _clustered(differences, patients)
    error = (over_runs + over_patients) ** 0.5
    freedom = min(len(leads), len(means)) - 1
    return Comparison(float(differences.mean()), error, freedom, leads, len(means))


def _clustered(
    differences: np.ndarray, labels: Sequence[int] | Sequence[str]
) -> tuple[float, tuple[float, ...]]:
    """Squared standard error of the mean if only clusters are independent; means of clusters."""
    _, cluster, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    sums = np.bincount(cluster, differences - differences.mean())
    count = len(sizes)
    squared = float((sums**2).sum()) / len(differences) ** 2 * count / (count - 1)
    return squared, tuple((np.bincount(cluster, differences) / sizes).tolist())


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's correction for several tests, in the order given."""
    order = np.argsort(p_values)
    corrected = np.empty(len(p_values))
    running = 0.0
    for rank, index in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = running
    return corrected.tolist()


def too_little(comparison: Comparison | None) -> str | None:
    """Why a comparison cannot be called certain; None if it can."""
    if comparison is None:
        return "fewer than two runs or patients were measured with both methods"
    if len(comparison.leads) < RUNS:
        return f"{len(comparison.leads)} common runs, {RUNS} are needed"
    if comparison.units < PATIENTS:
        return f"{comparison.units} common patients, {PATIENTS} are needed"
    return None


def objection(
    comparison: Comparison | None, method: Sequence[Record], baseline: Sequence[Record]
) -> tuple[Verdict, str] | None:
    """The word where nothing may be judged, and why; None where a test decides."""
    few = too_little(comparison)
    if comparison is None:
        return "not comparable", str(few)
    arithmetic = sorted({record.precision for record in (*method, *baseline)})
    if len(arithmetic) > 1:
        return "not comparable", f"runs in different arithmetic, {' and '.join(arithmetic)}"
    steep = not_flat(method) or not_flat(baseline)
    if steep or few:
        return "open", steep or str(few)
    return None


def excess(difference: float, *, higher: bool, margin: float, equal: bool = False) -> float:
    """How far a difference lies on the side that a statement claims; below 0 on the other.

    Args:
        higher: True when larger values of the metric are better.
        margin: of "better by more than the margin", or of "different by less than it".
        equal: the statement claims no difference.
    """
    if equal:
        return margin - abs(difference)
    return (difference if higher else -difference) - margin


def word(comparison: Comparison, beyond: float, runs_beyond: Sequence[float], p: float) -> Verdict:
    """The verdict on a statement that may be judged.

    Args:
        beyond: ``excess`` of the mean difference, ``runs_beyond`` that of each run.
        p: of ``beyond``, corrected for the number of statements.
    """
    every_run = all(run > 0 for run in runs_beyond)
    if p < ALPHA and beyond < 0:
        return "opposite"
    if p < ALPHA and every_run:
        return "reproduced"
    if beyond > 0 and (every_run or comparison.p(beyond) < ALPHA):
        return "trend only"
    return "open"
