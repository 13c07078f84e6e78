import numpy as np
import pytest
import torch
from scipy import ndimage

from tubekit.geometry import soft_dilate, soft_erode, soft_open, soft_skeleton

MASKS = [f"{name}{d}d" for d in (2, 3) for name in ("ring", "two", "single", "full")]
MASKS += ["tree2d_a", "tree3d_a", "empty2d"]


def batch(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array.astype(np.float32))[None, None]


@pytest.mark.parametrize("iterations", [3, 10])
@pytest.mark.parametrize("case", MASKS)
def test_masks_agree_with_the_reference(oracle, case, iterations):
    expected = oracle("soft_cldice")[f"{case}__softskel_mask__iter{iterations}"]
    ours = soft_skeleton(batch(oracle("inputs")[case]), iterations)
    assert np.array_equal(ours[0, 0].numpy(), expected)


@pytest.mark.parametrize("iterations", [3, 10])
@pytest.mark.parametrize("case", ["tree2d_a", "ring2d", "tree3d_a"])
def test_probabilities_agree_with_the_reference(oracle, case, iterations):
    expected = oracle("soft_cldice")[f"{case}__softskel_prob__iter{iterations}"]
    ours = soft_skeleton(batch(oracle("inputs")[f"{case}__prob"]), iterations)
    np.testing.assert_allclose(ours[0, 0].numpy(), expected, rtol=2e-5, atol=1e-7)


@pytest.mark.parametrize("shape", [(9, 11), (6, 7, 8), (1, 9), (1, 1, 5)])
def test_windows_agree_with_scipy(rng, shape):
    image = rng.random((2, 3, *shape)).astype(np.float32)
    ones = (1, 1)
    cross = ndimage.generate_binary_structure(len(shape), 1)[(None, None)]
    eroded = ndimage.grey_erosion(image, footprint=cross, mode="reflect")
    dilated = ndimage.grey_dilation(image, size=ones + (3,) * len(shape), mode="reflect")
    assert np.array_equal(soft_erode(torch.from_numpy(image)).numpy(), eroded)
    assert np.array_equal(soft_dilate(torch.from_numpy(image)).numpy(), dilated)


@pytest.mark.parametrize("ndim", [2, 3])
def test_borders_take_no_part(ndim):
    constant = torch.full((1, 1, *(5,) * ndim), 0.7)
    for morph in (soft_erode, soft_dilate, soft_open):
        assert torch.equal(morph(constant), constant)
    assert not soft_skeleton(constant, 5).any()


def test_opening_removes_a_line_and_keeps_a_square():
    image = torch.zeros(1, 1, 12, 12)
    image[..., 2:7, 2:7] = 1
    image[..., 9, 2:10] = 1
    opened = soft_open(image)
    assert opened[..., 2:7, 2:7].all()
    assert not opened[..., 9, :].any()


def test_a_bar_by_hand():
    """Five rows thick: the middle row remains after two erosions, and not before."""
    image = torch.zeros(1, 1, 11, 21)
    image[..., 3:8, :] = 1
    middle = torch.zeros_like(image)
    middle[..., 5, :] = 1
    assert not soft_skeleton(image, 1).any()
    assert torch.equal(soft_skeleton(image, 2), middle)
    assert torch.equal(soft_skeleton(image, 9), middle)


def test_residues_are_not_counted_twice():
    """1 - (1 - a)(1 - b) for the residues a, b of two levels, not a + b."""
    image = torch.zeros(1, 1, 9, 9)
    image[..., 3:6, 3:6] = 0.5
    image[..., 4, 4] = 0.9
    # Level 0: 0.9 above the opened 0.5. Level 1: 0.5 above the opened 0.
    assert soft_skeleton(image, 0)[0, 0, 4, 4].item() == pytest.approx(0.4)
    assert soft_skeleton(image, 1)[0, 0, 4, 4].item() == pytest.approx(1 - 0.6 * 0.5)


@pytest.mark.parametrize("shape", [(8, 9), (5, 6, 7)])
def test_symmetries_and_channels(shape):
    probs = torch.rand(2, 3, *shape)
    ours = soft_skeleton(probs, 3)
    axes = tuple(range(2, probs.ndim))
    assert torch.equal(soft_skeleton(probs.flip(axes), 3), ours.flip(axes))
    assert torch.equal(soft_skeleton(probs.transpose(-1, -2), 3), ours.transpose(-1, -2))
    assert torch.equal(soft_skeleton(probs[1:, 2:], 3), ours[1:, 2:])
    assert ours.min() >= 0
    assert ours.max() <= 1


def test_a_slice_behaves_as_an_image():
    probs = torch.rand(1, 1, 9, 10)
    # In a volume of one slice the minimum along the missing axis changes nothing.
    assert torch.equal(soft_skeleton(probs[:, :, None], 3)[:, :, 0], soft_skeleton(probs, 3))


@pytest.mark.parametrize("shape", [(8, 8), (4, 5, 4)])
def test_gradient(shape):
    probs = torch.rand(1, 1, *shape, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda p: soft_skeleton(p, 2), (probs,))


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="iterations must be 0 or more, got -1"):
        soft_skeleton(torch.zeros(1, 1, 4, 4), -1)
    with pytest.raises(ValueError, match="must have 4 or 5 axes, got 3"):
        soft_skeleton(torch.zeros(1, 4, 4), 1)
