"""The report as one page that needs no other file and no network."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import NamedTuple

from tubekit._extras import extra
from tubekit._html import Html, table
from tubekit.evaluation.facts import facts
from tubekit.evaluation.files import Options
from tubekit.evaluation.pairs import Failure
from tubekit.evaluation.pictures import dot_plot
from tubekit.evaluation.work import CaseResult

with extra("evaluate", __name__):
    import pandas as pd


_BY_CLASS = ("dice", "cldice", "precision", "recall", "hd95", "assd", "betti_error_0")


class Picture(NamedTuple):
    """``role``: worst, median or best; ``source`` a data address."""

    role: str
    name: str
    source: str
    alt: str


class Content(NamedTuple):
    """All that the page shows."""

    title: str
    folders: tuple[str, str]
    options: Options
    results: Sequence[CaseResult]
    failures: Sequence[Failure]
    ghosts: Sequence[str]
    summary: pd.DataFrame
    pictures: Sequence[Picture]
    ranked_by: str
    versions: Mapping[str, str]


def page(content: Content) -> str:
    """HTML of the whole report."""
    shown = [name for name in content.summary["metric"] if _is_main(name)]
    parts = [
        f"<h1>{escape(content.title)}</h1>",
        facts(
            content.folders,
            content.options,
            len(content.results),
            len(content.failures),
            content.ghosts,
        ),
        _failures(content.failures),
        _notes(content.results),
        "<h2>Summary</h2>" + _summary(content.summary),
        _classes(content.summary, len(content.results)),
        "<h2>Cases</h2>" + _cases(content.results, shown),
        "<h2>Distributions</h2><p>A dot is a case (point at it for its name). The line is the "
        "median; the triangle the mean, on the bar of its 95 % bootstrap interval.</p>"
        + _plots(content, shown),
        _pictures(content),
        "<h2>Definitions</h2>" + _definitions(content.results),
        _versions(content.versions),
    ]
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(content.title)}</title><style>{_asset('report.css')}</style></head>"
        f"<body><main>{''.join(parts)}</main><script>{_asset('report.js')}</script></body></html>"
    )


def _asset(name: str) -> str:
    return files("tubekit.evaluation").joinpath("browser", name).read_text(encoding="utf-8")


def _is_main(name: str) -> bool:
    """Single classes are in the tables on disk; the page shows means over classes."""
    return "/" not in name or name.endswith("/mean")


def _notes(results: Sequence[CaseResult]) -> str:
    noted = [(r.name, " ".join(r.notes)) for r in results if r.notes]
    items = "".join(f"<li><b>{escape(name)}</b>: {escape(text)}</li>" for name, text in noted)
    return f"<h2>Notes</h2><ul>{items}</ul>" if noted else ""


def _failures(failures: Sequence[Failure]) -> str:
    if not failures:
        return ""
    items = "".join(f"<li><b>{escape(f.name)}</b>: {escape(f.reason)}</li>" for f in failures)
    return (
        '<section class="failed"><h2>Cases without a result</h2><p>They are in no mean and no '
        f"figure below.</p><ul>{items}</ul></section>"
    )


def _classes(summary: pd.DataFrame, cases: int) -> str:
    """Means over cases by class; how many cases the overlap is defined in says how rare one is."""
    by_class: dict[str, dict[str, float]] = {}
    for row in summary.itertuples(index=False):
        metric, _, name = str(row.metric).partition("/")
        if name not in ("", "mean", "union") and metric in _BY_CLASS:
            by_class.setdefault(name, {"n": row.n})[metric] = float(row.mean)
    if not by_class:
        return ""
    shown = [name for name in _BY_CLASS if any(name in values for values in by_class.values())]
    rows = (
        (name, f"{values['n']} of {cases}", *(_cell(values.get(m, math.nan)) for m in shown))
        for name, values in by_class.items()
    )
    head = ("class", "cases with Dice", *shown)
    caption = "Means over cases by class; tidy.csv and summary.csv hold all metrics"
    return "<h2>Classes</h2>" + table(caption, head, rows).text


def _cases(results: Sequence[CaseResult], shown: Sequence[str]) -> str:
    rows = (
        (result.name, *(_cell(result.values.get(name, float("nan"))) for name in shown))
        for result in sorted(results, key=lambda r: r.name)
    )
    return table("Metrics by case; a heading sorts", ("case", *shown), rows, kind="sortable").text


def _plots(content: Content, shown: Sequence[str]) -> str:
    names = [result.name for result in content.results]
    figures = []
    for row in content.summary.itertuples(index=False):
        if row.metric not in shown:
            continue
        values = [r.values.get(row.metric, float("nan")) for r in content.results]
        interval = float(row.mean_low_95), float(row.mean_high_95)
        plot = dot_plot(names, values, mean=float(row.mean), interval=interval)
        note = f" ({row.n_undefined} undefined)" if row.n_undefined else ""
        figures.append(
            f"<figure><figcaption>{escape(str(row.metric))}{note}</figcaption>"
            f"{plot or '<p>undefined in all cases</p>'}</figure>"
        )
    return f'<div class="grid">{"".join(figures)}</div>'


def _pictures(content: Content) -> str:
    figures = "".join(
        f"<figure><figcaption>{p.role}: {escape(p.name)}</figcaption>"
        f'<img src="{p.source}" alt="{escape(p.alt)}"></figure>'
        for p in content.pictures
    )
    return (
        f"<h2>Worst, median and best case by {escape(content.ranked_by)}</h2><p>Blue: found; "
        "yellow: invented; red: missed. Volumes are projected along their first axis, all classes "
        f'together, cut to the foreground.</p><div class="grid wide">{figures}</div>'
        if figures
        else ""
    )


def _summary(summary: pd.DataFrame) -> str:
    heads = {
        "metric": "metric",
        "mean": "mean",
        "sd": "sd",
        "median": "median",
        "mean_low_95": "95 % from",
        "mean_high_95": "to",
        "n": "n",
        "n_undefined": "undefined",
    }
    rows = (
        (record["metric"], *(_cell(record[name]) for name in list(heads)[1:]))
        for record in summary.to_dict("records")
    )
    caption = "Over cases; interval of the mean by bootstrap over cases"
    return table(caption, list(heads.values()), rows).text


def _definitions(results: Sequence[CaseResult]) -> str:
    texts = {name: text for r in results for name, text in r.definitions.items()}
    policy = {name: text for r in results for name, text in r.policy.items()}
    head = ("metric", "definition", "prediction, target, both empty")
    rows = ((name, text, policy[name]) for name, text in texts.items())
    return table("Definitions, and values for empty masks", head, rows, kind="words").text


def _versions(versions: Mapping[str, str]) -> str:
    listed = ", ".join(f"{name} {number}" for name, number in versions.items())
    return f"<footer>{escape(listed)}</footer>"


def _cell(value: float) -> Html:
    if value != value:
        return Html('<data value=""><abbr title="undefined">–</abbr></data>')
    return Html(f'<data value="{value!r}">{value:.4g}</data>')
