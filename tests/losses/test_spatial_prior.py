"""The spatial prior against its equation written out voxel by voxel, and what it asks for.

Tests that ``test_mutants`` runs again take no fixtures.
"""

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from tubekit.geometry.kernels import pairwise
from tubekit.geometry.similarity import by_shifts, similar_neighbours
from tubekit.losses import SpatialPriorLoss, spatial_prior
from tubekit.losses.spatial_prior import unit_range

from .scenes import scene

close = torch.testing.assert_close
SIZES = {"sigma_position": 1.7, "sigma_intensity": 0.3}
GRIDS = [(4, 5), (1, 7), (3, 3, 4), (4, 1, 3), (2, 5, 1), (1, 1)]


def draw(grid, classes=1, channels=1, batch=2, dtype=torch.float64) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(sum(grid))
    make = lambda c: torch.rand((batch, c, *grid), generator=generator, dtype=dtype)  # noqa: E731
    return make(classes), make(channels)


def written_out(probs, image, *, form, radius, sigma_position, sigma_intensity, valid=None):
    """Equation 7, pair by pair."""
    grid, value, pairs = probs.shape[2:], 0.0, 0
    window = (2 * radius + 1) ** len(grid) - 1
    for b in range(len(probs)):
        for i in np.ndindex(*grid):
            if valid is not None and not valid[(b, 0, *i)]:
                continue
            pairs += window * probs.shape[1]
            for step in itertools.product(range(-radius, radius + 1), repeat=len(grid)):
                j = tuple(a + s for a, s in zip(i, step, strict=True))
                if j == i or not all(0 <= a < n for a, n in zip(j, grid, strict=True)):
                    continue
                if valid is not None and not valid[(b, 0, *j)]:
                    continue
                here, there = (b, slice(None), *i), (b, slice(None), *j)
                far = sum(s * s for s in step) / (2 * sigma_position**2)
                apart = (image[here] - image[there]).square().sum() / (2 * sigma_intensity**2)
                other = probs[there] if form == "printed" else 1 - probs[there]
                value = value + (torch.exp(-far - apart) * probs[here] * other).sum()
    return value / max(1, pairs)


def with_gradient(function, probs, *arguments, **options):
    leaf = probs.clone().requires_grad_()
    value = function(leaf, *arguments, **options)
    if not isinstance(value, Tensor):  # no pair at all
        return leaf.new_zeros(()), torch.zeros_like(leaf)
    return value.detach(), torch.autograd.grad(value, leaf)[0]


def check_against_the_equation(form="printed", grid=(4, 5), **shape):
    probs, image = draw(grid, **shape)
    options = {"form": form, "radius": 2, **SIZES}
    for valid in (None, torch.rand((2, 1, *grid), generator=torch.manual_seed(1)) > 0.3):
        ours = with_gradient(spatial_prior, probs, image, **options, valid=valid)
        theirs = with_gradient(written_out, probs, image, **options, valid=valid)
        close(ours, theirs, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("form", ["printed", "potts"])
@pytest.mark.parametrize("grid", GRIDS)
def test_value_and_gradient_are_those_of_the_equation(form: str, grid: tuple[int, ...]):
    check_against_the_equation(form, grid)


def test_classes_and_channels():
    check_against_the_equation("printed", (4, 5), classes=3, channels=2)
    check_against_the_equation("potts", (3, 2, 3), classes=2, channels=3)


def test_defaults_by_number_of_axes():
    for grid, radius in (((12, 13), 5), ((5, 6, 7), 2)):
        probs, image = draw(grid)
        close(
            spatial_prior(probs, image),
            spatial_prior(
                probs,
                image,
                form="printed",
                radius=radius,
                sigma_position=float(radius),
                sigma_intensity=0.1,
            ),
        )


# --- the compiled sums


def neighbour_sums(function, values, image, radius, **more):
    half = [s for s in itertools.product(range(-radius, radius + 1), repeat=values.ndim - 2)]
    half = [s for s in half if s > (0,) * (values.ndim - 2)]
    shares = [math.exp(-sum(a * a for a in s) / (2 * 1.7**2)) for s in half]
    return function(
        values, image / (math.sqrt(2) * 0.3), torch.tensor(half), torch.tensor(shares), **more
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("grid", [*GRIDS, (9, 40), (6, 9, 17)])
@pytest.mark.parametrize(("classes", "channels"), [(1, 1), (4, 3)])
def test_compiled_and_plain_sums_agree(grid, classes: int, channels: int, dtype):
    values, image = draw(grid, classes, channels, dtype=dtype)
    ours = similar_neighbours(values, image, radius=2, **SIZES)
    assert ours.dtype == dtype
    close(ours, neighbour_sums(by_shifts, values, image, 2), rtol=3e-6, atol=3e-6)


def test_strides_do_not_matter():
    values, image = draw((8, 9, 10))
    expected = similar_neighbours(values, image, radius=2, **SIZES)
    turned = [t.transpose(2, 4).contiguous().transpose(2, 4) for t in (values, image)]
    assert not turned[0].is_contiguous()
    assert similar_neighbours(*turned, radius=2, **SIZES).equal(expected)


def test_other_devices_take_the_plain_path_without_a_round_trip():
    """Tensors without data: any copy to the CPU would be an error."""
    for form, grid in (("printed", (4, 5)), ("potts", (3, 4, 5))):
        probs, image = (t.to("meta") for t in draw(grid, 2))
        leaf = probs.requires_grad_()
        value = spatial_prior(leaf, unit_range(image), form=form, valid=probs[:, :1] > 0)
        (gradient,) = torch.autograd.grad(value, leaf)
        assert gradient.device.type == "meta"
        assert gradient.shape == probs.shape


def test_every_weight_is_within_a_millionth():
    """Two voxels: the sum of one is the weight of the other."""
    contrast = torch.linspace(0, 8, 2001, dtype=torch.float64)
    image = torch.stack([0 * contrast, contrast], 1).view(-1, 1, 1, 2)
    for dtype in (torch.float32, torch.float64):
        values = torch.ones(image.shape, dtype=dtype)
        sums = similar_neighbours(
            values, image, radius=1, sigma_position=1e6, sigma_intensity=math.sqrt(0.5)
        )
        expected = (-contrast.square()).exp()
        assert (sums[:, 0, 0] - expected[:, None]).abs().max() < 1e-6


def test_slabs_do_not_matter():
    values, image = draw((9, 6, 7), dtype=torch.float32)
    steps = [s for s in itertools.product(range(-2, 3), repeat=3) if s > (0, 0, 0)]
    constants = np.array(steps), np.full(len(steps), 0.7, np.float32)
    results = []
    for edges in ((0, 9), (0, 1, 2, 9), (0, 4, 5, 6, 9)):
        sums = np.zeros((1, 9, 6, 7), np.float32)
        for start, stop in itertools.pairwise(edges):
            pairwise.similar_sums(
                start,
                stop,
                image[0].numpy(),
                values[0].numpy(),
                *constants,
                pairwise.COEFFICIENTS.astype(np.float32),
                sums,
            )
        results.append(sums)
    assert all((sums == results[0]).all() for sums in results)


# --- what it asks for


def test_printed_by_hand():
    """Three pixels in a row, all alike: two ordered pairs at distance 1 for each middle link."""
    probs = torch.tensor([[[[0.5, 1.0, 0.25]]]])
    share = math.exp(-1 / 2)  # distance 1, sigma 1
    value = spatial_prior(probs, torch.zeros(1, 1, 1, 3), radius=1, sigma_position=1.0)
    close(value, torch.tensor(2 * share * (0.5 + 0.25) / (3 * 8)))
    value = spatial_prior(
        probs, torch.zeros(1, 1, 1, 3), radius=1, sigma_position=1.0, form="potts"
    )
    # p_i (1 - p_j) both ways: 0.5 * 0 + 1 * 0.5, and 1 * 0.75 + 0.25 * 0.
    close(value, torch.tensor(share * (0.5 + 0.75) / (3 * 8)))


def test_intensity_separates_as_position_does():
    probs = torch.ones(1, 1, 1, 2)
    image = torch.tensor([[[[0.0, 0.3]]]])
    value = spatial_prior(probs, image, radius=1, sigma_position=2.0, sigma_intensity=0.1)
    close(value, torch.tensor(2 * math.exp(-1 / 8 - 0.09 / 0.02) / 16), rtol=1e-4, atol=1e-8)


def test_the_empty_prediction_is_the_minimum_of_the_printed_form():
    """A price on size: 0 only without foreground, and every voxel's gradient points down."""
    probs, image = draw((8, 9))
    empty = with_gradient(spatial_prior, 0 * probs, image)
    assert empty[0] == 0
    value, gradient = with_gradient(spatial_prior, probs, image)
    assert value > 0
    assert (gradient > 0).all()
    assert spatial_prior(0.5 * probs, image).item() == pytest.approx(value.item() / 4)


def test_potts_is_blind_to_size():
    probs, image = draw((8, 9))
    for constant in (0.0, 1.0):
        whole = torch.full_like(probs, constant)
        close(spatial_prior(whole, image, form="potts"), torch.zeros((), dtype=probs.dtype))
    # An edge costs where intensities agree, and next to nothing where they differ as well.
    half = torch.zeros_like(probs)
    half[:, :, 4:] = 1
    alike, different = (spatial_prior(half, picture, form="potts") for picture in (0 * image, half))
    assert different < 1e-6 < 0.01 < alike


def test_both_forms_make_up_the_sum_over_neighbours():
    """p_i p_j + p_i (1 - p_j) = p_i."""
    probs, image = draw((8, 9))
    options = {"radius": 2, **SIZES}
    both = sum(spatial_prior(probs, image, form=form, **options) for form in ("printed", "potts"))
    around = similar_neighbours(torch.ones_like(probs), image, **options)
    close(both, (probs * around).mean() / 24)


@pytest.mark.parametrize("form", ["printed", "potts"])
@pytest.mark.parametrize("grid", [(4, 5), (3, 4, 3)])
def test_gradcheck(form: str, grid: tuple[int, ...]):
    probs, image = draw(grid, 2)
    valid = torch.rand((2, 1, *grid)) > 0.2
    leaf = probs.requires_grad_()
    for some in (None, valid):
        assert torch.autograd.gradcheck(
            lambda p, v=some: spatial_prior(p, image, form=form, radius=1, valid=v), (leaf,)
        )


def test_a_second_derivative_is_an_error():
    probs, image = draw((4, 5))
    leaf = probs.requires_grad_()
    (gradient,) = torch.autograd.grad(spatial_prior(leaf, image), leaf, create_graph=True)
    with pytest.raises(RuntimeError, match="got a second"):
        gradient.sum().backward()


# --- the loss


def test_the_unit_of_the_image_does_not_matter():
    at = scene(2)
    expected = SpatialPriorLoss()(at.logits, at.target, image=at.image)
    close(SpatialPriorLoss()(at.logits, at.target, image=40 * at.image - 7), expected)
    close(expected, spatial_prior(at.logits.softmax(1)[:, 1:], unit_range(at.image)))


def test_the_range_is_that_of_valid_voxels():
    at = scene(2)
    valid = torch.ones_like(at.target, dtype=torch.bool)
    valid[..., 4:] = False
    bright = at.image.where(valid, 50.0)
    values = [
        SpatialPriorLoss()(at.logits, at.target, image=i, valid=valid) for i in (at.image, bright)
    ]
    close(values[1], values[0])


def test_unit_range():
    image = torch.tensor([[[[2.0, 4.0, 3.0]], [[5.0, 5.0, 5.0]]]])
    expected = torch.tensor([[[[0.0, 1.0, 0.5]], [[0.0, 0.0, 0.0]]]])
    close(unit_range(image), expected)
    valid = torch.tensor([[[[True, False, True]]]])
    close(unit_range(image, valid)[0, 0, 0], torch.tensor([0.0, 0.0, 1.0]))
    assert (unit_range(image, ~valid & valid) == 0).all()
    two = torch.cat([image, 10 * image])
    close(unit_range(two), torch.cat([expected, expected]))  # every sample has its own range


def test_computed_channels_can_be_left_out():
    at = scene(2)
    vesselness = torch.cat([at.image[:, :1], at.image[:, 1:].flip(2)], 1)
    loss = SpatialPriorLoss(image_channels=1)
    values = [loss(at.logits, at.target, image=i) for i in (at.image, vesselness, at.image[:, :1])]
    close(values[1:], values[:1] * 2)
    all_channels = SpatialPriorLoss()(at.logits, at.target, image=vesselness)
    assert abs(all_channels - values[0]) > 1e-5


def test_bad_images():
    at = scene(2)
    with pytest.raises(ValueError, match=r"at least 3 channels, got torch\.float32 with 2"):
        SpatialPriorLoss(image_channels=3)(at.logits, at.target, image=at.image)
    with pytest.raises(ValueError, match="image must be floating point"):
        SpatialPriorLoss()(at.logits, at.target, image=at.target)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"form": "crf"}, "form must be one of"),
        ({"radius": 0}, "radius must be an integer of at least 1, got 0"),
        ({"sigma_position": -1.0}, "sigma_position must be finite and above 0"),
        ({"sigma_intensity": 0.0}, "sigma_intensity must be finite and above 0"),
    ],
)
def test_the_function_checks_what_the_loss_checks(arguments, told):
    at = scene(2)
    with pytest.raises(ValueError, match=told):
        spatial_prior(at.logits.sigmoid(), at.image, **arguments)


@pytest.mark.parametrize("form", ["printed", "potts"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_single(form: str, dtype: torch.dtype):
    half, image = (t.to(dtype) for t in draw((4, 5)))
    exact, slope = with_gradient(spatial_prior, half.float(), image.float(), form=form)
    value, gradient = with_gradient(spatial_prior, half, image, form=form)
    assert value.dtype == torch.float32
    assert value == exact
    assert torch.equal(gradient, slope.to(dtype))
