"""Lines of voxels, and the end points of skeletons."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage
from skimage.draw import line_nd

from tubekit.geometry import end_points, rasterise_line

small_masks = arrays(bool, array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=6))
ends_of_lines = st.integers(1, 4).flatmap(
    lambda d: st.tuples(*[st.lists(st.integers(-9, 9), min_size=d, max_size=d)] * 2)
)


def picture(*rows: str) -> np.ndarray:
    return np.array([[letter == "#" for letter in row] for row in rows])


def plain_ends(mask: np.ndarray) -> np.ndarray:
    full = np.ones((3,) * mask.ndim, int)
    return mask & (ndimage.convolve(mask.astype(int), full, mode="constant") <= 2)


def test_lines_by_hand():
    assert rasterise_line((0, 0), (2, 5)).tolist() == [
        [0, 0], [0, 1], [1, 2], [1, 3], [2, 4], [2, 5],
    ]  # fmt: skip
    assert rasterise_line([3, 1, 2], [1, 1, 2]).tolist() == [[3, 1, 2], [2, 1, 2], [1, 1, 2]]
    assert rasterise_line((4, 4), (4, 4)).tolist() == [[4, 4]]
    # Midway: away from the start, on either side of it.
    assert rasterise_line((5, 5), (6, 7))[1].tolist() == [6, 6]
    assert rasterise_line((5, 5), (4, 3))[1].tolist() == [4, 4]


@settings(max_examples=150, deadline=None)
@given(ends_of_lines, st.data())
def test_lines_follow_the_true_line(ends, data):
    start, stop = map(np.array, ends)
    line = rasterise_line(start, stop)
    way = stop - start
    steps = int(np.abs(way).max())
    exact = [
        [int(np.sign(w)) * floor(Fraction(abs(int(w)) * i, max(steps, 1)) + Fraction(1, 2))
         for w in way]
        for i in range(steps + 1)
    ]  # fmt: skip
    assert np.array_equal(line - start, exact)
    assert np.array_equal(line[-1], stop)
    assert (np.abs(np.diff(line, axis=0)).max(axis=1) == 1).all()
    flip = np.array([data.draw(st.sampled_from([-1, 1])) for _ in way])
    turn = np.array(data.draw(st.permutations(range(len(way)))))
    assert np.array_equal(rasterise_line(start * flip, stop * flip), line * flip)
    assert np.array_equal(rasterise_line(start[turn], stop[turn]), line[:, turn])
    shares = np.abs(way)[None] * np.arange(steps + 1)[:, None] * 2
    if steps and not (shares % (2 * steps) == steps).any():  # without a tie
        assert np.array_equal(line[::-1], rasterise_line(stop, start))
        peer = line_nd(start + 9, stop + 9, endpoint=True)
        assert np.array_equal(line + 9, np.stack(peer, axis=1))


def test_bad_lines_are_named():
    with pytest.raises(ValueError, match="expected equal shapes, got start"):
        rasterise_line((0, 0), (1, 1, 1))
    for bad in (np.zeros((2, 2), int), np.zeros(2)):
        with pytest.raises((ValueError, TypeError), match="start"):
            rasterise_line(bad, (1, 1))


def test_end_points_by_hand():
    mask = picture("#....", ".#...", "..##.", ".....", "#....")
    assert np.argwhere(end_points(mask)).tolist() == [[0, 0], [2, 3], [4, 0]]
    assert not end_points(picture(".#.", "#.#", ".#.")).any()
    assert not end_points(picture("##", "##")).any()
    assert end_points(picture("##")).all()


@settings(max_examples=80, deadline=None)
@given(small_masks)
def test_end_points_are_counted_neighbours(mask):
    expected = plain_ends(mask)
    for view in (mask, np.asfortranarray(mask), mask.astype(np.uint8), np.flip(mask)[..., ::-1]):
        truth = plain_ends(view.astype(bool))
        assert np.array_equal(end_points(view), truth)
    assert np.array_equal(end_points(mask.T), expected.T)
