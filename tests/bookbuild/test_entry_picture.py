"""The entry page's picture keeps what its caption says."""

import io

import numpy as np
from PIL import Image

from tubekit import geometry, metrics
from tubekit.bookbuild.entry_picture import LOST, entry_picture, two_drawings


def test_the_usual_score_prefers_the_cut_drawing() -> None:
    truth, drawings = two_drawings(5)
    whole, cut = drawings.values()
    assert geometry.components(whole)[1] == geometry.components(truth)[1] == 1
    assert geometry.components(cut)[1] > 1
    assert metrics.dice(cut, truth) > metrics.dice(whole, truth) + 0.1
    assert not (whole & ~truth).any()
    assert not (cut & ~truth).any()


def test_the_picture_shows_both_and_is_the_same_every_time() -> None:
    picture = entry_picture()
    assert picture == entry_picture()
    pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)
    middle = pixels.shape[1] // 2
    red = (pixels[..., 0] > 150) & (pixels[..., 1:] < 100).all(axis=-1)
    grey = (np.abs(pixels - 255 * np.array(LOST)) < 3).all(axis=-1)
    blue = (pixels[..., 2] > 150) & (pixels[..., 0] < 60)
    for half in (np.s_[:, :middle], np.s_[:, middle:]):
        assert red[half].sum() > 5000
        assert grey[half].sum() > 300
    assert not blue[:, :middle].any()
    assert blue[:, middle:].sum() > 300  # the rings
    assert len(picture) < 100_000
