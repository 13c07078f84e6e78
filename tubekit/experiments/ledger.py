"""The claims ledger: every printed cell and every testable statement, with ours beside it."""

from collections import Counter
from typing import Any

from tubekit.experiments import published
from tubekit.experiments.evaluate import LABELS
from tubekit.experiments.overheads import overhead_rows
from tubekit.experiments.record import read_records
from tubekit.experiments.tables import ResultTable, Row, claims_table, method_label, result_table

CHAPTER_PAGES = {"skeleton_recall": "notebooks/01_skeleton_recall"}
# Which committed records a chapter's verdicts rest on.
LEDGER_PROFILE = "laptop"


def rows() -> list[dict[str, Any]]:
    """All ledger rows: chapter, table, row, metric, paper, ours, data, seeds, profile, device,
    verdict, reason, link."""
    return [row for chapter in published.chapters() for row in _chapter_rows(chapter)]


def claim_rows(chapter: str) -> list[dict[str, Any]]:
    """Only the testable statements, with their verdicts."""
    frame = claims_table(read_records(chapter, LEDGER_PROFILE), chapter)
    return [{str(k): v for k, v in line.items()} for line in frame.to_dict(orient="records")]


def verdict_counts(chapter: str) -> dict[str, int]:
    """How many statements got which verdict."""
    return dict(Counter(str(row["verdict"]) for row in claim_rows(chapter)))


def _chapter_rows(chapter: str) -> list[dict[str, Any]]:
    records = read_records(chapter, LEDGER_PROFILE)
    printed = published.load(chapter)
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
                "data": OUR_DATA[definition.data],
                "seeds": claim["seeds"],
                "profile": LEDGER_PROFILE,
                "device": claim["device"],
                "verdict": claim["verdict"],
                "reason": claim["detail"],
                "link": CHAPTER_PAGES[chapter],
            }
        )
    lines += [{**row, "link": CHAPTER_PAGES[chapter]} for row in overhead_rows(chapter)]
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
                            "metric": LABELS[metric],
                            "paper": "not known" if paper == "unknown" else str(paper),
                            "link": CHAPTER_PAGES[chapter],
                            **_ours(measured, data, method, metric, paper),
                        }
                    )
    return lines


# The data our records use where the paper used something else.
OUR_DATA = {
    "roads": "Massachusetts Roads, 12 crops",
    "retina": "CHASE_DB1",
    "cracks": "CrackForest",
    "canal": "canal phantom",
    "cow_binary": "Circle of Willis phantom, binary",
    "cow": "Circle of Willis phantom, 13 classes",
}


def _ours(
    measured: ResultTable, data: str, method: str, metric: str, paper: published.Cell | None
) -> dict[str, Any]:
    found: Row | None = next(
        (r for r in measured.rows if (r.data, r.method, r.metric) == (data, method, metric)), None
    )
    if found is None:
        return {
            "ours": "not run",
            "data": OUR_DATA[data],
            "seeds": 0,
            "profile": LEDGER_PROFILE,
            "device": "",
            "verdict": "not comparable",
            "reason": NOT_RUN.get((data, method), "no record yet; `make results` runs it"),
        }
    reason = "the paper's value is not known to us" if isinstance(paper, str) else DIFFERENCE[data]
    return {
        "ours": f"{found.mean:.2f} ± {found.sd:.2f}",
        "data": OUR_DATA[data],
        "seeds": found.seeds,
        "profile": LEDGER_PROFILE,
        "device": found.device,
        # A printed mean can be held against ours only for the same images and budget.
        "verdict": "not comparable",
        "reason": reason,
    }


DIFFERENCE = {
    "roads": "12 crops and a small network instead of 1,171 images and the full protocol",
    "retina": "other data: CHASE_DB1 instead of DRIVE, which asks for registration",
    "cracks": "other data: CrackForest instead of the paper's set",
    "canal": "phantom instead of ToothFairy, which asks for registration",
    "cow_binary": "phantom instead of TopCoW, which asks for registration",
    "cow": "phantom instead of TopCoW, which asks for registration",
}

# Why a cell has no record, where that is more than a lack of time.
CANAL = (
    "CE + Dice finds nothing of the canal, a thousandth of the volume, within the laptop budget, "
    "so no comparison could mean anything; the full profile has the recipe"
)
NOT_RUN = {
    ("cow", "topo_cldice"): "13 topological skeletons a step exceed the memory of this profile",
    **{("canal", method): CANAL for method in ("ce_dice", "cldice", "topo_cldice", "srl")},
}
