"""What a reader does with a rotatable figure, by pixels, in a page of its own opened from disk."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser

from tests.browser import PROGRAM, chromium
from tests.plots.reader import CENTRE, PAGE, Reader, ink, part, reading, touch
from tubekit import plots

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason="Chromium is not installed"),
]
NAMES = ("bar", "post", "far")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> str:
    """Two figures in a page; the parts differ in size and place, so that every range changes."""
    label = np.zeros((20, 24, 60), dtype=np.int32)
    label[8:12, 10:14, 3:25] = 1
    label[3:17, 4:7, 4:7] = 2
    label[1:4, 18:21, 50:58] = 3
    figures = [
        plots.rotatable(label, spacing=(2, 1, 1), div_id=name, alt="Bars.", names=NAMES).text
        for name in ("one", "two")
    ]
    file: Path = tmp_path_factory.mktemp("page") / "page.html"
    file.write_text(PAGE.format("".join(figures)))
    return file.as_uri()


@pytest.fixture
def reader(browser, address) -> Iterator[Reader]:
    with reading(browser, address) as found:
        yield found


@pytest.fixture
def phone(browser, address) -> Iterator[Reader]:
    with reading(browser, address, phone=True) as found:
        yield found


def test_a_figure_waits_until_it_is_asked(reader):
    reader.view.locator("xpath=..").scroll_into_view_if_needed()
    reader.page.wait_for_timeout(500)
    assert reader.still.is_visible()
    assert reader.page.locator("canvas").count() == 0
    reader.open()
    assert reader.page.locator("canvas").count() == 1  # the other figure waits
    assert not reader.still.is_visible()
    first = reader.shot()
    assert all(part(first, i).sum() > 100 for i in range(3))
    reader.toggle.click()
    assert reader.still.is_visible()
    assert not reader.view.is_visible()
    reader.still.click()
    np.testing.assert_array_equal(reader.shot(), first)


def test_a_part_that_is_hidden_moves_nothing_and_comes_back(reader):
    reader.open()
    whole = reader.shot()
    for i, name in enumerate(NAMES):
        box = reader.box(name)
        box.uncheck()
        without = reader.shot()
        assert part(without, i).sum() == 0
        for other in {0, 1, 2} - {i}:
            seen = part(whole, other)
            assert seen.sum() > 100
            # At an edge between two parts a pixel is a mixture of both colours.
            kept = (np.abs(without - whole)[seen] < 3).all(axis=-1)
            assert kept.mean() > 0.98, (name, NAMES[other])
        box.check()
        np.testing.assert_array_equal(reader.shot(), whole)


def test_hidden_parts_stay_hidden_while_it_turns(reader):
    reader.open()
    reader.box("far").uncheck()
    reader.view.press("ArrowLeft")
    assert part(reader.shot(), 2).sum() == 0


def test_a_double_click_opens(reader):
    reader.toggle.dblclick()
    assert reader.view.is_visible()
    reader.toggle.click()
    assert reader.still.is_visible()
    reader.still.dblclick()
    assert reader.view.is_visible()


def test_the_wheel_is_the_pages_until_the_figure_is_chosen(reader):
    reader.open()
    reader.page.mouse.move(*reader.centre())
    start, first = reader.scrolled(), reader.shot()
    reader.page.mouse.wheel(0, 60)
    assert reader.scrolled() == start + 60
    np.testing.assert_array_equal(reader.shot(), first)
    reader.page.mouse.click(*reader.centre())
    reader.page.mouse.wheel(0, -60)
    assert reader.scrolled() == start + 60
    assert ink(reader.shot()) > 1.1 * ink(first)
    reader.page.keyboard.press("Escape")
    reader.page.mouse.wheel(0, -60)
    assert reader.scrolled() == start


def test_the_mouse_turns_and_the_buttons_zoom(reader):
    reader.open()
    first = reader.shot()
    x, y = reader.centre()
    reader.page.mouse.move(x, y)
    reader.page.mouse.down()
    reader.page.mouse.move(x + 90, y + 30, steps=3)
    reader.page.mouse.up()
    assert np.abs(reader.shot() - first).mean() > 1
    reader.page.mouse.move(x, y + 5)  # no longer held
    turned = reader.shot()
    reader.page.mouse.move(x + 50, y)
    np.testing.assert_array_equal(reader.shot(), turned)
    reader.button("Reset").click()
    np.testing.assert_array_equal(reader.shot(), first)
    reader.button("Closer").click()
    assert ink(reader.shot()) > 1.2 * ink(first)
    reader.button("Farther").click()
    reader.button("Farther").click()
    assert ink(reader.shot()) < 0.8 * ink(first)


def test_the_keyboard_does_it_all(reader):
    reader.page.keyboard.press("Tab")
    assert reader.toggle.evaluate("node => node === document.activeElement")
    reader.page.keyboard.press("Enter")
    assert reader.view.evaluate("node => node === document.activeElement")
    first = reader.shot()
    opposite = {"ArrowLeft": "ArrowRight", "ArrowDown": "ArrowUp", "+": "0", "Shift+ArrowUp": "0"}
    for key, back in opposite.items():
        before = reader.scrolled()
        reader.page.keyboard.press(key)
        assert np.abs(reader.shot() - first).mean() > 0.5, key
        reader.page.keyboard.press(back)
        assert np.abs(reader.shot() - first).max() <= 3, back
        assert reader.scrolled() == before
    before = reader.shot()
    reader.page.keyboard.press("Control+ArrowLeft")
    np.testing.assert_array_equal(reader.shot(), before)
    reader.page.keyboard.press("Tab")
    assert reader.box("bar").evaluate("node => node === document.activeElement")


def test_what_is_seen_fits_its_frame_when_the_window_changes(reader):
    reader.open()
    proportions = []
    for width in (1100, 330):
        reader.page.set_viewport_size({"width": width, "height": 800})
        shot = reader.shot()
        height, width, _ = shot.shape
        rows, columns = np.nonzero((shot < 240).any(axis=-1))
        assert min(rows.min(), columns.min()) > 0
        assert rows.max() < height - 1
        assert columns.max() < width - 1
        assert max(np.ptp(rows) / height, np.ptp(columns) / width) > 0.6
        proportions.append(np.ptp(rows) / np.ptp(columns))
    assert proportions[0] == pytest.approx(proportions[1], rel=0.03)


def test_fingers_scroll_turn_and_pinch(phone):
    phone.open()
    first, start = phone.shot(), phone.scrolled()
    x, y = phone.centre()
    touch(phone.page, ((x - 40, y), (x + 40, y)))
    turned = phone.shot()
    assert np.abs(turned - first).mean() > 1
    near, far = ((x - 25, y - 25), (x + 25, y + 25)), ((x - 50, y - 50), (x + 50, y + 50))
    touch(phone.page, *zip(far, near, strict=True))
    assert ink(phone.shot()) < 0.5 * ink(turned)
    touch(phone.page, *zip(near, far, strict=True))
    assert ink(phone.shot()) == pytest.approx(ink(turned), rel=0.05)
    assert phone.scrolled() == start
    assert phone.page.evaluate("window.visualViewport.scale") == 1
    phone.button("Reset").tap()
    np.testing.assert_array_equal(phone.shot(), first)
    touch(phone.page, ((x, y + 50), (x, y - 50)))  # up and down scroll the page ...
    assert phone.scrolled() > start
    phone.view.tap()
    phone.view.evaluate(CENTRE)
    before, start = phone.shot(), phone.scrolled()
    x, y = phone.centre()
    touch(phone.page, ((x, y + 50), (x, y - 50)))  # ... until the figure is chosen
    assert phone.scrolled() == start
    assert np.abs(phone.shot() - before).mean() > 1


def test_without_webgl_the_still_picture_stays(browser, address):
    broken = "HTMLCanvasElement.prototype.getContext = () => null;"
    with reading(browser, address, before=broken) as reader:
        reader.toggle.click()
        assert "no WebGL" in reader.figure.inner_text()
        assert reader.still.is_visible()
        assert not reader.view.is_visible()
        assert reader.toggle.inner_text() == "Turn it in 3-D"


def test_a_lost_context_gives_the_still_picture_and_can_be_opened_again(reader):
    reader.open()
    first = reader.shot()
    reader.box("post").uncheck()
    reader.toggle.click()
    reader.open()
    assert part(reader.shot(), 1).sum() == 0  # as it was left
    reader.page.evaluate(
        "document.querySelector('#one canvas').getContext('webgl2')"
        ".getExtension('WEBGL_lose_context').loseContext()"
    )
    reader.still.wait_for(state="visible")
    assert "open the figure again" in reader.figure.inner_text()
    reader.open()
    np.testing.assert_array_equal(reader.shot(), first)


def test_paper_shows_the_still_picture(reader):
    reader.open()
    reader.page.emulate_media(media="print")
    assert reader.still.is_visible()
    assert not reader.view.is_visible()
    assert not reader.toggle.is_visible()
