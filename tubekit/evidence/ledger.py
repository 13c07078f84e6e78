"""The claims ledger: every printed cell and every testable statement, with ours beside it."""

import re
from collections.abc import Iterator
from typing import Any

from tubekit.chapters import Chapter, known
from tubekit.chapters import chapter as room
from tubekit.evidence import published
from tubekit.evidence.names import method_label
from tubekit.evidence.overheads import overhead_rows
from tubekit.evidence.report import place, settings
from tubekit.evidence.statements import STATEMENTS, claims_table
from tubekit.evidence.tables import result_table
from tubekit.experiments.evaluate import MEASURES
from tubekit.experiments.recipe import Profile
from tubekit.experiments.record import Record, read_records

# Which committed records a chapter's verdicts rest on.
LEDGER_PROFILE: Profile = "laptop"
_NOT_RUN = {"ours": "not run", "seeds": 0, "device": ""}


def rows() -> list[dict[str, Any]]:
    """All ledger rows in the order of the book: chapter, table, row, metric, paper, ours, data,
    seeds, profile, device, verdict, reason, link to the chapter's page, place in it, id."""
    return [row for name in known() for row in _chapter_rows(room(name))]


def _chapter_rows(chapter: Chapter) -> Iterator[dict[str, Any]]:
    records, printed = read_records(chapter.name, LEDGER_PROFILE), published.load(chapter.name)
    common = {"chapter": chapter.name, "profile": LEDGER_PROFILE, "link": chapter.page}
    for parts in (
        _statements(chapter, printed, records),
        overhead_rows(chapter.name),
        _texts(chapter, printed),
        _cells(chapter, printed, records),
    ):
        for row in parts:
            key = row.pop("key", None) or (row["table"], row["row"], row["metric"])
            yield {**common, **row, "id": _id(chapter.name, *key)}


def _id(*parts: str) -> str:
    """Made from names: stable as long as they are."""
    return re.sub(r"[^a-z0-9.]+", "-", "-".join(parts).lower()).strip("-")


def _statements(
    chapter: Chapter, printed: published.Published, records: list[Record]
) -> Iterator[dict[str, Any]]:
    lines = claims_table(records, chapter.name).to_dict(orient="records")
    for claim, line in zip(printed.claims, lines, strict=True):
        name = method_label(chapter.name, claim.method)
        interval = f"{line['difference']:+.2f} [{line['low']:+.2f}, {line['high']:+.2f}]"
        yield {
            "table": "Statements",
            "row": line["claim"],
            "metric": line["metric"],
            "paper": claim.says if claim.says == "no difference" else f"{name} better",
            "ours": interval if line["patients"] else "not run",
            "data": chapter.data[claim.data],
            "seeds": line["seeds"],
            "device": line["device"],
            "verdict": line["verdict"],
            "reason": line["detail"],
            "place": STATEMENTS,
            "key": (claim.id,),
        }


def _texts(chapter: Chapter, printed: published.Published) -> Iterator[dict[str, Any]]:
    """Tables of data sets and settings: what the paper does beside what our recipe does."""
    recipes = {r.data_name: r for r in reversed(chapter.recipes(LEDGER_PROFILE))}
    for name, table in printed.texts.items():
        for data, cells in table.rows.items():
            ours = settings(recipes[data])
            for column, cell in zip(table.columns, cells, strict=True):
                yield {
                    **_NOT_RUN,
                    "table": table.title,
                    "row": printed.data[data],
                    "metric": column,
                    "paper": published.NOT_KNOWN if cell == "unknown" else cell,
                    "ours": ours[column],
                    "data": chapter.data[data],
                    "verdict": "not comparable",
                    "reason": chapter.differences[data],
                    "place": "",
                    "key": (name, data, column),
                }


def _cells(
    chapter: Chapter, printed: published.Published, records: list[Record]
) -> Iterator[dict[str, Any]]:
    for name, table in printed.tables.items():
        measured = result_table(records, chapter.name, name, LEDGER_PROFILE, table.metrics)
        found = {(row.data, row.method, row.metric): row for row in measured.rows}
        for data, methods in table.rows.items():
            for method in methods:
                for metric in table.metrics:
                    row = found.get((data, method, metric))
                    unknown = printed.cell(name, data, method, metric) == "unknown"
                    ours = _NOT_RUN | {"reason": chapter.reason(data, method)}
                    if row is not None:
                        ours = {
                            "ours": row.text(2),
                            "seeds": row.seeds,
                            "device": row.device,
                            "reason": "the paper's value is not known to us"
                            if unknown
                            else chapter.differences[data],
                        }
                    yield {
                        "table": table.title,
                        "row": f"{printed.data[data]}, {printed.methods.get(method, method)}",
                        "metric": MEASURES[metric].label,
                        "paper": printed.text(name, data, method, metric),
                        "data": chapter.data[data],
                        # A printed mean is held against ours only for equal images and budget.
                        "verdict": "not comparable",
                        "place": place(name, data),
                        "key": (name, data, method, metric),
                        **ours,
                    }
