"""The grid from which every method chooses its settings, by its scores on validation cases."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from tubekit._extras import extra
from tubekit.evidence.curves import LAST, end_gain
from tubekit.evidence.names import labels, method_label
from tubekit.evidence.tables import grouped
from tubekit.experiments.record import Record
from tubekit.plots import Html, table_html

with extra("evaluate", __name__):
    import pandas as pd


def best_score(runs: Sequence[Record]) -> float:
    """Mean over the runs of the best validation score."""
    return float(np.mean([max(score for _, score in run.validation) for run in runs]))


def chosen(
    runs_of: Mapping[str, Sequence[Record]], grid: Mapping[str, Collection[str]]
) -> dict[str, str]:
    """The setting of each method with the highest ``best_score``.

    Args:
        runs_of: setting to its runs, on one data set.
        grid: method to the names of its settings.
    Returns:
        method to setting; a method has none until all its settings were run with the same seeds.
    """
    found = {}
    for method, settings in grid.items():
        seeds = {frozenset(run.seed for run in runs_of.get(name, ())) for name in settings}
        if len(seeds) == 1 and frozenset() not in seeds:
            found[method] = max(settings, key=lambda name: best_score(runs_of[name]))
    return found


def settings_of(records: Sequence[Record], data: str) -> dict[str, list[Record]]:
    """The runs of the grid on one data set, by setting."""
    groups = grouped(records).items()
    return {name: runs for (table, of, name), runs in groups if (table, of) == ("grid", data)}


def grid_html(records: Sequence[Record], chapter: str, data: str) -> Html:
    """Validation Dice of every setting that was run, and which one each method chose."""
    grid, runs_of = labels(chapter).grid, settings_of(records, data)
    taken = set(chosen(runs_of, grid).values())
    lines = {}
    for name in (name for settings in grid.values() for name in settings if name in runs_of):
        gain = np.mean([end_gain(run) for run in runs_of[name]])
        lines[method_label(chapter, name)] = {
            "Validation Dice (%)": f"{100 * best_score(runs_of[name]):.2f}",
            f"Gained in the last {100 * LAST:.0f} %": f"{gain:.2f}",
            "Runs": str(len(runs_of[name])),
            "Chosen": "yes" if name in taken else "",
        }
    frame = pd.DataFrame.from_dict(lines, orient="index").rename_axis("Method and setting")
    caption = "The grid so far; a method chooses when all its settings are run"
    return table_html(frame, caption=caption)
