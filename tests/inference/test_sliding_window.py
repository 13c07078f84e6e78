"""Sliding window: pointwise networks must not notice the windows; mirroring; restored state."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from tubekit.inference import predict_label, predict_probs
from tubekit.networks import UNet
from tubekit.types import SegOutput


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


class Position(nn.Module):
    """Logits that depend on the place in the window only."""

    def forward(self, image: Tensor) -> Tensor:
        ramp = torch.linspace(-2, 2, image.shape[-1], device=image.device)
        return ramp.expand(len(image), 1, *image.shape[2:])


class Deep(nn.Module):
    def forward(self, image: Tensor) -> SegOutput:
        return SegOutput(image, (image[..., ::2, ::2],))


class Records(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[tuple[int, ...]] = []
        self.training_flags: list[bool] = []
        self.grad_flags: list[bool] = []

    def forward(self, image: Tensor) -> Tensor:
        self.shapes.append(tuple(image.shape))
        self.training_flags.append(self.training)
        self.grad_flags.append(torch.is_grad_enabled())
        return image


@settings(max_examples=25, deadline=None)
@given(
    size=st.one_of(
        st.tuples(st.integers(1, 40), st.integers(1, 40)),
        st.tuples(st.integers(1, 14), st.integers(1, 14), st.integers(1, 14)),
    ),
    patch=st.integers(2, 16),
    overlap=st.sampled_from([0.0, 0.25, 0.5, 0.75]),
    channels=st.integers(1, 3),
    mirror=st.booleans(),
)
def test_identity_network_gives_the_identity(
    size: tuple[int, ...], patch: int, overlap: float, channels: int, mirror: bool
) -> None:
    image = np.random.default_rng(1).normal(size=(channels, *size)).astype(np.float32)
    probs = predict_probs(
        nn.Identity(),
        image,
        patch_size=(patch,) * len(size),
        overlap=overlap,
        mirror_axes=(0, len(size) - 1) if mirror else (),
    )
    expected = torch.from_numpy(image)
    expected = expected.sigmoid() if channels == 1 else expected.softmax(0)
    assert probs.shape == image.shape
    assert probs.dtype == np.float32
    np.testing.assert_allclose(probs, expected.numpy(), atol=2e-5)


def test_pointwise_network_equals_one_whole_pass(rng: np.random.Generator) -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU(), nn.Conv2d(8, 4, 1))
    image = rng.normal(size=(3, 37, 51)).astype(np.float32)
    with torch.no_grad():
        whole = network(torch.from_numpy(image)[None])[0].softmax(0).numpy()
    probs = predict_probs(network, image, patch_size=(16, 24), mirror_axes=(1,))
    np.testing.assert_allclose(probs, whole, atol=2e-6)
    np.testing.assert_allclose(probs.sum(0), 1, atol=1e-6)


def test_one_window_that_fits_is_a_plain_pass(rng: np.random.Generator) -> None:
    network = UNet(2, 1, 2, features=(4, 8)).eval()
    image = rng.normal(size=(1, 16, 24)).astype(np.float32)
    with torch.no_grad():
        whole = network(torch.from_numpy(image)[None])[0].softmax(0).numpy()
    np.testing.assert_allclose(predict_probs(network, image, patch_size=(16, 24)), whole, atol=1e-5)


def test_small_images_are_padded_with_zeros() -> None:
    network = Records()
    image = np.ones((1, 5, 7), np.float32)
    predict_probs(network, image, patch_size=(16, 16))
    assert network.shapes == [(1, 1, 16, 16)]


def test_overlap_is_weighted_towards_the_centre() -> None:
    """Two windows of 32 over 48 columns: the seam is smooth and each centre keeps its window."""
    probs = predict_probs(Position(), np.zeros((1, 32, 48), np.float32), patch_size=(32, 32))
    logits = np.log(probs / (1 - probs))[0, 16]
    ramp = np.linspace(-2, 2, 32)
    np.testing.assert_allclose(logits[:8], ramp[:8], atol=1e-4)
    np.testing.assert_allclose(logits[-8:], ramp[-8:], atol=1e-4)
    assert abs(logits[23] + logits[24]) < 1e-4  # the same distance from both centres
    # A flat mean would leave a jump of half the ramp where the second window starts.
    assert abs(logits[16] - ramp[16]) < 0.25


@pytest.mark.parametrize(("axes", "flat"), [((), False), ((0,), False), ((1,), True)])
def test_mirroring_averages_over_the_axes_named(axes: Sequence[int], flat: bool) -> None:
    image = np.zeros((1, 16, 16), np.float32)
    probs = predict_probs(Position(), image, patch_size=(16, 16), mirror_axes=axes)
    assert np.allclose(probs, 0.5, atol=1e-6) == flat


def test_labels(rng: np.random.Generator) -> None:
    logits = rng.normal(size=(3, 9, 11)).astype(np.float32)
    label = predict_label(nn.Identity(), logits, patch_size=(8, 8))
    np.testing.assert_array_equal(label, logits.argmax(0))
    assert label.dtype == np.uint8
    binary = predict_label(nn.Identity(), logits[:1], patch_size=(8, 8))
    np.testing.assert_array_equal(binary, logits[0] > 0)


def test_takes_the_logits_of_a_seg_output(rng: np.random.Generator) -> None:
    image = rng.normal(size=(1, 20, 20)).astype(np.float32)
    probs = predict_probs(Deep(), image, patch_size=(8, 8))
    np.testing.assert_allclose(probs, sigmoid(image), atol=1e-5)


def test_state_of_the_network_is_restored() -> None:
    network = Records()
    network.add_module("frozen", nn.BatchNorm2d(1).eval())
    network.train(True)
    network.frozen.eval()
    predict_probs(network, np.zeros((1, 8, 8), np.float32), patch_size=(8, 8), device="cpu")
    assert network.training_flags == [False]
    assert network.grad_flags == [False]
    assert network.training
    assert not network.frozen.training


def test_bfloat16_is_near(rng: np.random.Generator) -> None:
    network = UNet(2, 1, 1, features=(4, 8))
    image = rng.normal(size=(1, 16, 16)).astype(np.float32)
    exact = predict_probs(network, image, patch_size=(16, 16))
    rough = predict_probs(network, image, patch_size=(16, 16), precision="bf16-mixed")
    assert 0 < np.abs(exact - rough).max() < 0.05
    assert rough.dtype == np.float32


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"patch_size": (8,)}, "2 axes of the image"),
        ({"patch_size": (8, 0)}, "positive size"),
        ({"overlap": 1.0}, "overlap must lie"),
        ({"batch_size": 0}, "batch_size"),
        ({"mirror_axes": (2,)}, r"0\.\.1"),
        ({"mirror_axes": (1, 1)}, "distinct"),
        ({"precision": "16"}, "precision must be one of"),
        ({"image": np.full((1, 8, 8), np.nan, np.float32)}, "finite"),
        ({"image": np.zeros((8, 8), np.float32)}, "axes"),
    ],
)
def test_bad_arguments(arguments: dict, message: str) -> None:
    given_ = {"image": np.zeros((1, 8, 8), np.float32), "patch_size": (8, 8)} | arguments
    with pytest.raises(ValueError, match=message):
        predict_probs(nn.Identity(), **given_)


def test_patch_that_the_network_cannot_take_names_the_remedy() -> None:
    with pytest.raises(ValueError, match=r"pad it to \(16, 16\)"):
        predict_probs(
            UNet(2, 1, 1, features=(4, 4, 4)),
            np.zeros((1, 20, 20), np.float32),
            patch_size=(15, 16),
        )


@pytest.mark.usefixtures("unchecked")
@pytest.mark.filterwarnings("error")  # torch warns of arrays that it may not write to
def test_arrays_as_people_have_them_and_one_size_for_all_axes(rng: np.random.Generator) -> None:
    network = UNet(2, 1, 2, features=(4, 4))
    image = rng.standard_normal((1, 40, 48)).astype(np.float32)
    truth = predict_probs(network, image, patch_size=(32, 32))
    frozen = image.copy()
    frozen.setflags(write=False)
    views = {
        "mirrored": np.ascontiguousarray(image[:, ::-1])[:, ::-1],
        "turned": np.ascontiguousarray(image.swapaxes(1, 2)).swapaxes(1, 2),
        "big-endian": image.astype(">f4"),
        "double": image.astype(np.float64),
        "read-only": frozen,
    }
    for name, view in views.items():
        assert np.array_equal(predict_probs(network, view, patch_size=(32, 32)), truth), name
    for size in (32, np.int64(32)):
        assert np.array_equal(predict_probs(network, image, patch_size=size), truth)
    with pytest.raises(ValueError, match=r"for each of the 2 axes of the image, got \(0, 0\)"):
        predict_probs(network, image, patch_size=0)
