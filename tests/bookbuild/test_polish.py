"""What is mended in a page, and what is left out of the site because no page uses it."""

import base64
import io
from pathlib import Path

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont
from PIL import Image

from tubekit.bookbuild.polish import polish
from tubekit.bookbuild.weight import lighten, purged


def png() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (30, 20)).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('<script defer src="../_static/scripts/fontawesome.js?d=1"></script>', ""),
        ('<script defer src="_static/mathjax/tex-chtml.js?v=2"></script>', ""),
        ('<script src="searchindex.js"></script>', ""),
        ('<i class="fa-solid fa-bars"></i>', '<i class="fa-solid fa-bars" aria-hidden="true"></i>'),
        ('<i class="fab fa-github"></i>', '<i class="fab fa-github" aria-hidden="true"></i>'),
        ('<i class="fade"></i>', '<i class="fade"></i>'),
        (
            '<a class="a nav-link" href="#w">On <span class="math x">\\(w\\)</span></a>',
            '<a class="a nav-link" href="#w">On <em>w</em></a>',
        ),
        ("<th></th>", "<td></td>"),
        ('<th class="head"><p></p></th>', "<td></td>"),
        ("<th>a</th>", "<th>a</th>"),
        ('<div role="doc-biblioentry">', '<div role="listitem">'),
        (
            '<a href="a.html">Part</a><details><summary><span></span></summary>',
            '<a href="a.html">Part</a><details><summary aria-label="Part"><span></span></summary>',
        ),
        ('<img alt="a" src="b.svg">', '<img alt="a" src="b.svg">'),
        (
            '<img alt="a" src="b.png" />',
            '<img alt="a" src="b.png"  width="30" height="20" loading="lazy"/>',
        ),
        (
            '<img alt="a" src="b.png" style="max-height:9px"/>',
            '<img alt="a" src="b.png" style="max-height:9px" loading="lazy"/>',
        ),
    ],
)
def test_a_page_is_mended_once(tmp_path: Path, before: str, after: str) -> None:
    page = tmp_path / "page.html"
    page.write_text(before)
    (tmp_path / "b.png").write_bytes(png())
    for _ in range(2):
        polish(page, tmp_path)
        assert page.read_text() == after


def test_the_search_page_keeps_its_index(tmp_path: Path) -> None:
    page = tmp_path / "search.html"
    page.write_text('<script src="searchindex.js"></script>')
    polish(page, tmp_path)
    assert "searchindex" in page.read_text()


def test_tables_of_pandas_can_be_reached_and_are_boxed_once(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text('<table border="1" class="dataframe"><tr></tr></table>' * 2)
    for _ in range(2):
        polish(page, tmp_path)
        assert page.read_text().count('tabindex="0"') == page.read_text().count("<div") == 2


def test_pictures_inside_a_page_become_files(tmp_path: Path) -> None:
    page = tmp_path / "notebooks" / "page.html"
    page.parent.mkdir()
    page.write_text(f'<img alt="a" src="data:image/png;base64,{base64.b64encode(png()).decode()}">')
    polish(page, tmp_path)
    (picture,) = (tmp_path / "_images").iterdir()
    assert picture.read_bytes() == png()
    assert f'src="../_images/{picture.name}"' in page.read_text()


@pytest.mark.parametrize(
    ("css", "kept"),
    [
        (".used{a:b}.gone{a:b}", ".used{a:b}"),
        (".used .gone,.used>p{a:b}", ".used>p{a:b}"),
        ("p{a:b}#gone{a:b}", "p{a:b}#gone{a:b}"),
        (".used:not(.gone){a:b}", ".used:not(.gone){a:b}"),
        (":is(.gone,.used) p,.gone{a:b}", ":is(.gone,.used) p{a:b}"),
        ("@media print{.gone{a:b}}", ""),
        ("@media print{.gone{a:b}.used{c:d}}", "@media print{.used{c:d}}"),
        ("@font-face{src:url(a.gone)}", "@font-face{src:url(a.gone)}"),
        ("@keyframes x{from{a:b}to{a:c}}", "@keyframes x{from{a:b}to{a:c}}"),
        ('@import "x.css";.gone{a:b}', '@import "x.css";'),
        ('/* .used{ */.used{content:"}"}.gone{a:b}', '.used{content:"}"}'),
        (".sd-w-1\\/2{a:b}", ".sd-w-1\\/2{a:b}"),
    ],
)
def test_rules_for_classes_that_no_page_has_are_left_out(css: str, kept: str) -> None:
    assert purged(css, {"used"}) == kept


def test_icon_fonts_keep_the_icons_in_use(tmp_path: Path) -> None:
    static = tmp_path / "_static"
    fonts = static / "vendor" / "webfonts"
    fonts.mkdir(parents=True)
    names = {0xF062: "used", 0xF063: "sign", 0xF064: "gone"}
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", *names.values()])
    builder.setupCharacterMap(names)
    builder.setupGlyf({name: TTGlyphPen(None).glyph() for name in builder.font.getGlyphOrder()})
    builder.setupHorizontalMetrics({name: (500, 0) for name in builder.font.getGlyphOrder()})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Icons", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(fonts / "icons.ttf")
    (fonts / "icons.woff2").write_text("the same, in a form that needs a further package to cut")
    (tmp_path / "page.html").write_text('<i class="fa-used"></i>')
    (static / "theme.css").write_text(
        '.fa-used:before{content:"\\f062"}.fa-gone:before{content:"\\f064"}:root{--sign:"\uf063"}'
        '@font-face{src:url(a.woff2) format("woff2"),url(a.ttf)}' + " " * 20_000
    )
    lighten(tmp_path)
    assert set(TTFont(fonts / "icons.ttf").getBestCmap()) == {0xF062, 0xF063}
    assert [path.name for path in fonts.iterdir()] == ["icons.ttf"]
    assert "fa-gone" not in (static / "theme.css").read_text()
    assert "@font-face{src:url(a.ttf)}" in (static / "theme.css").read_text()
