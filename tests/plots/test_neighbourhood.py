"""The drawn neighbourhood: every cell once, none over another, the middle marked."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from tubekit.plots import OKABE_ITO, draw_neighbourhood


def cells(block):
    ax = Figure().add_subplot()
    draw_neighbourhood(ax, block)
    return ax.patches


@pytest.mark.parametrize("shape", [(3, 3), (3, 3, 3)])
def test_each_cell_is_drawn_once_in_its_colour(shape, rng):
    block = rng.integers(0, 2, shape)
    drawn = cells(block)
    assert len(drawn) == block.size
    colours = [to_hex(cell.get_facecolor()) for cell in drawn]
    blue, orange = (OKABE_ITO[name].lower() for name in ("sky blue", "orange"))
    wanted = np.where(block, blue, "#ffffff")
    middle = (1,) * len(shape)
    wanted[middle] = orange if block[middle] else "#ffffff"
    assert colours == wanted.ravel().tolist()


@pytest.mark.parametrize("shape", [(3, 3), (3, 3, 3)])
def test_no_cell_hides_another(shape):
    drawn = [cell.get_path() for cell in cells(np.ones(shape, int))]
    middles = [path.vertices[:4].mean(axis=0) for path in drawn]
    for middle in middles:
        assert sum(path.contains_point(middle) for path in drawn) == 1


def test_rows_lie_below_each_other_and_layers_too():
    drawn = cells(np.ones((3, 3, 3), int))
    heights = np.reshape([cell.get_xy()[:, 1].mean() for cell in drawn], (3, 3, 3))
    assert (np.diff(heights, axis=0) < 0).all()
    assert (np.diff(heights, axis=1) < 0).all()


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match="block must be 3x3 or 3x3x3, got shape"):
        cells(np.ones((3, 3, 1), int))
