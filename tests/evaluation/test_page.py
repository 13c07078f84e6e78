"""The report's page: it stands alone, hostile names stay names, plots show the numbers."""

import html.parser
import math
import os
from pathlib import Path

import numpy as np

from tests.evaluation.scenes import run, table, write_case
from tubekit.evaluation.pictures import dot_plot, square_pixels


class Parsed(html.parser.HTMLParser):
    """Tags that balance, and what a page without a network must have."""

    VOID = ("meta", "img", "path", "br")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_hostile_names_stay_names(tmp_path: Path, drawn):
    names = (
        "<script>alert(1)<",
        "x..\\..\\up",
        '" onload="x',
        "$\\frac$ &amp; =1+1",
        "' --option; rm",
        os.fsdecode(b"bytes \xff\xfe"),
    )
    for seed, name in enumerate(names):
        write_case(tmp_path, name, seed % 3)
    found = run(tmp_path)
    assert not found.failures
    assert len(found.results) == len(names)
    outside = {path.name for path in tmp_path.iterdir()}
    assert outside == {"preds", "labels", "out"}
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"cases", "cases.csv", "tidy.csv", "summary.csv", "report.html"}
    for file in (tmp_path / "out" / "cases").iterdir():
        assert len(file.stem) == 64
        assert set(file.stem) <= set("0123456789abcdef")
    page = found.report.read_text()
    parsed = Parsed(page)
    assert "<script>alert" not in page
    assert sum(tag == "script" for tag, _ in parsed.tags) == 1
    assert not any("onload" in attributes for _, attributes in parsed.tags)
    assert {row["case"] for row in table(tmp_path / "out" / "cases.csv")} >= set(names[:5])


def test_the_page_stands_alone_and_says_what_it_shows(folders: Path, drawn):
    found = run(folders)
    page = found.report.read_text()
    parsed = Parsed(page)
    assert "http" not in page.replace("http-equiv", "")
    pictures = [attributes for tag, attributes in parsed.tags if tag == "img"]
    assert len(pictures) == 3
    for attributes in pictures:
        assert attributes["src"].startswith("data:image/png;base64,")
        assert "pixels found" in attributes["alt"]
    assert all(
        attributes.get("aria-label")
        for tag, attributes in parsed.tags
        if tag in ("svg", "div")
        if tag == "svg" or "wide-table" in attributes.get("class", "")
    )
    for words in ("worst: ", "median: ", "best: ", "0, undefined, undefined", "scikit-image"):
        assert words in page
    assert ("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}) in (
        parsed.tags
    )
    ranked = sorted(found.results, key=lambda r: r.values["cldice"])
    assert page.index(f"worst: {ranked[0].name}") < page.index(f"best: {ranked[-1].name}")


def test_dot_plot_places_values():
    svg = dot_plot(["x", "y", "z"], [0.0, 1.0, float("nan")], mean=0.5, interval=(0.2, 0.8))
    assert svg.count("<circle") == 2
    assert 'cx="14.0"' in svg
    assert 'cx="306.0"' in svg
    assert "2 cases from 0 to 1, median 0.5, mean 0.5" in svg
    assert dot_plot(["x"], [float("nan")], mean=math.nan, interval=(math.nan, math.nan)) == ""
    assert "interval" not in dot_plot(["x"], [3.0], mean=3.0, interval=(math.nan, math.nan))


def test_flat_pixels_become_square():
    mask = np.eye(3, 4, dtype=bool)
    assert np.array_equal(square_pixels(mask, (2.0, 1.0)), np.repeat(mask, 2, axis=0))
    assert np.array_equal(square_pixels(mask, (1.0, 1.0)), mask)
    assert square_pixels(mask, (0.7, 1.0)).shape == (3, 6)


def test_undefined_cases_do_not_disturb_the_order_of_the_dots():
    with_gap = dot_plot(["a", "b", "c"], [3.0, math.nan, 1.0], mean=2.0, interval=(1.0, 3.0))
    assert with_gap == dot_plot(["a", "c"], [3.0, 1.0], mean=2.0, interval=(1.0, 3.0))
