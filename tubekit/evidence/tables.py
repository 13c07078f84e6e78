"""Results from records: paper beside ours, with interval, seeds and verdict."""

import dataclasses
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from tubekit.chapters import chapter as chapter_facts
from tubekit.evidence import published
from tubekit.evidence.curves import not_flat
from tubekit.evidence.verdict import ALPHA, Comparison, compare, holm, per_unit, too_little
from tubekit.experiments.evaluate import MEASURES
from tubekit.experiments.record import Record


@dataclasses.dataclass(frozen=True)
class Row:
    """One method on one data set: the paper's cell and our mean, for one metric.

    ``dirty``: so many runs come from a tree with uncommitted changes, of before that was refused.
    ``flat``: its trainings had converged after ``steps``. Of ``results`` images times seeds,
    ``defined`` have a value: a distance from an empty prediction has none.
    """

    table: str
    data: str
    method: str
    metric: str
    paper: published.Cell | None
    mean: float
    sd: float
    units: int
    results: int
    defined: int
    seeds: int
    steps: int
    flat: bool
    source: str
    device: str
    against_baseline: Comparison | None
    p_holm: float | None
    dirty: int = 0

    @property
    def certain(self) -> bool:
        """The difference to the baseline survives Holm's correction, on enough runs."""
        pair, p = self.against_baseline, self.p_holm
        return p is not None and p < ALPHA and too_little(pair) is None

    def text(self, digits: int) -> str:
        """Mean and deviation, and how many results they rest on if some are undefined."""
        if not self.defined:
            return "undefined"
        value = f"{self.mean:.{digits}f} ± {self.sd:.{digits}f}"
        # Or a method that finds nothing would shine in its distances.
        some = f" ({self.defined} of {self.results})" if self.defined < self.results else ""
        return value + some


@dataclasses.dataclass(frozen=True)
class ResultTable:
    """Rows of one table, grouped by data set, as measured by ``records`` of one profile."""

    chapter: str
    table: str
    profile: str
    rows: tuple[Row, ...]


def grouped(records: Sequence[Record]) -> dict[tuple[str, str, str], list[Record]]:
    """Records by (table, data, method)."""
    groups: dict[tuple[str, str, str], list[Record]] = defaultdict(list)
    for record in records:
        groups[record.key].append(record)
    return dict(groups)


def result_table(
    records: Sequence[Record], chapter: str, table: str, profile: str, metrics: Sequence[str]
) -> ResultTable:
    """Summarise records. Ratios are shown in per cent.

    Holm's correction runs over the metrics of one method on one data set.
    """
    printed = published.load(chapter)
    facts = chapter_facts(chapter)
    baseline, runs_of = facts.baseline_of(table), facts.records_of(table)
    groups = grouped(records)
    rows = []
    for (of_table, data, method), runs in groups.items():
        if of_table != runs_of:
            continue
        base = groups.get((runs_of, data, baseline), [])
        pairs = [compare(runs, base, m) if method != baseline else None for m in metrics]
        corrected = iter(holm([p.p() for p in pairs if p is not None]))
        for metric, pair in zip(metrics, pairs, strict=True):
            values = np.array(list(per_unit(runs, metric).values()))
            scale = scale_of(metric)
            rows.append(
                Row(
                    table=table,
                    data=data,
                    method=method,
                    metric=metric,
                    paper=printed.cell(table, data, method, metric),
                    mean=float(values.mean() * scale) if len(values) else float("nan"),
                    sd=float(values.std(ddof=1) * scale) if len(values) > 1 else float("nan"),
                    units=len(values),
                    results=sum(len(run.cases) for run in runs),
                    defined=sum(c.get(metric) is not None for r in runs for c in r.cases.values()),
                    seeds=len({r.seed for r in runs}),
                    steps=max(r.steps_done for r in runs),
                    flat=not_flat(runs) is None,
                    source=runs[0].source,
                    device=" and ".join(sorted({run.device for run in runs})),
                    against_baseline=pair.scaled(scale) if pair else None,
                    p_holm=next(corrected) if pair is not None else None,
                    dirty=sum(run.dirty for run in runs),
                )
            )
    return ResultTable(chapter, table, profile, tuple(rows))


def lead_by_run(
    records: Sequence[Record],
    method: tuple[str, str, str],
    baseline: tuple[str, str, str],
    metric: str,
) -> dict[str, float]:
    """Mean of a method less that of its baseline, run by run; ratios in per cent.

    How far the runs differ, whatever a test over all of them says.

    Args:
        method: table, data set and method, and likewise ``baseline``.
    Returns:
        ``"run 0"`` and so on to the lead over common patients, for every seed that both have.
    """
    ours, theirs = ([r for r in records if r.key == key] for key in (method, baseline))
    leads = {}
    for run in sorted(ours, key=lambda record: record.seed):
        base = [per_unit([r], metric) for r in theirs if r.seed == run.seed]
        values = per_unit([run], metric)
        common = [p for p in values if base and p in base[0]]
        if common:
            lead = np.mean([values[p] - base[0][p] for p in common])
            leads[f"run {run.seed}"] = float(lead) * scale_of(metric)
    return leads


def scale_of(metric: str) -> float:
    """Ratios are shown in per cent."""
    return 100.0 if MEASURES[metric].percent else 1.0
