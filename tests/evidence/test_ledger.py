"""The ledger: every cell and statement, in the order of the book."""

from typing import get_args

import pytest

from tubekit.chapters import known
from tubekit.evidence import published
from tubekit.evidence.ledger import rows
from tubekit.evidence.overheads import cost_verdict, measured
from tubekit.evidence.verdict import Verdict
from tubekit.plots.tables import VERDICT_ICONS


@pytest.mark.parametrize("chapter", known())
def test_every_published_cell_and_statement_is_in_the_ledger(chapter):
    printed = published.load(chapter)
    cells = sum(
        len(row) for t in printed.tables.values() for m in t.rows.values() for row in m.values()
    )
    cells += sum(len(row) for t in printed.texts.values() for row in t.rows.values())
    lines = [line for line in rows() if line["chapter"] == chapter]
    # The cells of the overheads, and what the paper concludes from them.
    overheads = 2 * (len(printed.overheads) + 1) if printed.overheads else 0
    assert len(lines) == cells + len(printed.claims) + overheads + len(printed.costs)
    assert {line["verdict"] for line in lines} <= set(get_args(Verdict)) == set(VERDICT_ICONS)
    assert all(line["reason"] for line in lines)
    assert len({line["id"] for line in rows()}) == len(rows())


def test_the_ledger_has_the_order_of_the_book():
    pages = [line["link"] for line in rows()]
    assert pages == sorted(pages)


def test_overheads_are_relative_to_the_plain_loss_of_the_same_patch():
    rows = [
        {"method": m, "patch": [p], "step_seconds": p * s, "peak_mb": p * b}
        for p in (1.0, 10.0)
        for m, s, b in (("ce_dice", 1.0, 1.0), ("cldice", 2.0, 3.0), ("srl", 1.1, 1.0))
    ]
    assert measured(rows, "cldice", "time") == pytest.approx(100.0)
    assert measured(rows, "cldice", "memory") == pytest.approx(200.0)
    assert measured(rows, "srl", "time") == pytest.approx(10.0)
    words = [cost_verdict(saved, 0.9) for saved in (0.95, 0.9, 0.5, -0.1)]
    assert words == ["reproduced", "reproduced", "trend only", "opposite"]
