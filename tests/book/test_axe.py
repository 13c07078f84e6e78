"""Every page against the rules of axe-core: on a desktop, on a phone, light and dark."""

from importlib.resources import files

import pytest

from .conftest import Visit, built_pages

pytestmark = pytest.mark.book

AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
# All rules; what is folded is looked at, too.
RUN = """async () => {
  document.querySelectorAll("details").forEach((part) => (part.open = true));
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  return violations.flatMap(({ id, nodes }) => nodes.map((n) => `${id}: ${n.html.slice(0, 200)}`));
}"""


@pytest.mark.parametrize("visit", [("file", 1280), ("file", 390)], indirect=True)
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", built_pages())
def test_axe_finds_nothing(visit: Visit, theme: str, name: str) -> None:
    visit.page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    page = visit.open(name)
    visit.settle()
    assert page.evaluate("document.documentElement.dataset.theme") == theme
    page.evaluate(AXE)
    assert page.evaluate(RUN) == []


def test_axe_sees_faults(visit: Visit) -> None:
    page = visit.open("intro.html")
    page.evaluate(
        """document.querySelector("article").insertAdjacentHTML("beforeend",
        "<button></button><details><summary>s</summary><p style='color: #bbb'>pale</p></details>"
        )"""
    )
    page.evaluate(AXE)
    found = " ".join(page.evaluate(RUN))
    assert "button-name" in found
    assert "color-contrast" in found
