"""Tables and rotatable surfaces as HTML: accessible, self-contained, deterministic."""

import base64
import html
import io
import itertools
import json
import re
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pandas as pd
import plotly
import pytest
from PIL import Image

from tubekit import plots
from tubekit.plots.mesh3d import layer_meshes
from tubekit.plots.rotatable import MAX_FACES

ALT = "Two crossed bars & one <dot>."
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture
def label():
    label = np.zeros((20, 24, 28), dtype=np.int32)
    label[8:12, 10:14, 3:25] = 1
    label[3:17, 4:7, 4:7] = 2
    return label


@pytest.fixture
def text(label):
    names = ["bar", "</script>post"]
    fragment = plots.rotatable(label, spacing=(2, 1, 1), div_id="fig-a", alt=ALT, names=names)
    return fragment._repr_html_()


def payload(text):
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', text)[1])


def test_still_picture_has_alternative_text_and_content(text):
    image = re.search(r'<img alt="(.*?)" src="data:image/png;base64,(.*?)"', text)
    assert html.unescape(image[1]) == ALT
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(image[2]))).convert("RGB"))
    assert 0.02 < (picture != 255).any(axis=-1).mean() < 0.9


def test_fragment_needs_nothing_from_outside(text):
    assert not re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", text)
    assert "import(" not in text  # pages opened from disk block modules
    assert 'type="module"' not in text
    assert text.count("<script") == text.count("</script>") == 2
    assert "_static/plotly.min.js" in text
    assert "content_root" in text


def test_fragment_is_accessible_and_well_formed(text):
    root = ET.fromstring(re.sub(r"<script.*?</script>", "", text, flags=re.S))
    assert root.get("id") == "fig-a"
    button = root.find(".//button")
    assert button.text == "Rotate in 3-D"
    assert root.find(".//div").get("aria-label") == ALT
    assert root.find(".//div").get("tabindex") == "0"
    assert root.find(".//span[@role='status']") is not None
    assert [item.find(".//span").tail.strip() for item in root.findall(".//li")] == [
        "bar",
        "</script>post",
    ]


def test_fragment_is_the_same_every_time(label, text):
    names = ["bar", "</script>post"]
    again = plots.rotatable(label, spacing=(2, 1, 1), div_id="fig-a", alt=ALT, names=names)
    assert again._repr_html_() == text


def test_packed_meshes_unpack_to_millimetres(label, text):
    data = payload(text)
    surfaces = plots.tree_mesh(label, (2, 1, 1))
    assert [layer["name"] for layer in data["layers"]] == ["bar", "</script>post"]
    for layer, surface in zip(data["layers"], surfaces, strict=True):
        points = np.frombuffer(base64.b64decode(layer["points"]), "<u2").reshape(-1, 3)
        faces = np.frombuffer(base64.b64decode(layer["faces"]), "<u2").reshape(-1, 3)
        np.testing.assert_allclose(
            points * data["step"] + data["origin"], surface.points_mm, atol=data["step"] + 1e-4
        )
        np.testing.assert_array_equal(faces, surface.faces)


def test_large_labels_are_drawn_coarser_within_the_size_limit(rng):
    label = rng.random((48, 48, 48)) < 0.1
    fragment = plots.rotatable(label, div_id="big", alt="Scattered voxels.")
    data = payload(fragment.text)
    faces = sum(len(base64.b64decode(layer["faces"])) // 6 for layer in data["layers"])
    assert 0 < faces <= MAX_FACES
    assert len(fragment.text) < 500_000


def test_meshes_enclose_the_right_volume(label):
    for surface, value in zip(plots.tree_mesh(label, (2, 1, 1)), (1, 2), strict=True):
        a, b, c = (surface.points_mm[surface.faces[:, k]].astype(float) for k in range(3))
        volume = abs(np.einsum("ij,ij->i", a, np.cross(b, c)).sum()) / 6
        assert volume == pytest.approx(2.0 * (label == value).sum(), rel=0.12)
        middle = np.argwhere(label == value).mean(axis=0) * (2, 1, 1)
        box = (surface.points_mm.max(axis=0) + surface.points_mm.min(axis=0)) / 2
        np.testing.assert_allclose(box, middle, atol=0.2)


def test_coarse_meshes_stay_in_place_and_keep_thin_tubes():
    label = np.zeros((16, 16, 32), dtype=bool)
    label[5, 6, 4:28] = True
    fine, coarse = (plots.tree_mesh(label, (1, 1, 2), step)[0] for step in (1, 2))
    assert len(coarse.faces) < len(fine.faces)
    centre = [np.ptp(s.points_mm, axis=0) / 2 + s.points_mm.min(axis=0) for s in (fine, coarse)]
    np.testing.assert_allclose(centre[0], centre[1], atol=1.0)


def test_layers_get_their_names_and_colours(label):
    surfaces = layer_meshes({"kept": label == 1, "lost": label == 2}, None)
    assert [surface.name for surface in surfaces] == ["kept", "lost"]
    assert [surface.colour for surface in surfaces] == plots.class_colours(2)


def test_camera_looks_upright():
    axes = plots.camera_axes((1.0, 0.0, 0.0))  # from +x: y to the right, z up; rows are (z, y, x)
    np.testing.assert_allclose(axes, [[0, 1, 0], [1, 0, 0], [0, 0, 1]], atol=1e-12)
    np.testing.assert_allclose(plots.camera_axes() @ plots.camera_axes().T, np.eye(3), atol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"alt": " "}, "alt needs"),
        ({"div_id": "1 2"}, "div_id must be"),
        ({"label_or_layers": np.zeros((4, 4, 4), int)}, "at least one foreground voxel"),
        ({"names": ["one"]}, "lie in 0..1"),
        ({"spacing": (1, 1)}, "spacing"),
    ],
)
def test_bad_input_is_refused(label, change, message):
    arguments = {"label_or_layers": label, "div_id": "a", "alt": "A bar."} | change
    with pytest.raises(ValueError, match=message):
        plots.rotatable(**arguments)


def test_table_is_accessible():
    frame = pd.DataFrame(
        {"Dice": ["0.81", None], "verdict": ["reproduced", "trend <only>"]},
        index=pd.Index(["CE & Dice", "+ clDice"], name="Loss"),
    )
    text = plots.table_html(frame, caption="Retina", verdict="verdict")._repr_html_()
    root = ET.fromstring(text)
    assert root.get("tabindex") == "0"
    assert root.get("aria-label") == root.find(".//caption").text == "Retina"
    assert [th.text for th in root.findall(".//th[@scope='col']")] == ["Loss", "Dice", "verdict"]
    assert [th.text for th in root.findall(".//th[@scope='row']")] == ["CE & Dice", "+ clDice"]
    cells = [td for td in root.iter("td")]
    assert cells[2].text == "–"
    assert "".join(cells[1].itertext()) == "✓ reproduced"
    assert cells[1].find(".//span[@aria-hidden]").text == "✓"
    assert "".join(cells[3].itertext()) == "trend <only>"  # unknown words are shown as they are
    assert [cell.get("data-label") for cell in cells] == ["Dice", "verdict"] * 2


def test_a_corner_without_words_is_no_heading_and_a_note_follows():
    text = plots.table_html(pd.DataFrame({"a": [1]}), caption="c", key="here", note="n <b>").text
    assert "<thead><tr><td></td><th" in text
    assert text.startswith('<div class="wide-table" id="here" ')
    assert text.endswith('<p class="table-note">n &lt;b&gt;</p>')


def test_table_keeps_whole_numbers_whole():
    frame = pd.DataFrame({"n": [3, 4], "x": [0.5, np.nan]})
    cells = re.findall("<td data.*?>(.*?)</td>", plots.table_html(frame, caption="c").text)
    assert cells == ["3", "0.500", "4", "–"]


def test_tables_refuse_missing_captions_and_columns():
    frame = pd.DataFrame({"a": [1]})
    with pytest.raises(ValueError, match="caption"):
        plots.table_html(frame, caption="")
    with pytest.raises(ValueError, match="verdict must name a column"):
        plots.table_html(frame, caption="x", verdict="b")


def ink(png):
    """Where a picture is not white."""
    return (np.asarray(Image.open(io.BytesIO(png)).convert("RGB")) < 240).any(axis=-1)


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_a_browser_turns_the_tree_from_disk(text, tmp_path: Path):
    sync = pytest.importorskip("playwright.sync_api")
    script = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    (tmp_path / "_static").mkdir()
    (tmp_path / "_static" / "plotly.min.js").symlink_to(script)
    page_file = tmp_path / "notebooks" / "page.html"
    page_file.parent.mkdir()
    page_file.write_text(
        '<!doctype html><html data-content_root="../"><meta charset="utf-8">'
        f"<body>{text}</body></html>"
    )
    flags = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
    with sync.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        page = browser.new_context(
            viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True
        ).new_page()
        errors, requests = [], []
        page.on("pageerror", lambda error: errors.append(error))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(page_file.as_uri())
        assert page.locator("#fig-a img").is_visible()
        assert not any("plotly" in url for url in requests)  # a phone loads nothing until asked
        page.locator("#fig-a button").tap()
        page.locator("#fig-a .tube3d-note", has_text="Drag").wait_for(timeout=60_000)
        assert not page.locator("#fig-a img").is_visible()
        view = page.locator("#fig-a .tube3d-view")
        page.wait_for_timeout(500)
        shots = [ink(view.screenshot())]
        for key in ("ArrowLeft", "ArrowUp", "+"):
            view.press(key)
            page.wait_for_timeout(500)
            shots.append(ink(view.screenshot()))
        assert all((a != b).mean() > 0.005 for a, b in itertools.pairwise(shots))
        assert shots[3].mean() > shots[2].mean()  # + comes nearer
        page.locator("#fig-a input").first.uncheck()
        page.wait_for_timeout(500)
        assert ink(view.screenshot()).mean() < 0.95 * shots[3].mean()
        page.locator("#fig-a button").tap()
        assert page.locator("#fig-a img").is_visible()
        assert errors == []
        assert all(url.startswith(("file:", "data:", "blob:")) for url in requests)
        browser.close()
