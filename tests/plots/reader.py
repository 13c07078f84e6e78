"""A reader of one rotatable figure: opens, looks, touches. The page is a file of its own."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from playwright.sync_api import Browser, Locator, Page

from tests.browser import pixels
from tubekit import plots

CENTRE = "node => node.scrollIntoView({block: 'center'})"
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Figures</title>
<meta name="viewport" content="width=device-width">
<p style="height: 500px">Above.</p>{}<p style="height: 2000px">Below.</p></html>"""


class Reader:
    """A page and its first figure."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.figure = page.locator("#one")
        self.view = self.figure.locator(".tube3d-view")
        self.toggle = self.figure.locator(".tube3d-open")
        self.still = self.figure.locator("img")

    def button(self, name: str) -> Locator:
        return self.figure.get_by_role("button", name=name)

    def box(self, name: str) -> Locator:
        return self.figure.get_by_role("checkbox", name=name)

    def open(self) -> None:
        self.toggle.click()
        self.view.evaluate(CENTRE)

    def shot(self) -> np.ndarray:
        """The view without the focus frame, after everything asked for has been drawn."""
        self.page.evaluate("() => new Promise((done) => setTimeout(done, 150))")
        return pixels(self.view.screenshot())[6:-6, 6:-6]

    def scrolled(self) -> float:
        self.page.wait_for_timeout(400)
        return self.page.evaluate("window.scrollY")

    def centre(self) -> tuple[float, float]:
        box = self.view.bounding_box()
        assert box is not None
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


@contextmanager
def reading(browser: Browser, address: str, *, phone: bool = False, before: str = "") -> Iterator:
    context = browser.new_context(
        viewport={"width": 390 if phone else 1280, "height": 800}, has_touch=phone, is_mobile=phone
    )
    page = context.new_page()
    page.add_init_script(before)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda r: r.url == address or problems.append(r.url[:80]))
    page.goto(address)
    yield Reader(page)
    assert [p for p in problems if not p.startswith("data:")] == []
    context.close()


def part(shot: np.ndarray, i: int) -> np.ndarray:
    """Where a part is seen: its hue in any brightness."""
    hue = np.array(plots.class_colours(3)[i])
    norm = np.linalg.norm(shot, axis=-1).clip(1)
    return (shot @ hue / np.linalg.norm(hue) / norm > 0.999) & (shot.min(axis=-1) < 200)


def ink(shot: np.ndarray) -> float:
    return (shot < 240).any(axis=-1).mean()


def touch(page: Page, *paths: tuple[tuple[float, float], tuple[float, float]]) -> None:
    """Fingers that go straight from one place to another, all at once."""
    session = page.context.new_cdp_session(page)
    for share in np.linspace(0, 1, 11):
        points = [
            {"x": a + share * (c - a), "y": b + share * (d - b), "id": i}
            for i, ((a, b), (c, d)) in enumerate(paths)
        ]
        kind = "touchMove" if share else "touchStart"
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        page.wait_for_timeout(20)
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
