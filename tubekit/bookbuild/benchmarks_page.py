"""The stored benchmark as tables, for the hand-written page around them to include."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tubekit._html import Html, table
from tubekit.benchmarks.run import RECORD, SUBJECTS
from tubekit.experiments.cost import read_costs

TITLES = {
    "tubed_skeleton": "Tubed skeleton",
    "soft_cldice": "Soft clDice",
    "topological_skeleton": "Topological skeleton",
    "skeleton_recall_step": "Skeleton Recall in a training step",
    "channels_last": "Layout of volumes in memory",
    "vesselness": "Vesselness",
    "full_metrics": "All metrics of a case",
    "topology": "Betti numbers",
    "skeleton_graph": "Graph of a skeleton",
    "distance_losses": "Boundary and Hausdorff losses",
    "dice_ce": "Dice with cross-entropy",
    "snake_conv": "Dynamic snake convolution",
    "reconnection": "Joining the pieces of a skeleton",
    "growth_suppression": "Growth-suppression loss",
    "memory": "Working memory at the size of a CT",
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
        if mine:
            title = TITLES[subject]
            parts += [f"## {title}\n", table(title, HEADER, map(_cells, mine)).text]
            compared = _once(row["equality"] for row in mine)
            parts.append(f"\nCompared for equality: {'; '.join(compared)}.\n")
            parts += [f"- {note}" for note in _once(row["note"] for row in mine)]
            parts.append("")
    versions = ", ".join(f"{name} {found}" for name, found in record["versions"].items())
    parts.append(
        f"Measured on {record['device']}; last row {record['finished'][:10]}, "
        f"commit `{record['commit']}`; {versions}.\n"
    )
    return "\n".join(parts)


def _once(texts: Iterable[str]) -> list[str]:
    """Without empty texts and repetitions, ready for a sentence of their own."""
    return [text[:1].upper() + text[1:] for text in dict.fromkeys(texts) if text]


def _cells(row: Mapping[str, Any]) -> Sequence[object]:
    same = "equal" if row["equal"] else "different"
    return [
        row["instrument"].replace(" x ", "\N{MULTIPLICATION SIGN}"),
        row["peer"],
        _ratio(row["seconds"], row["peer_seconds"], row["time_target"]),
        _ratio(row["megabytes"], row["peer_megabytes"], row["memory_target"]),
        f"{_seconds(row['seconds'])} / {_seconds(row['peer_seconds'])}",
        f"{row['megabytes']:,.0f} / {row['peer_megabytes']:,.0f} MB",
        f"{same} ({row['difference']:.2g})",
    ]


def _ratio(ours: float, peer: float, target: float | None) -> Html | str:
    """The ratio, what was asked for, and a sign and a word for whether it is reached."""
    if not peer:
        return "–"
    ratio = ours / peer
    if target is None:
        return _share(ratio)
    sign, word = ("✓", "reached") if ratio <= target else ("✗", "missed")
    mark = f'<span role="img" aria-label="{word}">{sign}</span>'
    return Html(f"{_share(ratio)} {mark} (asked: {_share(target)})")


def _share(ratio: float) -> str:
    """Small ratios as a fraction: 1/18 says more than 0.0556."""
    return f"1/{1 / ratio:,.0f}" if ratio < 0.35 else f"{ratio:.3g}"


def _seconds(value: float) -> str:
    return f"{1000 * value:.3g} ms" if value < 1 else f"{value:.3g} s"
