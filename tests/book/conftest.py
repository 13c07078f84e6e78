"""The built book in a real browser. Run `make book` first; needs Chromium (TUBEKIT_CHROMIUM)."""

import dataclasses
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import chromium
from tubekit.bookbuild.layout import checkout
from tubekit.bookbuild.serve import server

BUILD = Path(os.environ.get("TUBEKIT_BUILD", checkout().build))
SITE = BUILD / "html"

# Formulas and pictures come when they come near; a test looks at all of them.
EVERYTHING = """async () => {
  await window.setFormulas?.();
  for (const image of document.images) image.loading = "eager";
  await Promise.allSettled([...document.images].map((image) => image.decode()));
}"""


def built_pages() -> list[str]:
    """Every page, as a path below the site; ``index.html`` only leads to the first one."""
    names = (path.relative_to(SITE).as_posix() for path in sorted(SITE.rglob("*.html")))
    return [name for name in names if not name.startswith("_") and name != "index.html"]


@pytest.fixture(scope="session")
def pages() -> list[str]:
    found = built_pages()
    assert found, f"expected a built book in {SITE}, found none; run `make book` first"
    return found


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="session")
def http_address() -> Iterator[str]:
    layout = dataclasses.replace(checkout(), build=BUILD)
    with server(layout, 0) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@dataclasses.dataclass
class Visit:
    """One browser page that notes everything a reader should never meet."""

    page: Page
    address: str
    problems: list[str]
    phone: bool

    def settle(self) -> None:
        """Wait for the last request (the icon comes late): leaving a page would cancel it."""
        self.page.wait_for_load_state("networkidle")

    def open(self, name: str) -> Page:
        if self.page.url != "about:blank":
            self.settle()
        self.page.goto(f"{self.address}/{name}")
        self.page.wait_for_load_state("load")
        self.page.evaluate(EVERYTHING)
        return self.page


@pytest.fixture
def visit(browser: Browser, http_address: str, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """``request.param``: scheme and width, default a desktop over http; 390 is a phone."""
    scheme, width = getattr(request, "param", ("http", 1280))
    address = http_address if scheme == "http" else f"file://{SITE}"
    phone = width < 600
    context = browser.new_context(
        viewport={"width": width, "height": 900}, has_touch=phone, is_mobile=phone
    )
    problems: list[str] = []
    page = context.new_page()

    def local(url: str) -> bool:
        return url.startswith((f"{address}/", "data:", "blob:"))

    page.on("request", lambda r: local(r.url) or problems.append(f"left the machine: {r.url}"))
    page.on("requestfailed", lambda r: problems.append(f"failed: {r.url} {r.failure}"))
    page.on("response", lambda r: r.status >= 400 and problems.append(f"{r.status}: {r.url}"))
    page.on("pageerror", lambda e: problems.append(f"script error: {e}"))
    page.on("console", lambda m: m.type == "error" and problems.append(f"console error: {m.text}"))
    yield Visit(page, address, problems, phone)
    context.close()
