"""Pictures by napari where it can run, by matplotlib where it cannot, and never an exception."""

import importlib.util
import os
import subprocess
import sys
import types

import numpy as np
import pytest

from tubekit.interop import napari as bridge
from tubekit.interop.layers import middle_and_extent
from tubekit.interop.napari import Layer, open_viewer, screenshot
from tubekit.interop.napari_shot import add_layers
from tubekit.plots import class_colours

HAS_NAPARI = importlib.util.find_spec("napari") is not None


@pytest.fixture
def layers():
    label = np.zeros((16, 20, 24), dtype=np.int32)
    label[4:12, 8:12, 2:22] = 1
    label[7:9, 2:18, 10:14] = 2
    image = (label > 0) + np.linspace(0, 0.2, 24)
    return [
        Layer("image", "image", image, (2.0, 1.0, 1.0)),
        Layer("vessels", "labels", label, (2.0, 1.0, 1.0)),
    ]


@pytest.fixture
def no_napari(monkeypatch):
    monkeypatch.setattr(bridge, "_missing", lambda: "napari is not installed")


@pytest.mark.parametrize("ndisplay", [2, 3])
@pytest.mark.parametrize("which", [slice(None), slice(0, 1), slice(1, 2)])
def test_without_napari_matplotlib_draws(no_napari, layers, which, ndisplay):
    still = screenshot(layers[which], size=(120, 160), ndisplay=ndisplay)
    assert still.image.shape == (120, 160, 3)
    assert still.image.dtype == np.uint8
    assert still.image.std() > 5  # something is to be seen
    assert "matplotlib" in still.source
    assert "napari is not installed" in still.source
    again = screenshot(layers[which], size=(120, 160), ndisplay=ndisplay)
    np.testing.assert_array_equal(still.image, again.image)


def parts(image):
    """Where a picture shows class 1, class 2, grey, and nothing; classes may be mixed with grey."""

    def hue(rgb):
        pure = rgb - rgb.min(axis=-1, keepdims=True)
        return pure / np.linalg.norm(pure, axis=-1, keepdims=True).clip(1e-9)

    lit, coloured = image.max(axis=-1) > 40, np.ptp(image.astype(int), axis=-1) > 25
    near = [hue(image.astype(float)) @ hue(np.array(colour)) > 0.97 for colour in class_colours(2)]
    return [*(one & coloured & lit for one in near), lit & ~coloured, ~lit]


@pytest.mark.parametrize("ndisplay", [2, 3])
def test_the_stand_in_shows_image_labels_and_points(no_napari, layers, ndisplay):
    def take(*chosen):
        return screenshot(chosen, size=(120, 160), ndisplay=ndisplay, angles=(0, 0, 0)).image

    image, labels = layers
    points = Layer("ends", "points", np.array([[8.0, 2, 2], [8, 18, 22]]), (2.0, 1.0, 1.0))
    alone, below, all_three = (take(*c) for c in ((image,), (image, labels), (*layers, points)))
    one, two, grey, black = parts(below)
    assert min(part.sum() for part in (one, two, grey, black)) > 100
    assert (below[grey] == alone[grey]).mean() > 0.95  # labels cover, and dim nothing
    assert (all_three != below).any(axis=-1).sum() > 8
    # As in the array the long bar lies across the picture, below the upper end of the other.
    rows, columns = np.nonzero(one)
    assert np.ptp(columns) > np.ptp(rows)
    assert np.nonzero(two)[0].min() < rows.min()


def test_angles_and_zoom_matter_without_napari(no_napari, layers):
    def take(**how):
        return parts(screenshot(layers, size=(120, 160), **how).image)

    front = take(angles=(0.0, 0.0, 0.0))
    assert (front[0] != take(angles=(0.0, 60.0, 0.0))[0]).any()
    near = take(angles=(0.0, 0.0, 0.0), zoom=1.5)
    assert near[0].sum() == pytest.approx(1.5**2 * front[0].sum(), rel=0.1)


def test_absence_is_noticed(monkeypatch):
    monkeypatch.setattr(bridge.importlib.util, "find_spec", lambda name: None)
    assert bridge._missing() == "napari is not installed"
    monkeypatch.setattr(bridge.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(bridge.shutil, "which", lambda name: None)
    assert "Xvfb" in bridge._missing()
    monkeypatch.setitem(sys.modules, "napari", None)
    with pytest.raises(ImportError, match="pip install"):
        open_viewer([Layer("a", "image", np.zeros((4, 4)))])


class Process:
    """Stands in for the process that takes the picture."""

    pid = 2**22  # above the largest process number: no such group
    returncode = 3

    def __init__(self, fails):
        self.fails = fails

    def communicate(self, timeout):
        if self.fails == "timeout":
            raise subprocess.TimeoutExpired("xvfb-run", timeout)
        return "loading\nsegmentation fault", None

    def wait(self):
        self.fails = "waited"


@pytest.mark.parametrize(
    ("fails", "reason"), [("crash", "segmentation fault"), ("timeout", "timed out")]
)
def test_crash_and_timeout_fall_back_with_the_reason(monkeypatch, layers, fails, reason):
    killed = []
    process = Process(fails)
    monkeypatch.setattr(bridge, "_missing", lambda: "")
    monkeypatch.setattr(bridge.subprocess, "Popen", lambda *a, **k: process)
    monkeypatch.setattr(bridge.os, "killpg", lambda group, _: killed.append(group))
    still = screenshot(layers, size=(60, 80), timeout_seconds=1.0)
    assert still.image.shape == (60, 80, 3)
    assert reason in still.source
    assert killed == ([process.pid] if fails == "timeout" else [])


def test_black_pictures_are_refused(monkeypatch, layers):
    def popen(command, **_):
        np.save(f"{command[-1]}/shot.npy", np.zeros((60, 80, 3), np.uint8))
        return types.SimpleNamespace(communicate=lambda timeout: ("", None), returncode=0, pid=0)

    monkeypatch.setattr(bridge, "_missing", lambda: "")
    monkeypatch.setattr(bridge.subprocess, "Popen", popen)
    assert "black" in screenshot(layers, size=(60, 80)).source


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (
            "qt.qpa.plugin: From 6.5.0, xcb-cursor0 or libxcb-cursor0 is needed to load the Qt xcb "
            "platform plugin.\nAvailable platform plugins are: xcb, offscreen.\n",
            "the system library libxcb-cursor0 is missing",
        ),
        (
            "ImportError: libEGL.so.1: cannot open shared object file: No such file or directory",
            "the system library libEGL.so.1 is missing",
        ),
        ("loading\nsegmentation fault\n", "segmentation fault"),
        ("", ""),
    ],
)
def test_the_reason_names_the_missing_library(output, reason):
    assert bridge.why_failed(output) == reason


@pytest.fixture(scope="module")
def working_napari():
    """Skip unless napari alone, without this library, can open a window here: tried once."""
    if missing := bridge._missing():
        pytest.skip(missing)
    program = "import napari; napari.Viewer(show=True).screenshot(flash=False)"
    command = ["xvfb-run", "-a", "-s", bridge._SCREEN, sys.executable, "-c", program]
    environment = {k: v for k, v in os.environ.items() if k != "QT_QPA_PLATFORM"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        pytest.skip(f"napari cannot open a window: {bridge.why_failed(done.stdout + done.stderr)}")


@pytest.mark.slow
def test_napari_takes_the_picture(working_napari, layers):
    still = screenshot(layers[1:], size=(120, 160))
    assert still.source.startswith("Picture taken with napari"), still.source
    assert still.image.shape == (120, 160, 3)
    assert still.image.mean() > 0.5
    ink = still.image[still.image.sum(axis=-1) > 60]
    assert len(np.unique(ink.argmax(axis=-1))) == 2  # both classes, each in its own colour


@pytest.mark.slow
@pytest.mark.parametrize("ndisplay", [2, 3])
def test_the_stand_in_shows_the_same_scene(working_napari, monkeypatch, layers, ndisplay):
    view = {"size": (240, 320), "ndisplay": ndisplay, "angles": (20, -30, 60)}
    taken = parts(screenshot(layers, **view).image)
    monkeypatch.setattr(bridge, "_missing", lambda: "napari is not installed")
    drawn = parts(screenshot(layers, **view).image)
    for mine, theirs in zip(drawn[:2], taken[:2], strict=True):  # the two classes
        assert (mine & theirs).sum() > 0.75 * (mine | theirs).sum()
    assert (drawn[3] & taken[3]).sum() > 0.95 * (drawn[3] | taken[3]).sum()  # the border


@pytest.mark.skipif(not HAS_NAPARI, reason="napari is not installed")
def test_layers_reach_the_viewer(layers):
    calls = {}
    viewer = types.SimpleNamespace(
        add_image=lambda data, **k: calls.update(image=(data, k)),
        add_labels=lambda data, **k: calls.update(labels=(data, k)),
        add_points=lambda data, **k: calls.update(points=(data, k)),
    )
    points = Layer("gaps", "points", np.array([[1.0, 2.0, 3.0]]))
    add_layers(viewer, [*layers, points])
    assert calls["image"][1]["scale"] == calls["labels"][1]["scale"] == (2.0, 1.0, 1.0)
    assert calls["points"][1]["scale"] == (1.0, 1.0, 1.0)
    table = calls["labels"][1]["colormap"].color_dict
    np.testing.assert_allclose(table[2][:3], class_colours(2)[1], atol=1e-6)
    assert table[0][3] == 0


def test_middle_and_extent_are_millimetres():
    middle, extent = middle_and_extent([Layer("a", "image", np.zeros((3, 5, 9)), (2.0, 1.0, 0.5))])
    np.testing.assert_allclose(middle, [2.0, 2.0, 2.0])
    assert extent == pytest.approx(np.sqrt(48))


def test_bad_layers_are_refused(layers):
    with pytest.raises(ValueError, match="integers"):
        Layer("a", "labels", np.zeros((4, 4)))
    with pytest.raises(ValueError, match="spacing"):
        Layer("a", "image", np.zeros((4, 4)), (1.0, 0.0))
    with pytest.raises(ValueError, match="axes"):
        Layer("a", "image", np.zeros((4, 4, 4, 4)))
    with pytest.raises(ValueError, match="at least one layer"):
        screenshot([])
    with pytest.raises(ValueError, match="at least one layer"):
        open_viewer([*layers, Layer("flat", "image", np.zeros((4, 4)))])
    with pytest.raises(ValueError, match="zoom above 0"):
        screenshot(layers, zoom=0.0)
    with pytest.raises(ValueError, match="ndisplay"):
        screenshot([Layer("flat", "image", np.zeros((4, 4)))])
