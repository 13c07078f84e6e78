"""Result tables from records: paper beside ours, with interval, seeds and verdict."""

import dataclasses
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pandas as pd

from tubekit.experiments import published
from tubekit.experiments.evaluate import LABELS, METRICS, PERCENT
from tubekit.experiments.record import Record
from tubekit.experiments.verdict import Comparison, claim_verdict, compare, holm, per_unit

BASELINE = "ce_dice"


@dataclasses.dataclass(frozen=True)
class Row:
    """One method on one data set: the paper's cell and our mean, for one metric."""

    table: str
    data: str
    method: str
    metric: str
    paper: published.Cell | None
    mean: float
    sd: float
    units: int
    seeds: int
    source: str
    device: str
    against_baseline: Comparison | None
    p_holm: float | None


@dataclasses.dataclass(frozen=True)
class ResultTable:
    """Rows of one table, grouped by data set, as measured by ``records`` of one profile."""

    chapter: str
    table: str
    profile: str
    rows: tuple[Row, ...]

    def frame(
        self, data: str, metrics: Sequence[str], methods: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """One data set as a table of text: methods down, metrics across, ours and the paper's.

        Args:
            methods: rows in this order; ``None`` takes all that were measured. A method without
                a record says so.
        """
        found = {(r.method, r.metric): r for r in self.rows if r.data == data}
        chosen = methods or list(dict.fromkeys(method for method, _ in found))
        lines = {}
        for method in chosen:
            line = {}
            for metric in metrics:
                row = found.get((method, metric))
                line[LABELS[metric]] = _ours(row)
                paper = published.load(self.chapter).cell(self.table, data, method, metric)
                if paper is not None:
                    line[f"{LABELS[metric]}, paper"] = _paper(paper)
            lines[method_label(method)] = line
        return pd.DataFrame.from_dict(lines, orient="index").fillna("–").rename_axis("Loss")

    def about(self, data: str) -> str:
        """What the rows of one data set rest on, for a caption."""
        rows = [r for r in self.rows if r.data == data]
        if not rows:
            return "no records"
        kinds = "/".join(sorted({r.source for r in rows}))
        devices = " and ".join(sorted({r.device for r in rows}))
        units, seeds = max(r.units for r in rows), max(r.seeds for r in rows)
        return f"{kinds} data, {units} cases, {seeds} seeds, profile {self.profile}, {devices}"


METHOD_LABELS = {
    "ce_dice": "CE + Dice",
    "cldice": "+ clDice",
    "cldice_authors": "+ clDice, authors' algorithm",
    "topo_cldice": "+ Topo-clDice",
    "srl": "+ Skeleton Recall",
    "soft_recall": "+ soft recall (whole label)",
    "tversky": "CE + Tversky (0.3, 0.7)",
    "srl_unclipped": "+ Skeleton Recall, unclipped tube",
    "srl_reskeletonised": "+ Skeleton Recall, tube made anew",
    "srl_as_released": "+ Skeleton Recall, as released",
}


def method_label(method: str) -> str:
    """Readable name of a method, with its weight where the name carries one."""
    name, _, weight = method.partition("_w")
    label = METHOD_LABELS.get(name, name)
    return f"{label}, w = {weight}" if weight else label


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
    groups = grouped(records)
    rows = []
    for (of_table, data, method), runs in groups.items():
        if of_table != table:
            continue
        base = groups.get((table, data, BASELINE), [])
        pairs = [compare(runs, base, m) if method != BASELINE else None for m in metrics]
        corrected = iter(holm([p.p for p in pairs if p is not None]))
        for metric, pair in zip(metrics, pairs, strict=True):
            values = np.array(list(per_unit(runs, metric).values()))
            scale = 100.0 if metric in PERCENT else 1.0
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
                    seeds=len({r.seed for r in runs}),
                    source=runs[0].source,
                    device=runs[0].device,
                    against_baseline=_scaled(pair, scale),
                    p_holm=next(corrected) if pair is not None else None,
                )
            )
    return ResultTable(chapter, table, profile, tuple(rows))


def claims_table(records: Sequence[Record], chapter: str) -> pd.DataFrame:
    """Every testable statement of the paper with our paired difference and verdict.

    Columns: claim, metric, difference, low, high, p, patients, seeds, device, verdict, detail, id.
    """
    groups = grouped(records)
    lines = []
    for claim in published.load(chapter).claims:
        method = groups.get((claim.table, claim.data, claim.method), [])
        baseline = groups.get((claim.table, claim.data, claim.baseline), [])
        scale = 100.0 if claim.metric in PERCENT else 1.0
        pair = _scaled(compare(method, baseline, claim.metric), scale)
        verdict, detail = claim_verdict(pair, higher=METRICS[claim.metric][1], margin=claim.margin)
        lines.append(
            {
                "claim": claim.text,
                "metric": LABELS[claim.metric],
                "difference": pair.difference if pair else float("nan"),
                "low": pair.low if pair else float("nan"),
                "high": pair.high if pair else float("nan"),
                "p": pair.p if pair else float("nan"),
                "patients": pair.units if pair else 0,
                "seeds": pair.seeds if pair else 0,
                "device": " and ".join(sorted({r.device for r in (*method, *baseline)})),
                "verdict": verdict,
                "detail": detail,
                "id": claim.id,
            }
        )
    return pd.DataFrame(lines)


def _scaled(pair: Comparison | None, scale: float) -> Comparison | None:
    if pair is None:
        return None
    return dataclasses.replace(
        pair, difference=pair.difference * scale, low=pair.low * scale, high=pair.high * scale
    )


def _ours(row: Row | None) -> str:
    """Mean and deviation; a star where the difference to CE + Dice survives Holm's correction."""
    if row is None:
        return "not run"
    star = " *" if row.p_holm is not None and row.p_holm < 0.05 else ""
    digits = 1 if row.metric in PERCENT else 2
    # No-break spaces keep a value and its deviation on one line of a narrow table.
    return f"{row.mean:.{digits}f} ± {row.sd:.{digits}f}{star}".replace(" ", "\u00a0")


def _paper(cell: published.Cell) -> str:
    return "not known" if cell == "unknown" else str(cell)
