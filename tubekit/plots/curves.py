"""Curves of training runs, paired comparisons over cases, and bars with intervals."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from tubekit import _check
from tubekit.plots.style import SERIES, book_style, panels

_DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))
_MARKERS = ("o", "s", "^", "D", "v", "P")


def training_curves(
    curves: Mapping[str, Sequence[tuple[float, float]]],
    *,
    ylabel: str,
    xlabel: str = "step",
    log: bool = False,
) -> Figure:
    """One line per run, told apart by colour, dash and marker.

    Args:
        curves: name to (step, value) pairs.
        ylabel: quantity and unit.
        xlabel: what is counted.
        log: logarithmic value axis.
    Example:
        >>> figure = training_curves({"a": [(0, 1.0), (10, 0.5)]}, ylabel="loss")
        >>> figure.axes[0].get_ylabel()
        'loss'
    """
    with book_style():
        figure, (ax,) = panels(1, 1, height=4.0)
        for i, (name, pairs) in enumerate(curves.items()):
            x, y = np.array(pairs, dtype=float).reshape(-1, 2).T
            ax.plot(
                x,
                y,
                color=SERIES[i % len(SERIES)],
                linestyle=_DASHES[i % len(_DASHES)],
                marker=_MARKERS[i % len(_MARKERS)],
                markevery=max(len(x) // 8, 1),
                label=name,
            )
        ax.set(xlabel=xlabel, ylabel=ylabel, yscale="log" if log else "linear")
        figure.legend(loc="outside lower center", ncols=2)
    return figure


def bars(
    means: Mapping[str, float],
    *,
    xlabel: str,
    intervals: Mapping[str, tuple[float, float]] | None = None,
) -> Figure:
    """Horizontal bars with the number at their end, and intervals as whiskers.

    Args:
        means: name to value.
        xlabel: quantity and unit.
        intervals: name to (low, high) around the value; ``None`` draws no whiskers.
    Raises:
        ValueError: an interval whose name is no bar, or that does not hold its value.
    Example:
        >>> figure = bars({"a": 0.5, "b": 0.7}, xlabel="Dice", intervals={"a": (0.4, 0.6)})
        >>> len(figure.axes[0].patches)
        2
    """
    for name, (low, high) in (intervals or {}).items():
        _check.option("interval", name, tuple(means))
        if not low <= means[name] <= high:
            raise ValueError(
                f"interval of {name} must hold its value {means[name]}, got ({low}, {high}); "
                "give (low, high)"
            )
    with book_style():
        figure, (ax,) = panels(1, 1, height=1.0 + 0.45 * len(means))
        for i, (name, value) in enumerate(means.items()):
            ax.barh(i, value, color=SERIES[i % len(SERIES)])
            low, high = (intervals or {}).get(name, (value, value))
            if high > low:
                ax.plot([low, high], [i, i], color="black", marker="|", markersize=9)
            ax.annotate(
                f"{value:.3g}", (max(high, 0.0), i), (6, 0), textcoords="offset points", va="center"
            )
        ax.set_yticks(range(len(means)), list(means))
        ax.invert_yaxis()
        ax.set_xlabel(xlabel)
        ax.margins(x=0.12)
    return figure
