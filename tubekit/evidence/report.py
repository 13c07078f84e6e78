"""The chapter's tables as accessible HTML."""

import re
from collections.abc import Mapping, Sequence

from tubekit._extras import extra
from tubekit.chapters import chapter as room
from tubekit.evidence import published
from tubekit.evidence.names import method_label
from tubekit.evidence.tables import ResultTable, Row
from tubekit.experiments.evaluate import MEASURES
from tubekit.experiments.recipe import PROFILES
from tubekit.experiments.record import Record
from tubekit.plots import Html, table_html

with extra("evaluate", __name__):
    import pandas as pd

# Places in a chapter's page that the ledger links to, like ``place``.
STATEMENTS, COSTS = "statements", "training-step"


def result_html(
    table: ResultTable,
    data: str,
    title: str,
    metrics: Sequence[str],
    methods: Sequence[str] | None = None,
) -> Html:
    """One data set of a result table; the caption names data, patients, seeds and device.

    The table has the id that the ledger links to if it shows every metric the paper prints.
    """
    printed = published.load(table.chapter).tables.get(table.table)
    complete = printed and data in printed.rows and set(printed.metrics) <= set(metrics)
    frame, unseen = result_frame(table, data, metrics, methods)
    return table_html(
        frame,
        caption=f"{title} ({about(table, data)})",
        key=place(table.table, data) if complete else "",
        note=f"The paper's values are not known to us for: {', '.join(unseen)}." if unseen else "",
    )


def place(table: str, data: str) -> str:
    """Id in the chapter's page of the paper's table for one data set."""
    return f"{table}-{data}".replace("_", "-")


def result_frame(
    table: ResultTable, data: str, metrics: Sequence[str], methods: Sequence[str] | None = None
) -> tuple[pd.DataFrame, list[str]]:
    """One data set as a table of text: methods down, metrics across, "ours / paper" in a cell.

    Ours stands alone where the paper prints nothing, or nothing in a whole column is known to us;
    the labels of such columns come second.

    Args:
        methods: rows in this order; ``None`` takes all that were measured. A method without
            a record says so.
    """
    printed = published.load(table.chapter)
    found = {(r.method, r.metric): r for r in table.rows if r.data == data}
    chosen = methods or list(dict.fromkeys(method for method, _ in found))
    columns, unseen = {}, []
    for metric in metrics:
        label = MEASURES[metric].label
        cells = [_ours(found.get((method, metric))) for method in chosen]
        papers = [printed.text(table.table, data, method, metric) for method in chosen]
        known = {printed.cell(table.table, data, method, metric) for method in chosen} - {None}
        if known == {"unknown"}:
            unseen.append(label)
        elif known:
            label += ", ours / paper"
            cells = [
                f"{ours} / {paper}" if paper else ours
                for ours, paper in zip(cells, papers, strict=True)
            ]
        columns[label] = [_kept_together(cell) for cell in cells]
    names = [method_label(method, printed.methods) for method in chosen]
    return pd.DataFrame(columns, index=pd.Index(names, name="Method")), unseen


def about(table: ResultTable, data: str) -> str:
    """What the rows of one data set rest on, for a caption."""
    rows = [r for r in table.rows if r.data == data]
    if not rows:
        return "no records"
    kinds = "/".join(sorted({r.source for r in rows}))
    devices = " and ".join(sorted({_device(r.device) for r in rows}))
    units, seeds = max(r.units for r in rows), max(r.seeds for r in rows)
    return f"{kinds} data, {units} cases, {seeds} seeds, profile {table.profile}, {devices}"


def _device(stored: str) -> str:
    """``CPU (AMD EPYC, 1 threads)``, as records say it, without brackets and in good grammar."""
    return re.sub(
        r"^CPU \((.+), (\d+) threads?\)$",
        lambda found: f"CPU {found[1]}, {found[2]} thread{'s' * (found[2] != '1')}",
        stored,
    )


def _kept_together(cell: str) -> str:
    """A narrow cell breaks its line only before a stroke or a bracket."""
    return re.sub(r" (?![/(\[])", "\u00a0", cell)


def _ours(row: Row | None) -> str:
    """``Row.text``, and a star where the difference to the baseline is certain."""
    if row is None:
        return "not run"
    return row.text(1 if MEASURES[row.metric].percent else 2) + (" *" if row.certain else "")


def settings_html(chapter: str, row: str, printed: Mapping[str, str], title: str) -> Html:
    """What the recipe of a row does at each profile, beside what was published.

    Args:
        row: id of the recipe, e.g. ``"table-2/retina/srl"``.
        printed: the published settings, by the same names as ours.
        title: of the published column.
    """
    columns = {title: dict(printed)}
    for profile in PROFILES:
        mine = room(chapter).recipe(profile, row)
        update, sampler = mine.stages[-1].update.kwargs, mine.stages[-1].sampler.kwargs
        columns[profile] = {
            "network": str(mine.network),
            "patch": "×".join(map(str, sampler["patch_size"])),
            "batch": str(sampler["batch_size"]),
            "steps": f"{mine.steps:,}",
            "optimiser": str(update["optimizer"]),
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
        p = "< 0.001" if line.p < 0.001 else f"{line.p:.3f}"
        lines[line.claim] = {
            "Verdict": line.verdict,
            "Metric": line.metric,
            "Difference, 95 % interval": _kept_together(interval) if line.patients else "not run",
            "p": _kept_together(p) if line.patients else "–",
            "Cases": str(line.patients),
        }
    frame = pd.DataFrame.from_dict(lines, orient="index").rename_axis("Statement of the paper")
    caption = "The paper's statements, tested on our data"
    return table_html(frame, caption=caption, verdict="Verdict", key=STATEMENTS)


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
    return table_html(frame, caption=caption, key=COSTS)
