"""Drawings in the pages can be read: on a phone, in the light and in the dark."""

import pytest

from .conftest import Visit

pytestmark = pytest.mark.book

DRAWINGS = {
    "notebooks/01_skeleton_recall.html": ["fig-srl-method"],
    "notebooks/02_harmonyseg.html": ["fig-harm-network", "fig-harm-loss"],
}
# Smallest type in pixels, lowest contrast of text with its page, and what leaves the screen.
MEASURE = """(figure) => {
  const svg = figure.querySelector("svg"), box = svg.getBoundingClientRect();
  const scale = box.width / svg.viewBox.baseVal.width;
  const light = (colour) => {
    const linear = colour.match(/[\\d.]+/g).slice(0, 3).map((v) => v / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  let behind = figure;
  while (/rgba\\(0, 0, 0, 0\\)|transparent/.test(getComputedStyle(behind).backgroundColor))
    behind = behind.parentElement;
  const page = light(getComputedStyle(behind).backgroundColor);
  const texts = [...svg.querySelectorAll("text")];
  const sizes = texts.map((t) => parseFloat(getComputedStyle(t).fontSize) * scale);
  const contrasts = texts.map((t) => light(getComputedStyle(t).fill))
    .map((l) => (Math.max(l, page) + 0.05) / (Math.min(l, page) + 0.05));
  const outside = texts.filter((t) => {
    const r = t.getBoundingClientRect();
    return r.left < box.left - 1 || r.right > box.right + 1;
  });
  return {
    size: Math.min(...sizes), contrast: Math.min(...contrasts),
    outside: outside.map((t) => t.textContent), page,
  };
}"""

# Text that is wider than the box it stands in.
TOO_WIDE = """(svg) => [...svg.querySelectorAll("rect")].flatMap((rect) => {
  const box = rect.getBoundingClientRect(), found = [];
  let text = rect.nextElementSibling;
  for (; text?.tagName === "text"; text = text.nextElementSibling) {
    const place = text.getBoundingClientRect();
    if (place.left < box.left || place.right > box.right) found.push(text.textContent);
  }
  return found;
})"""


@pytest.mark.parametrize("visit", [("file", 390), ("file", 1280)], indirect=True, ids=str)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_diagrams_are_legible(visit: Visit, scheme: str) -> None:
    visit.page.emulate_media(color_scheme=scheme)
    for name, figures in DRAWINGS.items():
        page = visit.open(name)
        for figure in figures:
            found = page.locator(f"figure#{figure}").evaluate(MEASURE)
            assert (found["page"] < 0.2) == (scheme == "dark")
            assert found["size"] >= 11, figure
            assert found["contrast"] >= 7, figure
            assert found["outside"] == [], figure
    assert visit.problems == []


@pytest.mark.parametrize("visit", [("file", 390), ("file", 1280)], indirect=True, ids=str)
def test_no_text_of_a_diagram_leaves_its_box(visit: Visit) -> None:
    """The library counts characters; the browser knows the letters."""
    for name, figures in DRAWINGS.items():
        page = visit.open(name)
        for figure in figures:
            assert page.locator(f"figure#{figure} svg").evaluate(TOO_WIDE) == [], figure


def test_the_entry_page_opens_with_a_picture(visit: Visit) -> None:
    page = visit.open("intro.html")
    picture = page.locator("figure#fig-entry img")
    assert picture.evaluate("(image) => image.naturalWidth") > 600
    assert len(picture.get_attribute("alt")) > 40
    top = picture.bounding_box()["y"]
    assert top < 900, "the picture stands below the first screen"
