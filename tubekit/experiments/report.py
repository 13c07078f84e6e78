"""The chapter's tables as accessible HTML."""

from collections.abc import Mapping, Sequence

from tubekit._extras import extra
from tubekit.experiments.evaluate import MEASURES
from tubekit.experiments.names import method_label
from tubekit.experiments.recipe import PROFILES
from tubekit.experiments.recipes import recipe
from tubekit.experiments.record import Record
from tubekit.experiments.tables import ResultTable
from tubekit.plots import Html, table_html

with extra("evaluate", __name__):
    import pandas as pd


def result_html(
    table: ResultTable,
    data: str,
    title: str,
    metrics: Sequence[str],
    methods: Sequence[str] | None = None,
) -> Html:
    """One data set of a result table; the caption names data, patients, seeds and device."""
    frame = table.frame(data, metrics, methods)
    return table_html(frame, caption=f"{title} ({table.about(data)})")


def settings_html(chapter: str, row: str, printed: Mapping[str, str], title: str) -> Html:
    """What the recipe of a row does at each profile, beside what was published.

    Args:
        row: id of the recipe, e.g. ``"table-2/retina/srl"``.
        printed: the published settings, by the same names as ours.
        title: of the published column.
    """
    columns = {title: dict(printed)}
    for profile in PROFILES:
        mine = recipe(chapter, profile, row)
        columns[profile] = {
            "network": str(mine.network),
            "patch": "×".join(map(str, mine.patch_size)),
            "batch": str(mine.batch_size),
            "steps": f"{mine.steps:,}",
            "optimiser": str(mine.optimizer),
            "seeds": str(len(mine.seeds)),
        }
    return table_html(pd.DataFrame(columns), caption=f"Settings: {title} and our profiles")


def live_html(
    records: Mapping[str, Record], caption: str, metrics: Sequence[str] | None = None
) -> Html:
    """Means over the test cases of runs made in the page, and how many steps each has done."""
    lines = {}
    for method, record in records.items():
        means = pd.DataFrame(record.cases).T.astype(float).mean()
        chosen = means.index if metrics is None else list(metrics)
        labels = {MEASURES[metric].label: means[metric] for metric in chosen}
        lines[method_label(method)] = {"Steps done": str(record.steps_done), **labels}
    return table_html(pd.DataFrame.from_dict(lines, orient="index"), caption=caption)


def claims_html(claims: pd.DataFrame) -> Html:
    """Statements of the paper with our paired difference and the verdict."""
    lines = {}
    for line in claims.itertuples():
        interval = f"{line.difference:+.2f} [{line.low:+.2f}, {line.high:+.2f}]"
        lines[line.claim] = {
            "Metric": line.metric,
            "Difference, 95 % interval": interval if line.patients else "not run",
            "p": ("< 0.001" if line.p < 0.001 else f"{line.p:.3f}") if line.patients else "–",
            "Cases": str(line.patients),
            "Verdict": line.verdict,
        }
    frame = pd.DataFrame.from_dict(lines, orient="index").rename_axis("Statement of the paper")
    caption = "The paper's statements, tested on our data"
    return table_html(frame, caption=caption, verdict="Verdict")


def cost_html(rows: pd.DataFrame, caption: str) -> Html:
    """Cost of a training step: absolute, and relative to CE + Dice on the same patch."""
    lines = {}
    for (shape, classes), group in rows.groupby([rows["patch"].map(tuple), "classes"], sort=False):
        base = group[group["method"] == "ce_dice"].iloc[0]
        for row in group.itertuples():
            slower = row.step_seconds / base.step_seconds - 1
            larger = row.peak_mb / base.peak_mb - 1
            size = "×".join(map(str, shape))
            name = f"{size}, {classes} class{'es' * (classes > 1)}: {method_label(row.method)}"
            lines[name] = {
                "Step": f"{1000 * row.step_seconds:.0f} ms ({slower:+.0%})",
                "Loader": f"{1000 * row.loader_seconds:.1f} ms",
                "Peak memory": f"{row.peak_mb:.0f} MB ({larger:+.0%})",
                "Kept for backward": f"{row.saved_mb:.1f} MB",
            }
    frame = pd.DataFrame.from_dict(lines, orient="index").rename_axis("Patch and loss")
    return table_html(frame, caption=caption)
