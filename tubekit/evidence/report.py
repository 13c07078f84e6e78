"""The chapter's tables as accessible HTML."""

import re
from collections.abc import Mapping, Sequence

from tubekit._extras import extra
from tubekit.chapters import chapter as room
from tubekit.evidence import published
from tubekit.evidence.names import method_label
from tubekit.evidence.tables import ResultTable, Row, scale_of
from tubekit.experiments.evaluate import MEASURES
from tubekit.experiments.recipe import PROFILES, Recipe
from tubekit.experiments.record import Record
from tubekit.plots import Html, table_html

with extra("evaluate", __name__):
    import pandas as pd

COSTS = "training-step"
"""Place in a chapter's page that the ledger links to, like ``place``."""


def result_html(
    table: ResultTable,
    data: str,
    title: str,
    metrics: Sequence[str],
    methods: Sequence[str] | None = None,
) -> Html:
    """One data set of a result table; the caption names data, patients, seeds and device.

    Where a training had not converged, the caption says that the table shows only who learns
    faster. The table has the id that the ledger links to if it shows every metric the paper prints.
    """
    printed = published.load(table.chapter).tables.get(table.table)
    complete = printed and data in printed.rows and set(printed.metrics) <= set(metrics)
    frame, unseen = result_frame(table, data, metrics, methods)
    notes = [f"The paper's values are not known to us for: {', '.join(unseen)}."] if unseen else []
    if any(published.SECOND_HAND in cell for cell in frame.to_numpy().ravel()):
        notes.append(f"{published.SECOND_HAND} {published.SECOND_HAND_MEANS}.")
    return table_html(
        frame,
        caption=f"{heading(table, data, title, methods)} ({about(table, data, methods)})",
        key=place(table.table, data) if complete else "",
        note=" ".join(notes),
    )


def _shown(table: ResultTable, data: str, methods: Sequence[str] | None) -> list[Row]:
    """The rows of one data set, of all methods or of those that a table shows."""
    asked = [row for row in table.rows if row.data == data]
    return asked if methods is None else [row for row in asked if row.method in methods]


def heading(table: ResultTable, data: str, title: str, methods: Sequence[str] | None = None) -> str:
    """The title, and where a training had not converged that the table is about speed."""
    rows = _shown(table, data, methods)
    if all(row.flat for row in rows):
        return title
    return f"{title}: which learns faster at {steps_text([row.steps for row in rows])}"


def steps_text(steps: Sequence[int]) -> str:
    """``120 steps`` or ``120 to 480 steps``."""
    low, high = min(steps), max(steps)
    return f"{low:,} to {high:,} steps" if low < high else f"{high:,} step{'s' * (high > 1)}"


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
        columns[label] = [kept_together(cell) for cell in cells]
    names = [method_label(table.chapter, method) for method in chosen]
    return pd.DataFrame(columns, index=pd.Index(names, name="Method")), unseen


def about(table: ResultTable, data: str, methods: Sequence[str] | None = None) -> str:
    """What the rows of one data set rest on, for a caption."""
    rows = _shown(table, data, methods)
    if not rows:
        return "no records"
    kinds = "/".join(sorted({r.source for r in rows}))
    devices = " and ".join(sorted({_device(r.device) for r in rows}))
    units, seeds = max(r.units for r in rows), max(r.seeds for r in rows)
    told = f"{kinds} data, {units} patients, {seeds} runs, profile {table.profile}, {devices}"
    dirty = sum({row.method: row.dirty for row in rows}.values())
    return told + (f", {dirty} runs from uncommitted sources" if dirty else "")


def _device(stored: str) -> str:
    """``CPU (AMD EPYC, 1 threads)``, as records say it, without brackets and in good grammar."""
    return re.sub(
        r"^CPU \((.+), (\d+) threads?\)$",
        lambda found: f"CPU {found[1]}, {found[2]} thread{'s' * (found[2] != '1')}",
        stored,
    )


def kept_together(cell: str) -> str:
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
    ours = {profile: settings(room(chapter).recipe(profile, row)) for profile in PROFILES}
    frame = pd.DataFrame({title: dict(printed), **ours}).reindex(list(printed))
    return table_html(frame, caption=f"Settings: {title} and our profiles")


def settings(recipe: Recipe) -> dict[str, str]:
    """What a recipe trains with, in words; of several stages the last."""
    update, sampler = recipe.stages[-1].update.kwargs, recipe.stages[-1].sampler.kwargs
    folds = recipe.data.bound().get("folds")
    return {
        "evaluation": f"{folds}-fold cross-validation" if folds else "test set",
        "network": str(recipe.network),
        "patch": "×".join(map(str, sampler["patch_size"])),
        "batch": str(sampler["batch_size"]),
        "steps": f"{recipe.steps:,}",
        "optimiser": str(update["optimizer"]),
        "seeds": str(len(recipe.seeds)),
    }


def live_html(
    records: Mapping[str, Record], caption: str, metrics: Sequence[str] | None = None
) -> Html:
    """Means over the test cases of runs made in the page, and how many steps each has done."""
    lines = {}
    for method, record in records.items():
        means = pd.DataFrame(record.cases).T.astype(float).mean()
        chosen = means.index if metrics is None else list(metrics)
        labels = {MEASURES[m].label: means[m] * scale_of(m) for m in chosen}
        lines[method_label(record.recipe["chapter"], method)] = {
            "Steps done": str(record.steps_done),
            **labels,
        }
    return table_html(pd.DataFrame.from_dict(lines, orient="index"), caption=caption)


def cost_html(chapter: str, rows: pd.DataFrame, caption: str) -> Html:
    """Cost of a training step: absolute, and relative to CE + Dice on the same patch."""
    lines = {}
    for (shape, classes), group in rows.groupby([rows["patch"].map(tuple), "classes"], sort=False):
        base = group[group["method"] == "ce_dice"].iloc[0]
        for row in group.itertuples():
            slower = row.step_seconds / base.step_seconds - 1
            larger = row.peak_mb / base.peak_mb - 1
            size = "×".join(map(str, shape))
            label = method_label(chapter, row.method)
            name = f"{size}, {classes} class{'es' * (classes > 1)}: {label}"
            lines[name] = {
                "Step": f"{1000 * row.step_seconds:.0f} ms ({slower:+.0%})",
                "Loader": f"{1000 * row.loader_seconds:.1f} ms",
                "Peak memory": f"{row.peak_mb:.0f} MB ({larger:+.0%})",
                "Kept for backward": f"{row.saved_mb:.1f} MB",
            }
    frame = pd.DataFrame.from_dict(lines, orient="index").rename_axis("Patch and loss")
    return table_html(frame, caption=caption, key=COSTS)
