"""Pictures in the built book: as wide as their type was made for, captions that are read."""

import pytest

from tests.vision import contrast
from tubekit.plots.figures import PHONE_PIXELS

from .conftest import Visit, built_pages

pytestmark = pytest.mark.book

CHAPTERS = [name for name in built_pages() if name.startswith("notebooks/")]
# Text colour and the first opaque ground behind it, as three numbers up to 255.
COLOURS = """(nodes) => nodes.filter((node) => node.offsetParent).map((node) => {
  const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
  let ground = node;
  while (ground && numbers(getComputedStyle(ground).backgroundColor)[3] === 0)
    ground = ground.parentElement;
  const under = ground ? numbers(getComputedStyle(ground).backgroundColor) : [255, 255, 255];
  return [numbers(getComputedStyle(node).color).slice(0, 3), under.slice(0, 3)];
})"""
both = pytest.mark.parametrize("scheme", ["light", "dark"])


@both
@pytest.mark.parametrize("visit", [("file", 390)], indirect=True)
@pytest.mark.parametrize("name", CHAPTERS)
def test_pictures_use_the_width_of_a_phone(visit: Visit, name: str, scheme: str) -> None:
    visit.page.emulate_media(color_scheme=scheme)
    pictures = visit.open(name).locator("article figure:not(.tube3d) > img")
    measure = "(nodes) => nodes.map((node) => [node.clientWidth, getComputedStyle(node).padding])"
    for width, padding in pictures.evaluate_all(measure):
        assert width >= PHONE_PIXELS  # `show` checked the type at this width
        assert padding == "0px"


@both
@pytest.mark.parametrize("name", CHAPTERS)
def test_captions_stand_out(visit: Visit, name: str, scheme: str) -> None:
    visit.page.emulate_media(color_scheme=scheme)
    page = visit.open(name)
    texts = page.locator("article figcaption span, article caption, .tube3d label, .tube3d button")
    pairs = texts.evaluate_all(COLOURS)
    assert pairs
    for text, ground in pairs:
        assert contrast([v / 255 for v in text], [v / 255 for v in ground]) >= 4.5
    weights = page.locator("article figcaption p").evaluate_all(
        "(nodes) => nodes.map((node) => getComputedStyle(node).fontWeight)"
    )
    assert all(int(weight) >= 400 for weight in weights)
