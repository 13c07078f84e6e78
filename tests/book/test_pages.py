"""Every page, from a disk and from a server, on a desktop and on a phone."""

import pytest

from .conftest import Visit, built_pages

pytestmark = pytest.mark.book

PLACES = [("file", 1280), ("file", 390), ("http", 1280), ("http", 390)]
everywhere = pytest.mark.parametrize(
    "visit", PLACES, indirect=True, ids=lambda place: f"{place[0]}-{place[1]}"
)

# Runs in the page and returns what a reader would see as broken.
INSPECT = """() => {
  const found = [];
  const article = document.querySelector("article, main") ?? document.body;
  if (!document.title.trim()) found.push("no title");
  const headings = [...article.querySelectorAll("h1")].filter((h) => h.offsetParent);
  if (headings.length !== 1) found.push(`${headings.length} first-level headings`);
  for (const image of document.images) {
    if (!image.hasAttribute("alt") || (!image.alt.trim() && image.closest("article")))
      found.push(`no alt text: ${image.src.slice(0, 80)}`);
    if (image.complete && !image.naturalWidth)
      found.push(`broken image: ${image.src.slice(0, 80)}`);
  }
  for (const math of document.querySelectorAll(".math"))
    if (!math.querySelector("mjx-container") && !math.closest("mjx-container"))
      found.push(`formula not set: ${math.textContent.slice(0, 60)}`);
  for (const bad of document.querySelectorAll("mjx-merror, [data-mjx-error]"))
    found.push(`formula error: ${bad.textContent.slice(0, 60)}`);
  const copy = article.cloneNode(true);
  copy.querySelectorAll("pre, code, script, style, mjx-container").forEach((n) => n.remove());
  const markup = /\\\\\\(|\\\\\\[|\\$\\$|\\\\frac|\\{(ref|cite|eq|term|doc|numref)\\}/;
  const raw = copy.textContent.match(markup);
  if (raw) found.push(`raw markup: ${raw[0]}`);
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth + 1) {
    const wide = [...article.querySelectorAll("*")].filter((node) => {
      const right = node.getBoundingClientRect().right;
      for (let up = node.parentElement; up && up !== article; up = up.parentElement)
        if (getComputedStyle(up).overflowX !== "visible") return false;
      return right > root.clientWidth + 1;
    });
    found.push(`${root.scrollWidth} px wide on ${root.clientWidth}: `
      + wide.slice(0, 3).map((n) => `${n.tagName}.${n.className}`).join(", "));
  }
  return found;
}"""


@everywhere
@pytest.mark.parametrize("name", built_pages())
def test_page_is_whole(visit: Visit, name: str) -> None:
    page = visit.open(name)
    assert page.evaluate(INSPECT) + visit.problems == []


def test_the_book_is_there(pages: list[str]) -> None:
    """Without this the test above passes by having no pages."""
    expected = {"intro.html", "ledger.html", "status.html", "data.html", "api/losses.html"}
    assert expected <= set(pages)
    assert any(name.startswith("notebooks/") for name in pages)


@everywhere
def test_the_address_of_the_book_leads_to_its_first_page(visit: Visit) -> None:
    page = visit.page
    page.goto(f"{visit.address}/index.html")
    page.wait_for_url("**/intro.html")
    assert visit.problems == []


def test_the_inspection_sees_faults(visit: Visit, pages: list[str]) -> None:
    """Damage a good page in each way that the inspection looks for."""
    page = visit.open("intro.html")
    assert page.evaluate(INSPECT) == []
    page.evaluate(
        """() => {
        const article = document.querySelector("article");
        article.insertAdjacentHTML("beforeend",
          "<h1>two</h1><img src='data:image/gif;base64,R0lGODlhAQABAAAAACw='>"
          + "<span class='math'>x</span><p>{ref}`broken`</p>"
          + "<div style='width: 3000px'>wide</div>");
        document.title = "";
        }"""
    )
    kinds = " ".join(page.evaluate(INSPECT))
    for word in ("no title", "2 first-level", "no alt", "not set", "raw markup", "px wide"):
        assert word in kinds
