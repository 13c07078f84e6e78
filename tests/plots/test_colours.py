"""Colours are told apart from each other and from what lies under them, by everybody."""

import itertools

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb

from tests.vision import VISION, contrast, difference, seen
from tubekit import plots
from tubekit.plots.figures import DPI
from tubekit.plots.overlays import OUTCOMES
from tubekit.plots.style import SERIES, class_colours

red_or_green = pytest.mark.parametrize("vision", list(VISION)[:3])
everybody = pytest.mark.parametrize("vision", VISION)


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
