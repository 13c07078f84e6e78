"""What a page loads before a reader touches it."""

import pytest
from fontTools.ttLib import TTFont
from playwright.sync_api import Request

from .conftest import SITE, Visit, built_pages

pytestmark = pytest.mark.book

MOST = 1_000_000
# Without a page's own text and pictures: style, scripts, fonts.
SHELL = 500_000


@pytest.mark.parametrize("name", built_pages())
def test_a_page_is_light(visit: Visit, name: str) -> None:
    asked: list[Request] = []
    visit.page.on("requestfinished", lambda request: asked.append(request))
    visit.page.goto(f"{visit.address}/{name}")
    visit.settle()
    sizes = {r.url: r.sizes()["responseBodySize"] for r in asked}
    # Formulas that a reader is about to see are worth their program; others must not ask for it.
    first = "document.querySelector('.math, mjx-container')?.getBoundingClientRect().top ?? 1e9"
    due = "mathjax" if visit.page.evaluate(f"{first} < innerHeight + 1500") else "no file"
    shell = sum(
        sizes[r.url]
        for r in asked
        if r.resource_type not in ("document", "image") and due not in r.url
    )
    listed = sorted(((size, url) for url, size in sizes.items()), reverse=True)
    assert asked
    # The page that searches needs the index of all words.
    assert shell <= (MOST if name == "search.html" else SHELL), listed
    # Chapters carry surfaces that turn; their pictures come when they come near.
    assert name.startswith("notebooks/") or sum(sizes.values()) <= MOST, listed
    assert not any("plotly" in url for url in sizes)


def test_formulas_come_when_they_come_near(visit: Visit) -> None:
    """No page without formulas asks for MathJax, and no page before it must."""
    asked: list[str] = []
    visit.page.on("request", lambda r: asked.append(r.url))
    page = visit.open("intro.html")
    visit.settle()
    assert not any("mathjax" in url for url in asked)
    page.goto(f"{visit.address}/notebooks/02_harmonyseg.html")
    page.locator(".math").last.scroll_into_view_if_needed()
    page.wait_for_selector(".math mjx-container mjx-assistive-mml", state="attached")
    assert visit.problems == []


def test_icons_are_drawn(visit: Visit) -> None:
    """Every sign that a page shows is in the fonts, which hold little else."""
    known = {
        code
        for font in SITE.glob("_static/vendor/fontawesome/webfonts/*.ttf")
        for code in TTFont(font).getBestCmap()
    }
    assert len(known) < 100
    for name in ("intro.html", "notebooks/01_skeleton_recall.html"):
        shown = visit.open(name).evaluate(
            """[...document.querySelectorAll("i, .admonition-title")].flatMap((tag) =>
            ["::before", "::after"].map((part) => getComputedStyle(tag, part).content))"""
        )
        signs = {ord(sign) for text in shown for sign in text if "\ue000" <= sign <= "\uf8ff"}
        assert len(signs) > 10
        assert signs <= known
