"""Predictors: slices from three sides, votes, and the way from coarse to fine."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tubekit.data import SliceSampler, normalise
from tubekit.inference import CoarseToFine, Slices, Views, Windows, predict_probs
from tubekit.inference.predictors import label_of
from tubekit.losses import DiceCELoss
from tubekit.networks import UNet
from tubekit.training import Supervised, adamw, deterministic, fit
from tubekit.types import Case, Spec


def ball(seed: int, shape: tuple[int, ...] = (20, 24, 28)) -> Case:
    """A bright ball in noise."""
    rng = np.random.default_rng(seed)
    centre = [rng.uniform(0.4 * n, 0.6 * n) for n in shape]
    apart = sum((g - c) ** 2 for g, c in zip(np.indices(shape), centre, strict=True))
    label = (apart < 20).astype(np.int64)
    image = 2.0 * label + rng.normal(0, 0.5, shape)
    return Case(f"ball_{seed}", image[None], label, (1.0, 1.0, 1.0))


def test_a_network_trained_on_slices_predicts_a_volume_from_three_sides() -> None:
    with deterministic(0):
        network = UNet(2, 3, 1, features=(4, 8))
    samplers = [
        SliceSampler([ball(i) for i in range(3)], axis, 16, 2, neighbours=1, maps=(), seed=axis)
        for axis in range(3)
    ]
    update = Supervised(network, DiceCELoss(), Spec(adamw, lr=0.02))
    fit(update, lambda step: samplers[step % 3].batch(step), steps=120)
    case = ball(9)
    sides = [Slices(network, 16, axis=axis, neighbours=1) for axis in range(3)]
    for rule in ("mean", "majority"):
        found = label_of(Views(sides, rule)(case))
        assert found.shape == case.label.shape
        dice = 2 * (found & (case.label > 0)).sum() / (found.sum() + case.label.sum())
        assert dice > 0.8, rule


class MiddleOf(nn.Module):
    """The logit is one chosen channel, so it is known what each slice was shown."""

    def __init__(self, channel: int) -> None:
        super().__init__()
        self.channel = channel
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, image: Tensor) -> Tensor:
        return image[:, self.channel : self.channel + 1] * self.weight


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_show_the_neighbours_and_nothing_beyond(axis: int) -> None:
    case = ball(1, (6, 7, 8))
    image = normalise(case)[0]
    before, here, behind = (
        Slices(MiddleOf(channel), (4, 4), axis=axis, neighbours=1)(case)[0] for channel in range(3)
    )
    own = np.moveaxis(1 / (1 + np.exp(-image.astype(np.float64))), axis, 0)
    np.testing.assert_allclose(np.moveaxis(here, axis, 0), own, rtol=1e-5)
    np.testing.assert_allclose(np.moveaxis(before, axis, 0)[1:], own[:-1], rtol=1e-5)
    np.testing.assert_allclose(np.moveaxis(behind, axis, 0)[:-1], own[1:], rtol=1e-5)
    assert (np.moveaxis(before, axis, 0)[0] == 0.5).all()
    assert (np.moveaxis(behind, axis, 0)[-1] == 0.5).all()


def test_the_sampler_shows_what_the_predictor_shows() -> None:
    """A patch of whole slices, not augmented, is a slice with its neighbours."""
    case = ball(2, (6, 8, 8))
    sampler = SliceSampler([case], 0, 8, 1, neighbours=1, maps=("skeleton",), augment=False)
    image = np.pad(normalise(case)[0], [(1, 1), (0, 0), (0, 0)])
    seen = set()
    for step in range(40):
        batch = sampler.batch(step)
        middle = batch["image"][0, 1].numpy()
        z = next(i for i in range(6) if np.array_equal(middle, image[i + 1]))
        np.testing.assert_array_equal(batch["image"][0].numpy(), image[z : z + 3])
        np.testing.assert_array_equal(batch["target"][0, 0].numpy(), case.label[z])
        assert bool(batch["valid"].all())
        assert (batch["skeleton"] <= batch["target"]).all()
        seen.add(z)
    assert seen == set(range(6))


def test_windows_are_predict_probs_of_the_normalised_image() -> None:
    case = ball(3)
    network = UNet(3, 1, 2, features=(4, 8))
    expected = predict_probs(network, normalise(case), patch_size=16, overlap=0.25)
    np.testing.assert_array_equal(Windows(network, 16, 0.25)(case), expected)


def test_a_majority_is_a_share_of_votes() -> None:
    def says(*probs: float):
        return lambda case: np.reshape(np.float32(probs), (2, 1, 1))

    case = Case("a", np.zeros((1, 1, 1)), None, (1.0, 1.0))
    three = [says(0.45, 0.55), says(0.4, 0.6), says(0.99, 0.01)]
    np.testing.assert_allclose(Views(three, "majority")(case).ravel(), [1 / 3, 2 / 3], rtol=1e-6)
    np.testing.assert_allclose(Views(three)(case).ravel(), [1.84 / 3, 1.16 / 3], rtol=1e-6)
    with pytest.raises(ValueError, match="at least one predictor"):
        Views([])
    with pytest.raises(ValueError, match="rule must be one of 'mean', 'majority'"):
        Views(three, "vote")


@pytest.mark.parametrize("channels", [1, 2])
def test_coarse_to_fine_looks_at_the_box_until_nothing_changes(channels: int) -> None:
    label = np.zeros((30, 30), np.int64)
    label[10:18, 12:20] = 1
    image = np.zeros((1, 30, 30))
    image[0] = label
    image[0, 1, 1] = 1.0  # bright as well, but far from the organ
    case = Case("a", image, label, (1.0, 1.0))

    def answered(mask: np.ndarray) -> np.ndarray:
        foreground = mask.astype(np.float32)
        return np.stack([1 - foreground, foreground])[-channels:]

    def coarse(seen: Case) -> np.ndarray:
        found = np.zeros((30, 30))
        found[11:15, 13:17] = 1  # a part of it
        return answered(found)

    shapes: list[tuple[int, ...]] = []

    def fine(seen: Case) -> np.ndarray:
        shapes.append(seen.image.shape[1:])
        return answered(seen.image[0] > 0)

    told: list[list[float]] = []
    found = CoarseToFine(coarse, fine, margin=2, report=told.append)(case)
    assert shapes == [(8, 8), (11, 11), (12, 12)]
    assert told[0] == pytest.approx([2 * 16 / (16 + 49), 2 * 49 / (49 + 64), 1.0])
    np.testing.assert_array_equal(label_of(found), label)
    assert len(found) == channels
    one = CoarseToFine(coarse, fine, margin=2, rounds=1, report=told.append)(case)
    assert int(label_of(one).sum()) == 49
    nothing = CoarseToFine(lambda c: answered(np.zeros((30, 30))), fine, report=told.append)(case)
    assert not label_of(nothing).any()
    assert told[-1] == []
    with pytest.raises(ValueError, match=r"tolerance must lie in \(0, 1\]"):
        CoarseToFine(coarse, fine, tolerance=1.5)


def test_what_slices_cannot_make_is_refused() -> None:
    coarse = Case("b", ball(2).image, ball(2).label, (1.0, 2.0, 2.0))
    with pytest.raises(ValueError, match="labels and one spacing to make skeleton of slices"):
        SliceSampler([ball(1), coarse], 0, 8, 1, maps=("skeleton",))
    SliceSampler([ball(1), coarse], 1, 8, 1, maps=())
    unlabelled = Case("c", ball(2).image, None, (1.0, 1.0, 1.0))
    with pytest.raises(ValueError, match="labels and one spacing"):
        SliceSampler([unlabelled], 0, 8, 1, maps=("tube",))
    assert set(SliceSampler([unlabelled], 0, 8, 1, maps=()).batch(0)) <= {"image", "valid"}
    whole = SliceSampler([ball(1)], 0, 8, 1, maps=("confidence",)).batch(0)
    assert whole["confidence"].shape == whole["target"].shape
