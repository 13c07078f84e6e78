"""Whatever data were absent when the book was built: the pages say what stands in for them."""

import json

import pytest

from tubekit.bookbuild.layout import checkout

from .conftest import Visit

pytestmark = pytest.mark.book
NOTEBOOKS = [path.stem for path in checkout().notebook_sources()]


def latest_run(notebook: str) -> dict:
    runs = checkout().cache.glob(f"{notebook}/*/run.json")
    return json.loads(max(runs, key=lambda path: path.parent.stat().st_mtime).read_text())


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_every_phantom_in_place_of_real_data_is_visible(visit: Visit, notebook: str) -> None:
    data = latest_run(notebook)["passport"]["data"]
    absent = {entry["in_place_of"] for entry in data} - {""}
    badges = visit.open(f"notebooks/{notebook}.html").locator(".phantom-badge")
    assert all(badge.is_visible() for badge in badges.all())
    text = " ".join(badges.all_inner_texts())
    assert all(name in text for name in absent)
    assert bool(badges.count()) == bool(absent)
