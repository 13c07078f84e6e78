"""The stored benchmark as tables, for the hand-written page around them to include."""

import html
from collections.abc import Mapping, Sequence
from typing import Any

from tubekit.benchmarks.run import RECORD, SUBJECTS
from tubekit.bookbuild.tables import table
from tubekit.experiments.cost import read_costs

TITLES = {
    "tubed_skeleton": "Tubed skeleton",
    "soft_cldice": "Soft clDice",
    "topological_skeleton": "Topological skeleton",
    "skeleton_recall_step": "Skeleton Recall in a training step",
    "vesselness": "Vesselness",
    "full_metrics": "All metrics of a case",
    "topology": "Betti numbers",
    "distance_losses": "Boundary and Hausdorff losses",
    "snake_conv": "Dynamic snake convolution",
}
HEADER = (
    "Instrument",
    "Compared with",
    "Time",
    "Memory",
    "Seconds",
    "Working memory",
    "Same result?",
)


def benchmark_tables() -> str:
    """One table a subject, then the machine. Ratios are ours over the peer's: below 1 is less."""
    record = read_costs(RECORD)
    parts = []
    for subject in SUBJECTS:
        mine = [row for row in record["rows"] if row["subject"] == subject]
        if not mine:
            continue
        cells = [_cells(row) for row in mine]
        title = TITLES[subject]
        notes = "\n".join(f"- *{row['instrument']}*: {row['note']}" for row in mine if row["note"])
        parts.append(f"## {title}\n\n{table(HEADER, cells, title)}\n\n{notes}\n")
    versions = ", ".join(f"{name} {found}" for name, found in record["versions"].items())
    parts.append(
        f"Measured on {record['device']}; last row {record['finished'][:10]}, "
        f"commit `{record['commit']}`; {versions}.\n"
    )
    return "\n".join(parts)


def _cells(row: Mapping[str, Any]) -> Sequence[str]:
    time = _ratio(row["seconds"], row["peer_seconds"], row["time_target"])
    memory = _ratio(row["megabytes"], row["peer_megabytes"], row["memory_target"])
    same = "equal" if row["equal"] else "different"
    return [
        html.escape(row["instrument"]),
        html.escape(row["peer"]),
        time,
        memory,
        f"{_seconds(row['seconds'])} / {_seconds(row['peer_seconds'])}",
        f"{row['megabytes']:,.0f} / {row['peer_megabytes']:,.0f} MB",
        f"{same} ({html.escape(row['equality'])}: {row['difference']:.2g})",
    ]


def _ratio(ours: float, peer: float, target: float | None) -> str:
    """The ratio, and in words whether it is what was asked for."""
    if not peer:
        return "–"
    ratio = ours / peer
    if target is None:
        return f"{ratio:.3g}"
    sign, word = ("✓", "reached") if ratio <= target else ("✗", "missed")
    return f'{ratio:.3g} <span aria-hidden="true">{sign}</span> {target:.3g} {word}'


def _seconds(value: float) -> str:
    return f"{1000 * value:.3g} ms" if value < 1 else f"{value:.3g} s"
