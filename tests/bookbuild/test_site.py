"""The finished site: its entry is a page of its own."""

from pathlib import Path

import pytest

from tubekit.bookbuild.site import _entry_page


def test_the_entry_has_a_title_an_icon_and_a_link(tmp_path: Path):
    index = tmp_path / "index.html"
    index.write_text('<meta http-equiv="Refresh" content="0; url=intro.html" />')
    (tmp_path / "intro.html").write_text(
        "<html><title>A book of\n tubes &#8212; Site</title></html>"
    )
    for _ in range(2):  # a second build may find the first one's page
        _entry_page(index)
        text = index.read_text()
        assert "url=intro.html" in text
        assert '<link rel="icon" href="_static/favicon.svg">' in text
        assert '<a href="intro.html">A book of tubes</a>' in text
    index.write_text("<p>nothing</p>")
    with pytest.raises(ValueError, match="expected a redirect"):
        _entry_page(index)
