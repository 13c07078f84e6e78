"""The claims ledger: every printed cell and every testable statement, with ours beside it."""

import re
from collections import Counter
from typing import Any

from tubekit.chapters import Chapter, known
from tubekit.chapters import chapter as chapter_facts
from tubekit.evidence import published
from tubekit.evidence.names import method_label
from tubekit.evidence.overheads import overhead_rows
from tubekit.evidence.report import COSTS, STATEMENTS, place
from tubekit.evidence.tables import ResultTable, Row, claims_table, result_table
from tubekit.experiments.evaluate import MEASURES
from tubekit.experiments.record import read_records

# Which committed records a chapter's verdicts rest on.
LEDGER_PROFILE = "laptop"


def rows() -> list[dict[str, Any]]:
    """All ledger rows in the order of the book: chapter, table, row, metric, paper, ours, data,
    seeds, profile, device, verdict, reason, link to the chapter's page, place in it, id."""
    ordered = [chapter_facts(name) for name in known()]
    return [row for chapter in ordered for row in _chapter_rows(chapter.name)]


def claim_rows(chapter: str) -> list[dict[str, Any]]:
    """Only the testable statements, with their verdicts."""
    frame = claims_table(read_records(chapter, LEDGER_PROFILE), chapter)
    return [{str(k): v for k, v in line.items()} for line in frame.to_dict(orient="records")]


def verdict_counts(chapter: str) -> dict[str, int]:
    """How many statements got which verdict."""
    return dict(Counter(str(row["verdict"]) for row in claim_rows(chapter)))


def _chapter_rows(chapter: str) -> list[dict[str, Any]]:
    records = read_records(chapter, LEDGER_PROFILE)
    printed, facts = published.load(chapter), chapter_facts(chapter)
    lines = []
    for claim in claim_rows(chapter):
        definition = next(c for c in printed.claims if c.id == claim["id"])
        lines.append(
            {
                "chapter": chapter,
                "table": "Statements",
                "row": claim["claim"],
                "metric": claim["metric"],
                "paper": f"{method_label(definition.method)} better",
                "ours": f"{claim['difference']:+.2f} [{claim['low']:+.2f}, {claim['high']:+.2f}]"
                if claim["patients"]
                else "not run",
                "data": facts.data[definition.data],
                "seeds": claim["seeds"],
                "profile": LEDGER_PROFILE,
                "device": claim["device"],
                "verdict": claim["verdict"],
                "reason": claim["detail"],
                "link": facts.page,
                "place": STATEMENTS,
                "id": _key(chapter, claim["id"]),
            }
        )
    for row in overhead_rows(chapter):
        key = _key(chapter, row["table"], row["row"], row["metric"])
        lines.append({**row, "link": facts.page, "place": COSTS, "id": key})
    for name, table in printed.tables.items():
        measured = result_table(records, chapter, name, LEDGER_PROFILE, table.metrics)
        for data, methods in table.rows.items():
            for method in methods:
                for metric in table.metrics:
                    paper = printed.cell(name, data, method, metric)
                    lines.append(
                        {
                            "chapter": chapter,
                            "table": table.title,
                            "row": f"{printed.data[data]}, {printed.methods.get(method, method)}",
                            "metric": MEASURES[metric].label,
                            "paper": printed.text(name, data, method, metric),
                            "link": facts.page,
                            "place": place(name, data),
                            "id": _key(chapter, name, data, method, metric),
                            **_ours(facts, measured, data, method, metric, paper),
                        }
                    )
    return lines


def _key(*parts: str) -> str:
    """An id from names: stable as long as they are."""
    return re.sub(r"[^a-z0-9.]+", "-", "-".join(parts).lower()).strip("-")


def _ours(
    facts: Chapter,
    measured: ResultTable,
    data: str,
    method: str,
    metric: str,
    paper: published.Cell | None,
) -> dict[str, Any]:
    found: Row | None = next(
        (r for r in measured.rows if (r.data, r.method, r.metric) == (data, method, metric)), None
    )
    if found is None:
        return {
            "ours": "not run",
            "data": facts.data[data],
            "seeds": 0,
            "profile": LEDGER_PROFILE,
            "device": "",
            "verdict": "not comparable",
            "reason": facts.reason(data, method),
        }
    unknown = "the paper's value is not known to us"
    reason = unknown if isinstance(paper, str) else facts.differences[data]
    return {
        "ours": found.text(2),
        "data": facts.data[data],
        "seeds": found.seeds,
        "profile": LEDGER_PROFILE,
        "device": found.device,
        # A printed mean can be held against ours only for the same images and budget.
        "verdict": "not comparable",
        "reason": reason,
    }
