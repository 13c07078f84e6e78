"""Pages on paper: nothing is cut, and a dark screen prints black on white."""

import re

import pytest

from .conftest import Visit, built_pages

pytestmark = pytest.mark.book

# The width of A4 without its margins of 12 mm, in CSS pixels.
A4 = 702
CUT = """() => {
  const found = [];
  const edge = document.documentElement.clientWidth + 1;
  for (const box of document.querySelectorAll("article pre, article table, article dt.sig")) {
    if (!box.checkVisibility()) continue;
    const { right } = box.getBoundingClientRect();
    if (right > edge || box.scrollWidth > box.clientWidth + 1)
      found.push(`${box.tagName} ${box.scrollWidth} on ${box.clientWidth}, ends at ${right}: `
        + box.textContent.trim().slice(0, 60));
  }
  return found;
}"""


@pytest.mark.parametrize("visit", [("file", A4)], indirect=True)
@pytest.mark.parametrize("name", built_pages())
def test_nothing_is_cut_on_paper(visit: Visit, name: str) -> None:
    visit.page.emulate_media(media="print")
    assert visit.open(name).evaluate(CUT) == []


def test_a_dark_page_prints_black_on_white(visit: Visit) -> None:
    visit.page.emulate_media(color_scheme="dark")
    page = visit.open("how-to-run.html")
    colours = """() => [document.body, document.querySelector("pre"), document.querySelector("p")]
      .map((tag) => getComputedStyle(tag)).map((s) => [s.backgroundColor, s.color])"""
    dark = page.evaluate(colours)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    printed = page.evaluate(colours)
    assert _brightness(dark[0][0]) < 60 < 200 < _brightness(printed[0][0])
    assert _brightness(printed[2][1]) < 100
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(colours) == dark


def test_the_ledger_prints_on_few_pages(visit: Visit) -> None:
    pdf = visit.open("ledger.html").pdf(format="A4")
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 4


def _brightness(colour: str) -> float:
    return sum(float(part) for part in re.findall(r"[\d.]+", colour)[:3]) / 3
