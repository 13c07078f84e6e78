"""Links between pages: the file exists, and so does the place in it. No browser needed."""

from functools import cache
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup

from .conftest import SITE, built_pages

pytestmark = pytest.mark.book


@cache
def parsed(name: str) -> BeautifulSoup:
    return BeautifulSoup((SITE / name).read_text(encoding="utf-8"), "lxml")


@cache
def anchors(name: str) -> frozenset[str]:
    page = parsed(name)
    named = {tag["name"] for tag in page.find_all("a", attrs={"name": True})}
    return frozenset({tag["id"] for tag in page.find_all(id=True)} | named)


@pytest.mark.parametrize("name", built_pages())
def test_internal_links_resolve(name: str) -> None:
    broken = []
    for tag in parsed(name).find_all("a", href=True):
        link = urlsplit(tag["href"])
        if link.scheme or link.netloc or tag["href"] in ("#", ""):
            continue
        target = ((SITE / name).parent / unquote(link.path) if link.path else SITE / name).resolve()
        if not target.is_file():
            broken.append(f"no file: {tag['href']}")
            continue
        below = target.relative_to(SITE.resolve()).as_posix()
        if (
            link.fragment
            and below.endswith(".html")
            and unquote(link.fragment) not in anchors(below)
        ):
            broken.append(f"no place: {tag['href']}")
    assert broken == []


@pytest.mark.parametrize("name", built_pages())
def test_nothing_is_loaded_from_elsewhere(name: str) -> None:
    """Not even on a click: scripts, styles, frames and images are local in the source, too."""
    page = parsed(name)
    loading = [tag.get("src") for tag in page.find_all(["script", "img", "iframe"], src=True)]
    loading += [t["href"] for t in page.find_all("link", href=True) if "canonical" not in t["rel"]]
    assert [url for url in loading if urlsplit(url).netloc] == []


def test_no_page_is_too_heavy_for_a_phone() -> None:
    for name in built_pages():
        assert (SITE / name).stat().st_size < 6_000_000, f"{name} is too heavy for a phone"


def test_a_long_chapter_is_pages_with_their_neighbours_and_one_notebook() -> None:
    """From the old address through the pages and on; nothing offers a piece of a notebook."""
    for chapter in ("notebooks/01_skeleton_recall", "notebooks/02_harmonyseg"):
        names = [f"{chapter}{part}.html" for part in ("", "-training", "-evidence")]
        for name, following in pairwise(names):
            link = parsed(name).select_one("a.right-next")
            assert (SITE / name).parent / link["href"] == SITE / following
            back = parsed(following).select_one("a.left-prev")
            assert (SITE / name).parent / back["href"] == SITE / name
        for name in names:
            links = [tag["href"] for tag in parsed(name).find_all("a", href=True)]
            offered = {link for link in links if link.endswith(".ipynb")}
            assert offered
            assert {Path(link).stem for link in offered} == {Path(chapter).name}
            assert "Training" in parsed(name).select_one(".bd-links").get_text()
    assert not [*SITE.rglob("*-training.ipynb"), *SITE.rglob("*-evidence.ipynb")]
