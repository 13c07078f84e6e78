"""Result tables and the claims ledger: nothing beyond the border, and rows that can be found."""

import pytest
from playwright.sync_api import Browser

from .conftest import SITE, Visit, built_pages

pytestmark = pytest.mark.book

CHAPTERS = [
    "notebooks/01_skeleton_recall-evidence.html",
    "notebooks/02_harmonyseg-evidence.html",
]
# Tables that must be scrolled sideways to be read, and verdicts that lie beyond the border.
BEYOND = """() => {
  document.querySelectorAll("details").forEach((part) => (part.open = true));
  const width = document.documentElement.clientWidth, found = [];
  for (const box of document.querySelectorAll(".wide-table.cards")) {
    const table = box.querySelector("table").getBoundingClientRect();
    if (box.scrollWidth > box.clientWidth + 1 || table.right > width + 1)
      found.push(`${box.getAttribute("aria-label")}: ${box.scrollWidth} on ${box.clientWidth}`);
  }
  for (const verdict of document.querySelectorAll(".verdict"))
    if (verdict.getBoundingClientRect().right > width) found.push(verdict.textContent);
  return found;
}"""


@pytest.mark.parametrize("visit", [("file", 1280), ("file", 390)], indirect=True)
@pytest.mark.parametrize("name", [*CHAPTERS, "ledger.html", "data.html", "benchmarks.html"])
def test_no_table_lies_beyond_the_border(visit: Visit, name: str) -> None:
    page = visit.open(name)
    assert page.locator(".wide-table.cards").count()
    assert page.evaluate(BEYOND) == []


@pytest.mark.parametrize("visit", [("file", 390)], indirect=True)
def test_a_verdict_stands_right_below_its_statement_on_a_phone(visit: Visit) -> None:
    page = visit.open(CHAPTERS[0])
    row = page.locator("#statements tbody tr").first
    row.scroll_into_view_if_needed()
    assert row.locator(".verdict").is_visible()
    name, verdict = row.locator("th").bounding_box(), row.locator(".verdict").bounding_box()
    assert name
    assert verdict
    assert 0 <= verdict["y"] - (name["y"] + name["height"]) < 20


def test_a_result_and_the_papers_share_a_cell(visit: Visit) -> None:
    page = visit.open(CHAPTERS[0])
    heads = page.locator(".wide-table thead th").all_inner_texts()
    assert any(head.endswith(", ours / paper") for head in heads)
    assert not any(head.endswith(", paper") for head in heads)
    empty = page.evaluate(
        """[...document.querySelectorAll(".cards table")].flatMap((table) => {
        const rows = [...table.tBodies[0].rows];
        return [...table.tHead.rows[0].cells].filter((_, column) => column
          && rows.every((row) => row.cells[column].textContent.includes("not known")))
          .map((head) => head.textContent);
        })"""
    )
    assert empty == []


@pytest.mark.parametrize("visit", [("file", 1280), ("file", 390)], indirect=True)
def test_the_ledger_is_short_and_filters(visit: Visit) -> None:
    page = visit.open("ledger.html")
    assert page.evaluate("document.documentElement.scrollHeight") < 4000
    rows = page.locator(".ledger-table tbody tr")
    assert rows.locator("visible=true").count() == 0
    statements = ".ledger-table[data-name=Statements]"
    verdict = page.locator(f"{statements} .verdict").first.evaluate(
        "v => v.lastChild.textContent.trim()"
    )
    page.select_option("select[name=verdict]", verdict)
    shown = rows.locator("visible=true")
    words = shown.locator(".verdict").all_inner_texts()
    assert {word.split(maxsplit=1)[-1] for word in words} == {verdict}
    status = page.locator(".ledger-filter [role=status]")
    assert status.inner_text() == f"{len(words)} of {rows.count()} rows"
    page.select_option("select[name=chapter]", index=1)
    page.select_option("select[name=table]", "Statements")
    assert 0 < shown.count() <= len(words)
    inside = page.locator(f"{statements} tbody tr").locator("visible=true")
    assert shown.count() == inside.count()
    page.locator(".ledger-filter button").click()
    page.wait_for_function("document.querySelectorAll('.ledger-table[open]').length === 0")
    assert status.inner_text() == f"{rows.count()} of {rows.count()} rows"
    assert visit.problems == []


def test_the_address_of_a_row_opens_it(visit: Visit) -> None:
    page = visit.open("ledger.html")
    row = page.locator(".row-link").nth(200)
    key = row.get_attribute("id")
    page.goto("about:blank")
    visit.open(f"ledger.html#{key}")
    page.wait_for_function("document.querySelector('.ledger-table[open]')")
    box = page.locator(f"[id='{key}']").bounding_box()
    assert box
    assert 0 < box["y"] < 900


def test_the_ledger_has_the_order_of_the_book_and_leads_to_its_tables(visit: Visit) -> None:
    page = visit.open("ledger.html")
    links = page.locator(".ledger-table th a:first-child")
    targets = links.evaluate_all("links => links.map((a) => a.getAttribute('href'))")
    chapters = list(dict.fromkeys(target.partition("#")[0] for target in targets if "#" in target))
    assert chapters == sorted(chapters) == CHAPTERS
    assert sum("#" in target for target in targets) > len(targets) / 2


def test_without_scripts_every_row_of_the_ledger_can_be_read(browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"file://{SITE}/ledger.html")
    assert not page.locator(".ledger-filter").is_visible()
    group = page.locator(".ledger-table").first
    group.locator("summary").click()
    assert group.locator("tbody tr").first.is_visible()
    context.close()


def test_no_table_has_an_empty_heading() -> None:
    """Whoever wrote it: the library, pandas, Sphinx."""
    for name in built_pages():
        assert "<th></th>" not in (SITE / name).read_text(encoding="utf-8"), name
