"""Derived channels (vesselness) and maps of whole cases on their way to a batch."""

import dataclasses

import numpy as np
import pytest
import torch

from tubekit.data import PatchSampler, confidence_map, downscale, normalise, transforms
from tubekit.types import Case


@pytest.fixture(autouse=True)
def _cache(monkeypatch, tmp_path):
    monkeypatch.setenv("TUBEKIT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def case(rng):
    """Two measured channels, one derived one that numbers the voxels; a corner is not valid."""
    shape = (40, 36)
    label = np.zeros(shape, np.uint8)
    label[10:13, 4:30] = 1
    valid = np.ones(shape, bool)
    valid[:5, :5] = False
    ramp = np.arange(40 * 36, dtype=np.float32).reshape(1, *shape) / (40 * 36)
    image = np.concatenate([rng.normal(50, 9, (2, *shape)).astype(np.float32), ramp])
    return Case("a", image, label, (1.0, 1.0), valid, derived=1)


@pytest.mark.parametrize("derived", [-1, 4])
def test_no_more_derived_channels_than_channels(case, derived):
    with pytest.raises(ValueError, match=rf"case a: derived must .*got {derived}; "):
        dataclasses.replace(case, derived=derived)


@pytest.mark.parametrize("spacing", [None, 1.0, ("a", "b"), ("1", "1"), (1.0,), (1.0, np.nan)])
@pytest.mark.usefixtures("unchecked")
def test_a_spacing_is_one_positive_number_per_axis(case, spacing):
    told = r"case a: spacing needs one positive value per axis \(2\), got .*; pass millimetres"
    with pytest.raises(ValueError, match=told):
        dataclasses.replace(case, spacing=spacing)


def test_cases_have_none_unless_told():
    assert Case("a", np.zeros((1, 2, 2), np.float32), None, (1.0, 1.0)).derived == 0


def test_normalise_keeps_them_inside_and_clears_them_outside(case):
    made = normalise(case)
    assert (made[2][case.valid] == case.image[2][case.valid]).all()
    assert not made[:, ~case.valid].any()
    plain = normalise(dataclasses.replace(case, image=case.image[:2], derived=0))
    assert (made[:2] == plain).all()
    everywhere = normalise(dataclasses.replace(case, valid=None))
    assert (everywhere[2] == case.image[2]).all()


def test_normalise_refuses_nan_there_too(case):
    image = case.image.copy()
    image[2, 9, 9] = np.nan
    with pytest.raises(ValueError, match="image of case a must be finite"):
        normalise(dataclasses.replace(case, image=image))


def test_downscale_averages_them_and_keeps_their_number(case):
    small = downscale(case, (2, 2))
    assert small.derived == 1
    assert small.image[2, 1, 1] == pytest.approx(case.image[2, 2:4, 2:4].mean())
    none = dataclasses.replace(case, image=case.image[:0], derived=0)
    assert downscale(none, (3, 2)).image.shape == (0, 14, 18)
    assert (downscale(none, (3, 2)).label == downscale(case, (3, 2)).label).all()


@pytest.fixture
def loud(monkeypatch):
    """Every change of intensity happens, at every patch."""
    for name in ("P_NOISE", "P_BRIGHTNESS", "P_CONTRAST", "P_GAMMA"):
        monkeypatch.setattr(transforms, name, 1.0)


def test_intensity_changes_leave_them_alone_but_geometry_moves_them(case, loud, monkeypatch):
    """Flips and turns only, so that every value of the ramp says where it came from."""
    monkeypatch.setattr(transforms, "P_ROTATE", 0.0)
    monkeypatch.setattr(transforms, "P_SCALE", 0.0)
    case = dataclasses.replace(case, valid=None)
    ramp = normalise(case)[2]
    batch = PatchSampler([case], (16, 16), 12, maps=(), seed=3).batch(0)
    first = []
    for image, target in zip(batch["image"].numpy(), batch["target"].numpy(), strict=True):
        places = np.rint(image[2] * ramp.size).astype(int)
        assert (ramp.ravel()[places] == image[2]).all()
        assert (case.label.ravel()[places] == target[0]).all()
        assert not np.allclose(image[:2], normalise(case)[:2].reshape(2, -1)[:, places])
        first.append(places[0, 0] < places[-1, -1])
    assert 0 < sum(first) < 12  # some are mirrored


def test_geometry_interpolates_them(case, loud, monkeypatch):
    monkeypatch.setattr(transforms, "P_SCALE", 1.0)
    batch = PatchSampler([dataclasses.replace(case, valid=None)], (16, 16), 8, maps=()).batch(0)
    ramp = batch["image"][:, 2]
    assert 0 <= float(ramp.min()) <= float(ramp.max()) <= 1
    assert len(torch.unique(ramp)) > 8 * 16 * 16 * 0.9  # nearest neighbour repeats values


def test_without_derived_channels_a_batch_is_what_it_was(case):
    """The random numbers are drawn as before, so recorded runs can be repeated."""
    plain = dataclasses.replace(case, image=case.image[:2], derived=0)
    with_ramp = PatchSampler([case], (16, 16), 4, seed=1).batch(0)
    without = PatchSampler([plain], (16, 16), 4, seed=1).batch(0)
    assert torch.equal(with_ramp["image"][:, :2], without["image"])
    assert torch.equal(with_ramp["target"], without["target"])


def test_sampler_refuses_cases_without_an_image(case):
    masks = dataclasses.replace(case, image=case.image[:0], derived=0)
    with pytest.raises(ValueError, match=r"case a: expected an image, got 0 channels .*render one"):
        PatchSampler([masks], (8, 8), 1)
    only = dataclasses.replace(case, image=case.image[2:])
    with pytest.raises(ValueError, match="got 1 channels of which 1 are derived"):
        PatchSampler([only], (8, 8), 1)


def test_sampler_refuses_cases_that_differ_in_them(case):
    other = dataclasses.replace(case, id="b", derived=0)
    with pytest.raises(ValueError, match=r"case b: expected 1 derived channels .*got 0; compute"):
        PatchSampler([case, other], (8, 8), 1)


@pytest.mark.parametrize("when", ["patch", "case"])
def test_confidence_is_that_of_the_case_also_in_patches_without_vessel(case, when):
    whole = confidence_map(case.label)
    sampler = PatchSampler(
        [case], (8, 8), 32, maps=("confidence", "tube"), augment=False, when=when, seed=2
    )
    batch = sampler.batch(0)
    empty = ~batch["target"].flatten(1).any(1)
    assert empty.any()
    assert not empty.all()
    for image, confidence in zip(batch["image"], batch["confidence"], strict=True):
        inside = image[2] > 0  # the ramp is 0 outside the field of view
        places = (image[2] * whole.size).round().long().numpy()
        assert (whole.ravel()[places] == confidence[0].numpy())[inside.numpy()].all()


def test_a_case_without_vessel_is_named(case):
    bare = dataclasses.replace(case, id="b", label=np.zeros_like(case.label))
    with pytest.raises(ValueError, match=r"case b: confidence needs .*got an empty label"):
        PatchSampler([case, bare], (8, 8), 1, maps=("confidence",))


def test_confidence_is_one_beyond_the_case(case):
    batch = PatchSampler([case], (60, 60), 1, maps=("confidence",), augment=False).batch(0)
    assert (batch["confidence"][0, 0, 40:] == 1).all()
    assert (batch["confidence"][0, 0, :40, :36].numpy() == confidence_map(case.label)).all()
