"""Extra cost of a loss, from the stored measurements of Fig. 6, beside the paper's."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tubekit.evidence import published
from tubekit.evidence.names import method_label
from tubekit.evidence.report import COSTS
from tubekit.evidence.verdict import Verdict
from tubekit.experiments.cost import read_costs

RECORD = "fig-6__laptop__cpu"
COLUMNS = {"time": "step_seconds", "memory": "peak_mb"}
WORDS = {"time": "time of a step", "memory": "peak memory of a step"}
CUT = 0.9  # the paper: skeleton recall saves more than 90 % of clDice's overhead
# The paper measured clDice as its authors released it.
MEASURED_AS = {"cldice": "cldice_authors"}
_UNTESTED = "one machine, measured once: no test of chance"


def measured(rows: list[dict[str, Any]], method: str, what: str) -> float:
    """Extra cost against CE + Dice in per cent, mean over the patches of ``rows``."""
    column = COLUMNS[what]
    base = {tuple(r["patch"]): r[column] for r in rows if r["method"] == "ce_dice"}
    costs = [r[column] / base[tuple(r["patch"])] for r in rows if r["method"] == method]
    return 100.0 * (float(np.mean(costs)) - 1.0)


def cost_verdict(ours: float, claimed: float) -> Verdict:
    """The claimed size reached, its direction, or neither."""
    return "reproduced" if ours >= claimed else "trend only" if ours > 0 else "opposite"


def overhead_rows(chapter: str) -> Iterator[dict[str, Any]]:
    """Ledger rows of the printed overheads, and of the statements about them."""
    paper = published.load(chapter)
    if not paper.overheads:
        return
    record = read_costs(RECORD)
    rows = record["rows"]
    common = {
        "table": "Overheads",
        "data": "phantoms, one 2-D and one 3-D patch",
        "seeds": 1,
        "device": record["device"],
        "place": COSTS,
    }
    for what in COLUMNS:
        ours = {m: measured(rows, MEASURED_AS.get(m, m), what) for m in paper.overheads}
        for method, costs in paper.overheads.items():
            yield {
                **common,
                "row": method_label(chapter, method),
                "metric": WORDS[what],
                "paper": f"{costs[what]:+.0f} %",
                "ours": f"{ours[method]:+.0f} %",
                "verdict": "not comparable",
                "reason": "a processor and a small network instead of an A100 and nnU-Net",
            }
        cut = 1.0 - ours["srl"] / ours["cldice"]
        printed = 1 - paper.overheads["srl"][what] / paper.overheads["cldice"][what]
        leaner = measured(rows, "cldice", what)
        yield {
            **common,
            "row": "Skeleton Recall saves more than 90 % of the overhead of clDice",
            "metric": WORDS[what],
            "paper": f"{printed:.0%}",
            "ours": f"{cut:.0%}",
            "verdict": cost_verdict(cut, CUT),
            "reason": f"{_UNTESTED}; clDice by its authors' algorithm, "
            f"that of this library costs {leaner:+.0f} %",
        }
    for claim in paper.costs:
        method = MEASURED_AS.get(claim.method, claim.method)
        patch = [row for row in rows if len(row["patch"]) == claim.axes]
        extra = measured(patch, method, claim.what)
        yield {
            **common,
            "row": claim.text,
            "metric": WORDS[claim.what],
            "data": f"phantoms, one {claim.axes}-D patch",
            "paper": f"at least {claim.at_least:+.0f} %",
            "ours": f"{extra:+.0f} %",
            "verdict": cost_verdict(extra, claim.at_least),
            "reason": f"{_UNTESTED}; clDice by its authors' algorithm",
        }
