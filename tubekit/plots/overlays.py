"""Images with masks, mistakes, classes and skeletons drawn over them."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Integer, Shaped
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from matplotlib.patheffects import withStroke

from tubekit import _accept, _check
from tubekit._accept import Array, Whole
from tubekit.plots.planes import Window, aspect, check_window, plane
from tubekit.plots.style import OKABE_ITO, book_style, class_colours, display_range, panels

# Found, invented, missed: word, colour, and a hatch for enlarged panels, where it can be seen.
# The colours are light and lie on a dark grey picture, whatever the colours of the photograph.
OUTCOMES = (
    ("found (true positive)", OKABE_ITO["sky blue"], ""),
    ("invented (false positive)", "#FFF200", "..."),
    ("missed (false negative)", "#FF9090", "///"),
)
MUTED = 0.32
"""Brightest grey under outcomes: each of their colours has a contrast of 3 to it (WCAG)."""


def show_images(
    images: Sequence[Shaped[Array, "..."]],
    titles: Sequence[str] | None = None,
    *,
    columns: Whole = 2,
) -> Figure:
    """Images side by side.

    Args:
        images: each (y x), (1 y x) or (3 y x); label maps are drawn like grey images.
        titles: one per image.
        columns: most images in a row.
    Raises:
        ValueError: no image, another number of titles, or a volume.
    Example:
        >>> figure = show_images([np.eye(8), np.ones((3, 8, 8))], ["grey", "colour"])
        >>> [ax.get_title() for ax in figure.axes]
        ['grey', 'colour']
    """
    if not images or (titles is not None and len(titles) != len(images)):
        raise ValueError(
            f"expected one title per image, got {len(images)} images and "
            f"{len(titles or ())} titles; give at least one image and as many titles"
        )
    columns = min(_accept.whole("columns", columns), len(images))
    planes = [_accept.array("image", image) for image in images]
    with book_style():
        figure, axes = panels(-(-len(images) // columns), columns, aspect=aspect(planes[0]))
        for ax, image in zip(axes, planes, strict=False):
            _draw(ax, image)
        for ax, title in zip(axes, titles or (), strict=False):
            ax.set_title(title)
    return figure


def overlay(
    image: Shaped[Array, "..."],
    pairs: Mapping[str, tuple[Array, Array]],
    *,
    zoom: Window | None = None,
    columns: Whole = 2,
) -> Figure:
    """What predictions find, invent and miss, over the image in dark greys.

    Args:
        image: (y x), (1 y x) or (3 y x).
        pairs: title to (target, prediction), each (y x) and binary; one panel each.
        zoom: window drawn enlarged, and hatched, in a second row of panels.
        columns: most panels in a row.
    Raises:
        ValueError: masks that are not binary or not on the image's grid, or a window that
            leaves it.
    Example:
        >>> mask = np.eye(8, dtype=bool)
        >>> figure = overlay(np.ones((8, 8)), {"ours": (mask, mask[::-1])})
        >>> figure.axes[0].get_title()
        'ours'
    """
    image = _accept.array("image", image)
    grid = image.shape[-2:]
    if zoom is not None:
        check_window(zoom, grid)
    masks = {}
    for title, (target, prediction) in pairs.items():
        _check.same_shape(image=np.empty(grid), target=target, prediction=prediction)
        masks[title] = _mask("target", target), _mask("prediction", prediction)
    columns = max(min(_accept.whole("columns", columns), len(masks)), 1)
    rows = -(-len(masks) // columns)
    with book_style():
        tall = max(aspect(image), 0 if zoom is None else aspect(image[..., *zoom]))
        figure, axes = panels(rows * (1 if zoom is None else 2), columns, aspect=tall)
        for i, (title, (target, prediction)) in enumerate(masks.items()):
            at = i // columns * columns * (1 if zoom is None else 2) + i % columns
            _draw_outcomes(axes[at], image, target, prediction)
            axes[at].set_title(title)
            if zoom is not None:
                (y0, y1, _), (x0, x1, _) = (s.indices(n) for s, n in zip(zoom, grid, strict=True))
                axes[at].add_patch(
                    Rectangle(
                        (x0 - 0.5, y0 - 0.5), x1 - x0, y1 - y0, fill=False, ec="white", lw=1.5
                    )
                )
                inset = axes[at + columns]
                _draw_outcomes(inset, image, target, prediction, hatched=True)
                inset.set(xlim=(x0 - 0.5, x1 - 0.5), ylim=(y1 - 0.5, y0 - 0.5))
                inset.set_title("enlarged")
        handles = [
            Patch(facecolor=colour, edgecolor="black", hatch=hatch if zoom else "", label=word)
            for word, colour, hatch in OUTCOMES
        ]
        figure.set_figheight(figure.get_figheight() + 0.8)
        figure.legend(handles=handles, loc="outside lower center", ncols=1)
    return figure


def class_map(label: Shaped[Array, "y x"], names: Sequence[str]) -> Figure:
    """A label map with one colour per class and a legend of the classes that occur.

    Args:
        label: classes 0 (background) to ``len(names)``; project a volume first, e.g. ``.max(0)``.
        names: names of the classes from 1.
    Example:
        >>> figure = class_map(np.eye(8, dtype=int), ["vessel"])
        >>> figure.legends[0].get_texts()[0].get_text()
        '1 vessel'
    """
    label = _accept.array("label", label)
    _check.integer_classes("label", label, len(names) + 1)
    label = label.astype(int)
    colours = class_colours(len(names))
    with book_style():
        figure, (ax,) = panels(1, 1, height=4.0)
        _paint(ax, label, colours)
        ax.set_axis_off()
        handles = [
            Patch(facecolor=colour, edgecolor="black", label=f"{i + 1} {name}")
            for i, (name, colour) in enumerate(zip(names, colours, strict=True))
            if (label == i + 1).any()
        ]
        figure.legend(handles=handles, loc="outside right center")
    return figure


def skeleton_overlay(
    mask: Shaped[Array, "y x"],
    skeletons: Mapping[str, Shaped[Array, "y x"]],
    *,
    columns: Whole = 2,
) -> Figure:
    """Skeletons in colour over the grey mask they were taken from, one panel each.

    Args:
        mask: (y x), binary.
        skeletons: title to binary skeleton, each on the mask's grid.
        columns: most panels in a row.
    Raises:
        ValueError: masks that are not binary or not on one grid.
    Example:
        >>> mask = np.ones((5, 9), bool)
        >>> figure = skeleton_overlay(mask, {"middle": np.eye(5, 9, dtype=bool)})
        >>> figure.axes[0].get_title()
        'middle'
    """
    mask = _mask("mask", mask)
    columns = max(min(_accept.whole("columns", columns), len(skeletons)), 1)
    with book_style():
        figure, axes = panels(-(-len(skeletons) // columns), columns, aspect=aspect(mask))
        for ax, (title, skeleton) in zip(axes, skeletons.items(), strict=False):
            skeleton = _mask("skeleton", skeleton)
            _check.same_shape(mask=mask, skeleton=skeleton)
            ax.imshow(mask, cmap="Greys", vmin=0, vmax=3, interpolation="nearest")
            _paint(ax, skeleton.astype(int), [to_rgb(OKABE_ITO["vermilion"])])
            ax.set_title(title)
    return figure


def outline(ax: Axes, mask: Shaped[Array, "y x"]) -> None:
    """Draw the border of a mask in yellow on black, which is seen on every picture.

    Args:
        ax: where to draw.
        mask: (y x), binary.
    Raises:
        ValueError: a mask that is not binary.
    Example:
        >>> figure, (ax,) = panels(1, 1)
        >>> outline(ax, np.eye(8, dtype=bool))
        >>> len(ax.collections)
        1
    """
    lines = ax.contour(_mask("mask", mask), [0.5], colors=OUTCOMES[1][1], linewidths=0.9)
    lines.set_path_effects([withStroke(linewidth=2.0, foreground="black")])


def _mask(name: str, mask: Array) -> Bool[np.ndarray, "..."]:
    return _check.binary(name, _accept.array(name, mask))


def outcome_map(
    target: Bool[np.ndarray, "y x"], prediction: Bool[np.ndarray, "y x"]
) -> Integer[np.ndarray, "y x"]:
    """0 background, 1 found, 2 invented, 3 missed."""
    return np.select([target & prediction, prediction, target], [1, 2, 3], 0)


def _draw_outcomes(
    ax: Axes, image: np.ndarray, target: np.ndarray, prediction: np.ndarray, hatched: bool = False
) -> None:
    _draw(ax, image, muted=True)
    outcome = outcome_map(target, prediction)
    _paint(ax, outcome, [to_rgb(colour) for _, colour, _ in OUTCOMES])
    for i, (_, _, hatch) in enumerate(OUTCOMES):
        if hatched and hatch and (outcome == i + 1).any():
            ax.contourf(outcome == i + 1, levels=[0.5, 1.5], colors="none", hatches=[hatch])


def _paint(ax: Axes, label: np.ndarray, colours: Sequence[tuple[float, float, float]]) -> None:
    """Opaque colours on the classes, nothing on the background."""
    table = np.array([(0.0, 0.0, 0.0, 0.0), *((*colour, 1.0) for colour in colours)])
    ax.imshow(table[label], interpolation="nearest")


def _draw(ax: Axes, image: np.ndarray, muted: bool = False) -> None:
    grey = plane(image)
    if muted and grey.ndim == 3:
        grey = grey @ np.array([0.299, 0.587, 0.114])  # brightness as the eye sees it
    low, high = display_range(grey)
    scaled = np.clip((grey - low) / (high - low), 0, 1) * (MUTED if muted else 1.0)
    ax.imshow(scaled, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
