"""Colours are told apart from each other and from what lies under them, by everybody."""

import itertools

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from skimage.color import deltaE_ciede2000, rgb2lab

from tubekit import plots
from tubekit.plots.figures import DPI
from tubekit.plots.overlays import OUTCOMES
from tubekit.plots.style import SERIES, class_colours

# Full loss of one kind of cone, after Machado, Oliveira and Fernandes, 2009, on linear RGB.
VISION = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
red_or_green = pytest.mark.parametrize("vision", list(VISION)[:3])
everybody = pytest.mark.parametrize("vision", VISION)


def linear(rgb):
    rgb = np.asarray(rgb, dtype=float)
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def seen(rgb, vision):
    light = np.clip(linear(rgb) @ VISION[vision].T, 0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def difference(one, other):
    """CIEDE2000; 1 is just seen, above 20 two colours are called by different names."""
    return deltaE_ciede2000(rgb2lab(one), rgb2lab(other))


def contrast(one, other):
    """Ratio of luminance as the accessibility guidelines (WCAG) define it; they ask for 3."""
    weights = np.array([0.2126, 0.7152, 0.0722])
    low, high = np.sort(np.broadcast_arrays(linear(one) @ weights, linear(other) @ weights), axis=0)
    return (high + 0.05) / (low + 0.05)


@red_or_green
def test_classes_and_lines_are_told_apart(vision):
    colours = seen(class_colours(13), vision)
    assert min(difference(a, b) for a, b in itertools.combinations(colours, 2)) > 10
    assert len(set(class_colours(26))) == 26
    for colour in SERIES:
        assert sum(to_rgb(colour)) < 2.4  # dark enough on white


def backgrounds():
    """A retina, a slice of CT, a road between roofs and grass, and the whole cube of colours."""
    y, x = np.mgrid[:32, :32] / 31
    retina = np.stack([0.9 - 0.2 * y, 0.55 - 0.4 * x, 0.25 * y])
    road = np.stack([0.5 + 0.5 * (x > 0.5), 0.6 - 0.3 * y, 0.4 + 0.6 * (x > 0.5)])
    cube = np.indices((8, 8, 8)).reshape(3, 16, 32) / 7
    return {"retina": retina, "road": road, "cube": cube, "ct": y * x, "paper": 1 - 0.01 * x}


@everybody
@pytest.mark.parametrize("image", backgrounds().values(), ids=backgrounds())
def test_outcomes_stand_out_from_any_picture(image, vision):
    mask = np.zeros(image.shape[-2:], dtype=bool)
    mask[::2] = True
    ax = plots.overlay(image, {"": (mask, mask)}).axes[0]
    under = seen(np.repeat(np.asarray(ax.images[0].get_array())[..., None], 3, axis=-1), vision)
    assert np.ptp(under) > 0.15  # the picture is dark, but it is there
    colours = [seen(to_rgb(colour), vision) for _, colour, _ in OUTCOMES]
    for colour in colours:
        assert difference(colour, under).min() > 30
        assert contrast(colour, under).min() >= 3
    assert min(difference(a, b) for a, b in itertools.combinations(colours, 2)) > 20


@pytest.mark.parametrize("grey", [0.0, 0.5, 0.7, 1.0])
def test_outlines_are_seen_on_every_grey(grey):
    figure, (ax,) = plots.panels(1, 1)
    figure.set_dpi(DPI)
    mask = np.zeros((32, 32), dtype=bool)
    mask[8:24, 8:24] = True
    ax.imshow(np.full((32, 32), grey), cmap="gray", vmin=0, vmax=1)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    before = np.asarray(canvas.buffer_rgba())[..., :3] / 255
    plots.outline(ax, mask)
    canvas.draw()
    after = np.asarray(canvas.buffer_rgba())[..., :3] / 255
    clear = contrast(after, before) > 4.5
    assert clear.sum() > 4 * 0.5 * figure.bbox.width * 0.8  # all along the square
