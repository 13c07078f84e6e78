"""Rotatable surfaces as HTML: accessible, self-contained, deterministic; their meshes in place."""

import base64
import html
import io
import json
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from tubekit import plots
from tubekit.plots.mesh3d import layer_meshes
from tubekit.plots.rotatable import MAX_FACES

ALT = "Two crossed bars & one <dot>."


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
    assert "fetch(" not in text
    assert not re.search(r"(?:src|href)=\"(?!data:)", text)
    assert text.count("<script") == text.count("</script>") == 2


def test_fragment_is_accessible_and_well_formed(text):
    root = ET.fromstring(re.sub(r"<script.*?</script>", "", text, flags=re.S))
    assert root.get("id") == "fig-a"
    button = root.find(".//button")
    assert button.text == "Turn it in 3-D"
    assert all(other.get("aria-label") for other in root.findall(".//p/span/button"))
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
    everything = np.concatenate([surface.points_mm for surface in surfaces])
    origin, step = everything.min(axis=0), np.ptp(everything, axis=0).max() / 65535
    np.testing.assert_allclose(data["size"], np.ptp(everything, axis=0) / step, atol=1)
    for layer, surface in zip(data["layers"], surfaces, strict=True):
        points = np.frombuffer(base64.b64decode(layer["points"]), "<u2").reshape(-1, 3)
        faces = np.frombuffer(base64.b64decode(layer["faces"]), "<u2").reshape(-1, 3)
        np.testing.assert_allclose(points * step + origin, surface.points_mm, atol=step + 1e-4)
        np.testing.assert_array_equal(faces, surface.faces)
        np.testing.assert_allclose(layer["colour"], surface.colour, atol=0.001)


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
