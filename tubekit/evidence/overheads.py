"""Extra cost of a loss, from the stored measurements of Fig. 6, beside the paper's."""

from typing import Any

import numpy as np

from tubekit.evidence import published
from tubekit.evidence.names import method_label
from tubekit.evidence.verdict import Verdict
from tubekit.experiments.cost import read_costs

RECORD = "fig-6__laptop__cpu"
COLUMNS = {"time": "step_seconds", "memory": "peak_mb"}
WORDS = {"time": "time of a step", "memory": "peak memory of a step"}
CUT = 0.9  # the paper: skeleton recall saves more than 90 % of clDice's overhead
# The paper measured clDice as its authors released it.
MEASURED_AS = {"cldice": "cldice_authors"}


def measured(rows: list[dict[str, Any]], method: str, what: str) -> float:
    """Extra cost against CE + Dice in per cent, mean over the patches of ``rows``."""
    column = COLUMNS[what]
    base = {tuple(r["patch"]): r[column] for r in rows if r["method"] == "ce_dice"}
    costs = [r[column] / base[tuple(r["patch"])] for r in rows if r["method"] == method]
    return 100.0 * (float(np.mean(costs)) - 1.0)


def cut_verdict(cut: float) -> Verdict:
    """The claimed saving reached, a saving, or none."""
    return "reproduced" if cut >= CUT else "trend only" if cut > 0 else "not reproduced"


def overhead_rows(chapter: str) -> list[dict[str, Any]]:
    """Ledger rows of the printed overheads, and of the statement drawn from them."""
    printed = published.load(chapter).overheads
    if not printed:
        return []
    record = read_costs(RECORD)
    common = {
        "chapter": chapter,
        "table": "Overheads",
        "data": "phantoms, one 2-D and one 3-D patch",
        "seeds": 1,
        "profile": "laptop",
        "device": record["device"],
    }
    lines = []
    for what in COLUMNS:
        ours = {m: measured(record["rows"], MEASURED_AS.get(m, m), what) for m in printed}
        for method, costs in printed.items():
            lines.append(
                {
                    **common,
                    "row": method_label(method),
                    "metric": WORDS[what],
                    "paper": f"{costs[what]:+.0f} %",
                    "ours": f"{ours[method]:+.0f} %",
                    "verdict": "not comparable",
                    "reason": "a processor and a small network instead of an A100 and nnU-Net",
                }
            )
        cut = 1.0 - ours["srl"] / ours["cldice"]
        leaner = measured(record["rows"], "cldice", what)
        lines.append(
            {
                **common,
                "row": "Skeleton Recall saves more than 90 % of the overhead of clDice",
                "metric": WORDS[what],
                "paper": f"{1 - printed['srl'][what] / printed['cldice'][what]:.0%}",
                "ours": f"{cut:.0%}",
                "verdict": cut_verdict(cut),
                "reason": "a ratio of two overheads on one machine, clDice by its authors' "
                f"algorithm; clDice of this library costs {leaner:+.0f} %",
            }
        )
    return lines
