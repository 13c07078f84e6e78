"""Figures hold what they should, are legible, shown once, and the same every time."""

import base64
import io
from contextlib import nullcontext

import IPython.display
import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from tubekit import plots
from tubekit.plots.figures import smallest_type
from tubekit.plots.overlays import OUTCOMES, outcome_map


@pytest.fixture
def masks():
    target = np.zeros((40, 60), dtype=bool)
    target[18:22, 5:55] = True
    prediction = np.zeros_like(target)
    prediction[20:26, 5:40] = True
    return target, prediction


@pytest.fixture
def image(rng):
    return rng.random((1, 40, 60)).astype(np.float32)


def all_figures(image, masks):
    curves = {name: [(0, 1.0), (10, 0.5), (20, 0.3)] for name in ("a", "b", "c")}
    return {
        "images": plots.show_images([image, np.repeat(image, 3, axis=0)], ["grey", "colour"]),
        "overlay": plots.overlay(image, {"one": masks}),
        "zoom": plots.overlay(image, {"one": masks, "two": masks[::-1]}, zoom=np.s_[10:30, 20:50]),
        "classes": plots.class_map(masks[0] + 2 * masks[1].astype(int), ["a", "b", "c"]),
        "skeleton": plots.skeleton_overlay(masks[0], {"thin": masks[0] & masks[1]}),
        "curves": plots.training_curves(curves, ylabel="loss"),
        "bars": plots.bars({"a": 0.7, "b": 0.8}, xlabel="Dice", intervals={"b": (0.75, 0.84)}),
    }


def test_every_figure_is_legible_white_deterministic_and_unknown_to_pyplot(image, masks):
    before = dict(mpl.rcParams)
    figures, again = all_figures(image, masks), all_figures(image, masks)
    for name, figure in figures.items():
        data = plots.png_bytes(figure)
        assert smallest_type(figure, data)[0] >= 11, name
        assert data == plots.png_bytes(again[name]), name
        picture = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
        assert (picture[:3] == 255).all(), name  # a white card, with a margin
        assert (picture[:, :3] == 255).all(), name
    assert plt.get_fignums() == []
    assert dict(mpl.rcParams) == before


def test_outcomes_by_hand():
    target = np.array([[0, 0, 1, 1]], dtype=bool)
    prediction = np.array([[0, 1, 0, 1]], dtype=bool)
    np.testing.assert_array_equal(outcome_map(target, prediction), [[0, 2, 3, 1]])


def test_overlay_paints_each_outcome_in_its_colour(image, masks):
    target, prediction = masks
    figure = plots.overlay(image, {"one": masks}, zoom=np.s_[10:30, 20:50])
    painted = figure.axes[0].images[1].get_array()
    for mask, (_, colour, _) in zip(
        (target & prediction, prediction & ~target, target & ~prediction), OUTCOMES, strict=True
    ):
        assert mask.any()
        assert np.allclose(painted[mask], [*mpl.colors.to_rgb(colour), 1.0])
    assert (painted[~(target | prediction)][:, 3] == 0).all()
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == [word for word, _, _ in OUTCOMES]
    enlarged = figure.axes[1]
    assert enlarged.get_xlim() == (19.5, 49.5)
    assert enlarged.get_ylim() == (29.5, 9.5)
    assert [title.get_title() for title in figure.axes] == ["one", "enlarged"]
    hatches = [c.hatches for c in enlarged.collections]
    assert hatches == [["..."], ["///"]]


def test_pictures_fill_the_width_whatever_their_shape():
    for shape in ((40, 60), (60, 40), (50, 50)):
        figure = plots.show_images([np.eye(*shape)] * 3, ["a", "b", "c"])
        FigureCanvasAgg(figure).draw()
        boxes = [ax.get_window_extent() for ax in figure.axes[:3]]
        assert boxes[1].x1 - boxes[0].x0 > 0.9 * figure.bbox.width
        assert boxes[1].y0 - boxes[2].y1 < 0.4 * figure.dpi  # a title fits between the rows
        assert not any(ax.axison for ax in figure.axes)


def test_panels_of_many_pairs_keep_their_zoom_below(image, masks):
    figure = plots.overlay(image, dict.fromkeys("abc", masks), zoom=np.s_[:9, :9], columns=2)
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == ["a", "b", "enlarged", "enlarged", "c", "", "enlarged", ""]


def test_class_map_names_only_the_classes_there(masks):
    figure = plots.class_map(3 * masks[0].astype(int), ["a", "b", "c"])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["3 c"]


def test_bars_end_at_their_values_and_carry_the_numbers():
    ax = plots.bars({"a": 0.5, "b": 0.8}, xlabel="Dice", intervals={"b": (0.75, 0.84)}).axes[0]
    assert [bar.get_width() for bar in ax.patches] == [0.5, 0.8]
    assert [text.get_text() for text in ax.texts] == ["0.5", "0.8"]
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), [0.75, 0.84])


def test_curves_differ_by_more_than_colour():
    curves = {name: [(0, 1.0), (10, 0.5)] for name in "abcdef"}
    lines = plots.training_curves(curves, ylabel="loss", log=True).axes[0].lines
    assert len({(line.get_linestyle(), line.get_marker()) for line in lines}) == 6
    assert lines[0].axes.get_yscale() == "log"


@pytest.fixture
def displayed(monkeypatch):
    calls = []
    monkeypatch.setattr(IPython.display, "display", lambda *a, **k: calls.append((a, k)))
    return calls


def test_show_displays_once_with_alternative_text(displayed):
    with plots.book_style():
        figure, _ = plt.subplots()
    plots.show(figure, alt="An empty frame.")
    ((bundle,), options) = displayed[0]
    assert len(displayed) == 1
    assert options == {"raw": True, "metadata": {"image/png": {"alt": "An empty frame."}}}
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    assert bundle["text/plain"] == "An empty frame."
    assert plt.get_fignums() == []  # so the notebook does not show it a second time


def test_show_wants_alternative_text(displayed):
    with pytest.raises(ValueError, match="alt needs a sentence"):
        plots.show(Figure(), alt="  ")
    assert displayed == []


@pytest.mark.parametrize(
    ("width", "points", "title", "shown"),
    [(5.2, 12, "one", 1), (5.2, 11, "one", 0), (9, 12, "one", 0), (5.2, 12, "$10^{-1}$", 0)],
)
def test_show_refuses_type_that_nobody_reads_on_a_phone(displayed, width, points, title, shown):
    with plots.book_style():
        figure, ax = plt.subplots(figsize=(width, 3))
        ax.set_title(title, fontsize=points)
        with nullcontext() if shown else pytest.raises(ValueError, match="at least 11 pixels"):
            plots.show(figure, alt="An empty frame.")
    assert len(displayed) == shown
    plt.close(figure)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda i, m: plots.show_images([]), "one title per image"),
        (lambda i, m: plots.show_images([i], ["a", "b"]), "one title per image"),
        (lambda i, m: plots.show_images([np.zeros((4, 5, 6))]), "slice or a projection"),
        (lambda i, m: plots.overlay(i, {"a": (m[0][1:], m[1])}), "equal shapes"),
        (lambda i, m: plots.overlay(i, {"a": (m[0] * 2, m[1])}), "binary"),
        (lambda i, m: plots.overlay(i, {"a": m}, zoom=np.s_[0:99, 0:9]), "inside the image"),
        (lambda i, m: plots.class_map(5 * m[0].astype(int), ["a"]), "lie in 0..1"),
        (lambda i, m: plots.bars({"a": 1.0}, xlabel="", intervals={"b": (0.0, 1.0)}), "one of"),
        (lambda i, m: plots.bars({"a": 1.0}, xlabel="", intervals={"a": (2.0, 3.0)}), "hold"),
    ],
)
def test_bad_input_is_refused(image, masks, call, message):
    with pytest.raises(ValueError, match=message):
        call(image, masks)
