"""What a program prints for itself has no place on a page: warnings, paths, reprs, raw numbers."""

import re

import pytest

from .conftest import SITE, Visit

pytestmark = pytest.mark.book
NOTEBOOKS = sorted(path.name for path in (SITE / "notebooks").glob("*.html"))
RAW = {
    "a warning": r"\w*Warning:",
    "a path of this machine": r"(?<![\w.])/(home|root|tmp|work|usr|opt|Users)/",
    "a specification": r"\bSpec\(",
    "an unrounded number": r"\d\.\d{6,}",
    "brackets within brackets": r"threads?\)\)",
    "a list of names": r"unavailable: \[",
    "a name of the code": r"[Tt]able-\d",
    "an array's type": r"dtype=|array\(",
    "a frame that nobody titled": r"\d+ rows × \d+ columns",
}
OUTPUTS = "div.cell_output"


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_outputs_are_written_for_a_reader(visit: Visit, name: str) -> None:
    page = visit.open(f"notebooks/{name}")
    text = "\n".join(page.locator(OUTPUTS).all_inner_texts())
    assert text
    found = {
        kind: re.findall(f".{{0,40}}(?:{sign}).{{0,40}}", text)[:3] for kind, sign in RAW.items()
    }
    assert {kind: hits for kind, hits in found.items() if hits} == {}
    assert page.locator(f"{OUTPUTS} table.dataframe").count() == 0
