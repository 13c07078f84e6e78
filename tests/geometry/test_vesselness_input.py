"""Vesselness on any grey values and grids; masks, threads, errors."""

import warnings

import numpy as np
import pytest
import torch

from tests.geometry.tubes import FILTERS, name, tubes
from tubekit.geometry import frangi, hessian_eigenvalues, jerman, meijering, sato


@pytest.mark.parametrize("function", FILTERS, ids=name)
@pytest.mark.parametrize("shape", [(40, 42), (24, 25, 26)])
def test_flat_images_and_ramps_answer_nothing(function, shape):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for value in (0.0, 0.1, -1e5):
            assert not function(np.full(shape, value), (1, 2)).any()
        ramp = 0.1 * np.indices(shape).sum(0) + 1000
        inner = (slice(8, -8),) * len(shape)
        mask = np.zeros(shape, bool)
        mask[inner] = True
        assert not function(ramp, [1.0], mask=mask).any()
        assert function(ramp, [1.0])[inner].max() < 1e-5


@pytest.mark.parametrize("function", FILTERS, ids=name)
@pytest.mark.parametrize("shape", [(30, 33), (10, 12, 14)])
def test_grey_values(rng, function, shape):
    image = tubes(shape, rng)
    response = function(image, (1, 2))
    assert response.dtype == np.float32
    assert response.shape == shape
    assert response.min() >= 0
    assert function is sato or 0.3 < response.max() <= 1
    np.testing.assert_array_equal(function(-image, (1, 2), bright=False), response)
    assert abs(function(-image, (1, 2)) - response).max() > 0.3 * response.max()
    for factor, offset in ((2.0**-70, 0.0), (1e30, 0.0), (255.0, -1000.0)):
        scaled = function(image.astype(float) * factor + offset, (1, 2))
        gain = factor if function is sato else 1
        assert (abs(scaled / gain - response) > 1e-4).mean() < 2e-3


@pytest.mark.parametrize("function", FILTERS, ids=name)
def test_every_real_dtype_and_memory_layout(rng, function):
    numbers = rng.integers(0, 100, (12, 13, 14))
    expected = function(numbers.astype(np.float64), [1.0])
    for dtype in (np.uint8, np.int16, np.int64, np.uint16, np.float16, np.float32):
        np.testing.assert_array_equal(function(numbers.astype(dtype), [1.0]), expected)
    strided = np.empty((12, 13, 28), np.int16)[..., ::-2]
    strided[:] = numbers
    strided.setflags(write=False)
    np.testing.assert_array_equal(function(strided, [1.0]), expected)
    np.testing.assert_array_equal(
        function(numbers > 50, [1.0]), function((numbers > 50) * 1.0, [1.0])
    )


@pytest.mark.parametrize("function", FILTERS, ids=name)
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1, 9), (1, 1, 1), (2, 3, 1)])
def test_axes_of_one_voxel(rng, function, shape):
    response = function(rng.random(shape), (0.5, 3.0))
    assert np.isfinite(response).all()
    assert response.shape == shape


@pytest.mark.parametrize("shape", [(50, 60), (26, 28, 30)])
def test_a_mask_only_crops_and_chooses_the_statistics(rng, shape):
    image = tubes(shape, rng)
    mask = np.zeros(shape, np.uint8)
    mask[(slice(9, 17), slice(0, 11), slice(14, 27))[: len(shape)]] = 1
    mask &= rng.random(shape) < 0.8
    inside = mask > 0
    for function, options in ((sato, {}), (frangi, {"gamma": 0.05}), (meijering, {})):
        whole = function(image, (1.0, 2.0), **options)
        if function is meijering:  # the largest value of each scale is sought inside
            singles = [function(image, [sigma]) for sigma in (1.0, 2.0)]
            whole = np.max([s / s[inside].max() for s in singles], axis=0)
        part = function(image, (1.0, 2.0), mask=mask, **options)
        assert not part[~inside].any()
        np.testing.assert_allclose(part[inside], whole[inside], rtol=2e-4, atol=2e-5)
    # what lies beyond the reach of the Gaussian is not even read
    image[(slice(40, None), slice(40, None))] = np.nan
    if len(shape) == 2:
        np.testing.assert_array_equal(
            sato(image, (1.0, 2.0), mask=mask), sato(np.nan_to_num(image), (1.0, 2.0), mask=mask)
        )


@pytest.mark.parametrize("function", [frangi, jerman], ids=name)
def test_the_largest_value_is_sought_inside_the_mask(rng, function):
    image = tubes((40, 40), rng)
    mask = np.zeros((40, 40), bool)
    mask[:, :20] = True
    bright = image.copy()
    bright[20, 38] = 100.0  # outside the mask, out of reach of all it holds
    np.testing.assert_allclose(
        function(bright, [1.0], mask=mask)[:, :20],
        function(image, [1.0], mask=mask)[:, :20],
        atol=1e-3,
    )
    assert function(bright, [1.0])[:, :20].max() < 0.1 * function(image, [1.0])[:, :20].max()


def test_threads_do_not_change_the_result(rng):
    image, before = tubes((33, 31, 29), rng), torch.get_num_threads()
    one, three = [], []
    try:
        for count, found in ((1, one), (3, three)):
            torch.set_num_threads(count)
            found.extend(function(image, (1, 2)) for function in FILTERS)
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(one, three)


@pytest.mark.parametrize("function", FILTERS, ids=name)
def test_errors(function):
    image = np.zeros((8, 8))
    for bad in (np.zeros(8), np.zeros((2, 2, 2, 2)), image.astype(complex), np.zeros((0, 4))):
        with pytest.raises(ValueError, match="image"):
            function(bad, [1.0])
    for value in (np.nan, np.inf):
        bad = image.copy()
        bad[3, 3] = value
        with pytest.raises(ValueError, match="finite"):
            function(bad, [1.0])
    for sigmas in ([], [0.0], [1.0, -1.0], [np.nan]):
        with pytest.raises(ValueError, match="sigmas_mm"):
            function(image, sigmas)
    with pytest.raises(ValueError, match="at least one voxel"):
        function(image, [1.0], mask=np.zeros((8, 8), bool))
    with pytest.raises(ValueError, match="grid"):
        function(image, [1.0], mask=np.ones((8, 9), bool))
    with pytest.raises(ValueError, match="binary"):
        function(image, [1.0], mask=np.full((8, 8), 2))
    with pytest.raises(ValueError, match="spacing"):
        function(image, [1.0], (1.0, 1.0, 1.0))
    with pytest.raises(ValueError, match="hessian"):
        function(image, [1.0], hessian="jerman")


def test_errors_of_parameters():
    image = np.zeros((8, 8))
    for bad in ({"alpha": 0.0}, {"beta": -1.0}, {"gamma": 0.0}, {"gamma": np.nan}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            frangi(image, [1.0], **bad)
    for tau in (0.0, 1.5):
        with pytest.raises(ValueError, match="tau"):
            jerman(image, [1.0], tau=tau)
    with pytest.raises(ValueError, match="alpha"):
        meijering(image, [1.0], alpha=1.0)
    with pytest.raises(ValueError, match="hessian"):
        hessian_eigenvalues(image, 1.0, hessian="sobel")
