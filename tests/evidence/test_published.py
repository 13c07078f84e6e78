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
        if a != b:
            assert (a > b) == MEASURES[claim.metric].higher_is_better, claim.id
        quoted = {float(x) for x in re.findall(r"\d+\.\d+", claim.text)}
        assert quoted <= {a, b}, claim.id
