"""What a reader does: search, answer a quiz, turn a tree, switch to dark, read the downloads."""

import io

import numpy as np
import pytest
from PIL import Image

from .conftest import SITE, Visit, built_pages

pytestmark = pytest.mark.book

both = pytest.mark.parametrize("visit", [("file", 1280), ("http", 390)], indirect=True)


def pages_with(marker: str) -> list[str]:
    return [name for name in built_pages() if marker in (SITE / name).read_text(encoding="utf-8")]


@both
def test_search_finds_cldice(visit: Visit) -> None:
    page = visit.open("search.html?q=clDice")
    page.wait_for_selector("#search-results ul.search li a")
    titles = page.locator("#search-results ul.search li a").all_inner_texts()
    assert any("Glossary" in title or "clDice" in title for title in titles)
    assert visit.problems == []


def test_search_box_works_from_a_page(visit: Visit) -> None:
    page = visit.open("intro.html")
    visit.settle()
    page.keyboard.press("Control+k")
    page.keyboard.type("clDice")
    page.keyboard.press("Enter")
    page.wait_for_selector("#search-results ul.search li a")
    assert visit.problems == []


def test_one_search_field_is_visible(visit: Visit) -> None:
    page = visit.open("intro.html")
    buttons = page.locator(".search-button, .search-button-field")
    assert sum(buttons.nth(i).is_visible() for i in range(buttons.count())) == 1


@both
def test_a_quiz_answers(visit: Visit) -> None:
    names = pages_with('<form class="quiz"')
    assert names, "no page has a quiz"
    page = visit.open(names[0])
    question = page.locator("form.quiz fieldset").first
    for state in ("wrong", "right"):
        feedback = question.locator(f".quiz-feedback[data-state={state}]").first
        question.locator(f"input[value='{feedback.get_attribute('data-value')}']").check()
        say = question.locator(".quiz-say")
        assert say.get_attribute("data-state") == state
        assert say.inner_text().startswith("Right." if state == "right" else "Not quite.")
    assert question.locator(".quiz-feedback:visible").count() == 0
    assert visit.problems == []


def test_a_quiz_works_by_keyboard(visit: Visit) -> None:
    page = visit.open(pages_with('<form class="quiz"')[0])
    question = page.locator("form.quiz fieldset").first
    question.locator("input").first.focus()
    page.keyboard.press("ArrowDown")
    assert question.locator("input").nth(1).is_checked()
    assert question.locator(".quiz-say").inner_text()


@both
def test_a_tree_turns(visit: Visit) -> None:
    names = pages_with('<figure class="tube3d"')
    assert names, "no page has a rotatable figure"
    page = visit.open(names[0])
    figure = page.locator("figure.tube3d").first
    assert (figure.locator("img").get_attribute("alt") or "").strip()
    figure.scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    assert page.locator("canvas").count() == 0  # no figure opens by itself
    figure.get_by_role("button", name="Turn it in 3-D").click()
    canvas = figure.locator("canvas")
    canvas.scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    before = _pixels(canvas.screenshot())
    assert before.std() > 1, "the figure is blank"
    box = canvas.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 90, y + 30, steps=6)
    page.mouse.up()
    page.wait_for_timeout(500)
    after = _pixels(canvas.screenshot())
    assert np.abs(before - after).mean() > 0.5, "dragging did not turn the figure"
    assert visit.problems == []


def test_dark_mode_changes_the_page(visit: Visit) -> None:
    page = visit.open("intro.html")
    brightness = []
    for _ in range(3):  # the button goes round: automatic, light, dark
        page.locator(".theme-switch-button:visible").first.click()
        page.wait_for_timeout(100)
        brightness.append(_pixels(page.screenshot()).mean())
    assert min(brightness) < 90 < 160 < max(brightness)


def test_code_can_be_copied(visit: Visit) -> None:
    page = visit.open("how-to-run.html")
    assert page.locator("button.copybtn").count() > 0


def test_notebooks_offer_their_sources_and_places_to_run(visit: Visit) -> None:
    for name in (n for n in built_pages() if n.startswith("notebooks/")):
        page = visit.open(name)
        links = page.locator(".run-line a").evaluate_all("tags => tags.map((t) => t.href)")
        for part in (".ipynb", ".md", "mybinder.org", "colab.research.google.com"):
            assert any(part in link for link in links), (name, part)


def test_exercises_hide_their_solutions(visit: Visit) -> None:
    names = pages_with("solution dropdown")
    assert names, "no page has a hidden solution"
    page = visit.open(names[0])
    assert not page.locator(
        ".solution.dropdown .section, .solution.dropdown p:not(.admonition-title)"
    ).first.is_visible()


def _pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("L"), dtype=float)
