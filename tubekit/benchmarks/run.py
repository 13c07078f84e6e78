"""Measure the rows, print them, and store them as the record that the book shows."""

import dataclasses
import importlib
from collections.abc import Callable, Iterator
from pathlib import Path

from tubekit.benchmarks.measure import Measurement, Row, measure
from tubekit.experiments.cost import read_costs, write_costs
from tubekit.experiments.environment import commit, device_name, now

RECORD = "instruments__cpu"
"""The stored table; a machine with another device may store its own beside it."""

# In the order of the table. Each module offers rows().
SUBJECTS = (
    "tubed_skeleton",
    "soft_cldice",
    "topological_skeleton",
    "skeleton_recall_step",
    "channels_last",
    "vesselness",
    "full_metrics",
    "topology",
    "skeleton_graph",
    "distance_losses",
    "dice_ce",
    "snake_conv",
    "reconnection",
    "growth_suppression",
    "memory",
)


def rows(only: str = "") -> Iterator[tuple[str, Row]]:
    """(subject, row) of every row whose subject or instrument contains ``only``."""
    for subject in SUBJECTS:
        for row in importlib.import_module(f"tubekit.benchmarks.{subject}").rows():
            if only.lower() in subject or only.lower() in row.instrument.lower():
                yield subject, row


def run(
    only: str = "",
    report: Callable[[Measurement], None] = lambda _: None,
    record: str = RECORD,
    *,
    root: Path,
) -> Path:
    """Measure row by row and store each as soon as it is known.

    Rows measured before and not asked for now stay in the record, so that one instrument can be
    measured again alone; every row carries the commit and the time it was taken at.

    Raises:
        ValueError: no row is meant, or the record was made on another machine.
    """
    known = {}
    if (root / "costs" / f"{record}.json").is_file():
        stored = read_costs(record, root)
        if only and stored["device"] != device_name("cpu"):
            raise ValueError(
                f"expected the machine of the stored table, {stored['device']}, got "
                f"{device_name('cpu')}; measure all rows, without --only, or set --threads"
            )
        if only:
            known = {(r["instrument"], r["peer"]): r for r in stored["rows"]}
    path = None
    for subject, row in rows(only):
        measured = measure(row)
        report(measured)
        known[measured.instrument, measured.peer] = {
            "subject": subject,
            "commit": commit(),
            "finished": now(),
            **dataclasses.asdict(measured),
        }
        path = write_costs(record, in_order(list(known.values())), "cpu", root)
    if path is None:
        raise ValueError(
            f"expected a part of a subject or instrument, got {only!r}; "
            f"choose one of {', '.join(SUBJECTS)}"
        )
    return path


def in_order(measured: list[dict]) -> list[dict]:
    """Rows by subject, in the order of ``SUBJECTS``; those of a removed subject are dropped."""
    return [row for subject in SUBJECTS for row in measured if row["subject"] == subject]
