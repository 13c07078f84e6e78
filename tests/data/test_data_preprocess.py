"""Windows of intensities and resampling."""

import dataclasses
import tracemalloc

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st

from tubekit.data import clip_window, resample
from tubekit.data.preprocess import _line
from tubekit.geometry import components, skeletonize
from tubekit.types import Case


def test_window_cuts_measured_channels_only():
    image = np.array([[[-500, -100, 0], [200, 201, 900]], [[0, 0.5, 1], [1, 0, 0.2]]], np.float32)
    case = Case("w", image, np.ones((2, 3), np.uint8), (1.0, 1.0), derived=1)
    made = clip_window(case, -100, 0.5)
    assert made.image[0].tolist() == [[-100, -100, 0], [0.5, 0.5, 0.5]]
    assert (made.image[1] == image[1]).all()
    assert case.image[0, 0, 0] == -500
    assert made.label is case.label
    both = clip_window(dataclasses.replace(case, derived=0), -100, 0.5)
    assert both.image[1].max() == 0.5
    none = dataclasses.replace(case, image=image[:0], derived=0)
    assert clip_window(none, -1, 1).image.shape == (0, 2, 3)


@pytest.mark.parametrize("window", [(200, -100), (1, 1), (float("nan"), 1), (0, float("inf"))])
def test_bad_window(window):
    case = Case("w", np.zeros((1, 2, 2), np.float32), None, (1.0, 1.0))
    with pytest.raises(ValueError, match="expected a window with low < high, got"):
        clip_window(case, *window)


def by_scipy(array, old, new, shape):
    """Gaussian of (factor - 1) / 2, then linear interpolation at the new centres."""
    factors = np.array(new) / np.array(old)
    sigma = np.maximum(0, (factors - 1) / 2)
    smooth = scipy.ndimage.gaussian_filter(array.astype(np.float64), sigma, mode="nearest")
    places = np.meshgrid(
        *((np.arange(n) + 0.5) * f - 0.5 for n, f in zip(shape, factors, strict=True)),
        indexing="ij",
    )
    return scipy.ndimage.map_coordinates(smooth, places, order=1, mode="nearest")


def blobs(rng, shape, spacing, classes=2):
    noise = scipy.ndimage.gaussian_filter(rng.normal(size=shape), 2)
    label = np.digitize(noise, np.quantile(noise, [0.6, 0.85][:classes])).astype(np.uint8)
    image = rng.normal(100, 30, (2, *shape)).astype(np.float32)
    return Case("r", image, label, spacing, label > 0, derived=1)


@pytest.mark.parametrize(
    ("shape", "old", "new"),
    [
        ((30, 37), (1.0, 1.0), (2.0, 1.5)),
        ((30, 37), (1.0, 0.5), (0.7, 0.8)),
        ((12, 20, 17), (2.0, 0.8, 0.8), (1.0, 1.0, 1.0)),
        ((1, 9, 8), (3.0, 1.0, 1.0), (1.0, 4.0, 0.4)),
    ],
)
def test_image_label_and_valid_against_scipy(rng, shape, old, new):
    case = blobs(rng, shape, old)
    made = resample(case, new)
    grid = tuple(round(n * a / b) for n, a, b in zip(shape, old, new, strict=True))
    assert made.image.shape == (2, *grid)
    assert made.spacing == new
    assert made.derived == 1
    assert made.image.dtype == np.float32
    for channel, got in zip(case.image, made.image, strict=True):
        assert np.allclose(got, by_scipy(channel, old, new, grid), atol=1e-3)
    shares = np.stack([by_scipy(case.label == c, old, new, grid) for c in (1, 2)])
    total = shares.sum(axis=0)
    wanted = np.where(total >= 0.5, shares.argmax(axis=0) + 1, 0)
    clear = (abs(total - 0.5) > 1e-4) & (abs(shares[0] - shares[1]) > 1e-4)
    assert (made.label == wanted)[clear & (wanted > 0)].all()
    added = (made.label != wanted) & clear
    assert added.mean() < 0.1
    line = np.zeros(grid, bool)  # what was added holds a centre line
    places = np.argwhere(skeletonize(case.label > 0)) + 0.5
    cells = (places * np.array(old) / np.array(new)).astype(int)
    line[tuple(np.minimum(cells, np.array(grid) - 1).T)] = True
    assert line[added].all()
    assert (made.label > 0)[line].all() or all(a >= b for a, b in zip(old, new, strict=True))
    assert made.label.dtype == np.uint8
    assert ((made.valid == (total >= 0.5)) | (abs(total - 0.5) < 1e-4)).all()


def test_grid_starts_at_the_same_corner():
    """A linear ramp over millimetres keeps its values at the new centres."""
    z, y = (np.arange(20) + 0.5) * 2.0, (np.arange(30) + 0.5) * 0.5
    case = Case("r", (z[:, None] + 3 * y)[None].astype(np.float32), None, (2.0, 0.5))
    made = resample(case, (1.3, 0.8))
    y2, z2 = (
        (np.arange(made.image.shape[2]) + 0.5) * 0.8,
        (np.arange(made.image.shape[1]) + 0.5) * 1.3,
    )
    inner = np.s_[1:-1, 4:-4]  # the borders repeat the last values
    assert np.allclose(made.image[0][inner], (z2[:, None] + 3 * y2)[inner], atol=1e-4)


def test_halving_and_doubling_by_hand():
    image = np.array([[[1, 3, 5, 7]] * 2], np.float32)
    case = Case("h", image, None, (1.0, 1.0))
    fine = resample(case, (1.0, 0.5)).image[0, 0]
    assert fine.tolist() == [1, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7]
    constant = Case("h", np.full((1, 7, 9), 4.25, np.float32), None, (1.0, 1.0))
    assert np.allclose(resample(constant, (2.6, 0.3)).image, 4.25, atol=1e-5)


def test_the_same_spacing_changes_nothing(rng):
    case = blobs(rng, (8, 9), (1.5, 1.0))
    assert resample(case, (1.5, 1)) is case


def test_tubes_thinner_than_the_new_grid_survive_in_one_piece():
    label = np.zeros((24, 24, 24), np.uint8)
    places = np.arange(2, 22)
    label[places, places, places // 2] = 1  # an oblique line, one voxel wide
    label[4:20, 20, 20] = 2
    case = Case("t", np.zeros((1, 24, 24, 24), np.float32), label, (1.0, 1.0, 1.0))
    coarse = resample(case, (3, 3, 3)).label
    assert coarse.shape == (8, 8, 8)
    for value in (1, 2):
        assert components(coarse == value)[1] == 1
        wanted = {tuple(p) for p in np.argwhere(label == value) // 3}
        assert {tuple(p) for p in np.argwhere(coarse == value)} == wanted


def test_protection_adds_nothing_to_thick_structures():
    z, y, x = np.indices((30, 30, 30)) - 14.5
    case = Case(
        "s",
        np.zeros((1, 30, 30, 30), np.float32),
        (z**2 + y**2 + x**2 < 100).astype(np.uint8),
        (1.0, 1.0, 1.0),
    )
    coarse = resample(case, (2, 2, 2)).label
    share = by_scipy(case.label, (1, 1, 1), (2, 2, 2), (15, 15, 15))
    assert (coarse == (share >= 0.5 - 1e-6)).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.5, 0.8, 1.25, 2.0, 3.0]), st.booleans())
def test_moves_with_transposes_and_with_the_unit(seed, factor, volume):
    """Doubled spacings give the same arrays; transposing before is transposing after."""
    rng = np.random.default_rng(seed)
    shape = (7, 9, 8) if volume else (9, 12)
    old = (1.0,) * len(shape)
    case = blobs(rng, shape, old)
    new = tuple(factor for _ in shape)
    made = resample(case, new)
    double = resample(
        dataclasses.replace(case, spacing=tuple(2 * s for s in old)), tuple(2 * s for s in new)
    )
    assert (double.image == made.image).all()
    assert (double.label == made.label).all()
    turned = resample(
        dataclasses.replace(
            case,
            image=np.moveaxis(case.image, 1, -1),
            label=np.moveaxis(case.label, 0, -1),
            valid=np.moveaxis(case.valid, 0, -1),
        ),
        new,
    )
    assert np.allclose(turned.image, np.moveaxis(made.image, 1, -1), atol=1e-3)
    assert (turned.valid == np.moveaxis(made.valid, 0, -1)).mean() > 0.99


def test_no_channels_no_label_and_bad_spacing(rng):
    case = blobs(rng, (8, 9), (1.0, 1.0))
    masks = resample(dataclasses.replace(case, image=case.image[:0], derived=0), (2, 2))
    assert masks.image.shape == (0, 4, 4)
    assert (masks.label == resample(case, (2, 2)).label).all()
    bare = resample(dataclasses.replace(case, label=None, valid=None), (2, 2))
    assert bare.label is None
    assert bare.valid is None
    assert resample(case, (100, 100)).image.shape == (2, 1, 1)
    empty = resample(dataclasses.replace(case, label=np.zeros((8, 9), np.uint8)), (2, 0.5))
    assert not empty.label.any()
    for wrong in ((1.0,), (1.0, 0.0), (1.0, -2.0), (1.0, 1.0, 1.0)):
        with pytest.raises(ValueError, match="spacing needs one positive value per axis"):
            resample(case, wrong)


@pytest.mark.parametrize("length", [1, 2, 3, 10, 97])
@pytest.mark.parametrize("factor", [0.3, 1.0, 1.2, 1.5, 2.0, 3.3, 8.0, 60.0])
def test_weights_are_those_of_scipys_filter_to_the_last_bit(length, factor):
    count = max(1, round(length / factor))
    smoothed = np.eye(length)
    if factor > 1:
        smoothed = scipy.ndimage.gaussian_filter1d(
            smoothed, (factor - 1) / 2, axis=0, mode="nearest"
        )
    places = np.clip((np.arange(count) + 0.5) * factor - 0.5, 0, length - 1)
    low = places.astype(int)
    high = np.minimum(low + 1, length - 1)
    share = (places - low)[:, None]
    expected = ((1 - share) * smoothed[low] + share * smoothed[high]).astype(np.float32)
    assert np.array_equal(_line(length, count, factor).toarray(), expected)


@pytest.mark.parametrize("new", [(1.0, 2.0), (1.0, 0.8), (0.9, 3.0)])
def test_memory_grows_with_the_image_and_not_with_its_square(new):
    image = np.zeros((1, 48, 20_000), np.float32)
    case = Case("strip", image, np.zeros(image.shape[1:], np.uint8), (1.0, 1.0))
    resample(dataclasses.replace(case, image=image[..., :100], label=None), new)  # compiles
    tracemalloc.start()
    resample(case, new)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * image.nbytes
