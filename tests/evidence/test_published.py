"""Published numbers: read strictly, and statements that agree with them."""

import re

import pytest

from tubekit.chapters import known
from tubekit.evidence import published
from tubekit.experiments.evaluate import MEASURES


def test_published_numbers_as_printed():
    printed = published.load("skeleton_recall")
    assert printed.cell("table-2", "roads", "srl", "betti_error_0") == 4.846
    assert printed.cell("table-2", "cow", "cldice", "dice") == "out of memory"
    assert printed.cell("table-2", "roads", "soft_recall", "dice") is None
    with pytest.raises(ValueError, match="chapter must be one of"):
        published.load("nothing")


def test_what_others_quote_is_marked():
    printed = published.load("skeleton_recall")
    cells = [
        printed.text(name, data, method, metric)
        for name, table in printed.tables.items()
        for data, methods in table.rows.items()
        for method in methods
        for metric in table.metrics
    ]
    assert sum(published.SECOND_HAND in cell for cell in cells) == 25
    assert "out of memory" in cells  # the paper says so itself
    own = published.load("harmonyseg").text("table-1", "hvs", "harmonyseg", "dice")
    assert published.SECOND_HAND not in own


def test_a_statement_of_no_difference_needs_its_margin_beforehand():
    claim = published.load("skeleton_recall").claims[0].model_dump()
    with pytest.raises(ValueError, match="write the smallest difference that counts"):
        published.Claim(**claim | {"says": "no difference"})
    assert published.Claim(**claim | {"says": "no difference", "margin": 0.5})


def test_a_table_of_words_has_one_cell_a_column():
    with pytest.raises(ValueError, match="expected 2 cells, got 1"):
        published.PrintedText(title="T", columns=["a", "b"], rows={"x": ["1"]})


@pytest.mark.parametrize("chapter", known())
def test_every_statement_agrees_with_the_cells_it_is_about(chapter):
    """Its direction holds in print, and the numbers in its text are those of its two cells."""
    printed = published.load(chapter)
    assert len({c.id for c in printed.claims}) == len(printed.claims)
    for claim in printed.claims:
        a, b = (
            printed.cell(claim.table, claim.data, method, claim.metric)
            for method in (claim.method, claim.baseline)
        )
        if not isinstance(a, float) or not isinstance(b, float):
            continue
        if a != b and claim.says == "better":
            assert (a > b) == MEASURES[claim.metric].higher_is_better, claim.id
        quoted = {float(x) for x in re.findall(r"\d+\.\d+", claim.text)}
        assert quoted <= {a, b}, claim.id
