"""Overlapping windows with Gaussian weights, so that an image of any size fits any network."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, combinations
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Integer, Num
from monai.inferers import sliding_window_inference
from torch import Tensor, nn

from tubekit import _check
from tubekit._accept import array, numbers, taking
from tubekit.types import SegOutput


@taking(numbers, image=array)
def predict_probs(
    network: nn.Module,
    image: Num[np.ndarray, "c *s"],
    *,
    patch_size: int | Sequence[int],
    overlap: float = 0.5,
    batch_size: int = 4,
    mirror_axes: Sequence[int] = (),
    device: str | None = None,
    precision: str = "32-true",
) -> Float32[np.ndarray, "k *s"]:
    """Class probabilities of a whole image.

    Logits of overlapping windows, and of their mirror images, are averaged before the sigmoid or
    softmax. The weights are Gaussian with a standard deviation of an eighth of the window, since
    a network knows least about its window's border. Smaller images are padded with zeros.

    Args:
        network: as for ``fit``; afterwards its mode and device are as before.
        image: (c *s), normalised as in training, spatial axes in array order.
        patch_size: window in voxels, one entry per axis or one for all, multiples of the network's
            ``divisor``.
        overlap: share of a window that the next one repeats, in [0, 1).
        batch_size: windows per forward pass.
        mirror_axes: spatial axes (0 is the first) to mirror; n axes cost 2**n passes.
        device: ``"cpu"`` or ``"cuda"``; None uses the device on which the network is.
        precision: ``"32-true"`` or ``"bf16-mixed"``.
    Returns:
        Probabilities in [0, 1]. One output channel gives k = 1, the foreground; several give all
        classes, background first, which sum to 1.
    Raises:
        ValueError: an argument out of range, an image that is not finite, or a network whose
            output is not understood or smaller than the window.

    Example:
        >>> import numpy as np
        >>> from tubekit.inference import predict_probs
        >>> from tubekit.networks import UNet
        >>> image = np.zeros((1, 20, 24), np.float32)
        >>> predict_probs(UNet(2, 1, 2, features=(4, 8)), image, patch_size=16).shape
        (2, 20, 24)

    Reference: Isensee et al., Nature Methods 18, 2021 (weights, overlap, mirroring).
    """
    _check.dimensions("image", image, (3, 4))
    options = (patch_size, overlap, batch_size, mirror_axes, device, precision)
    return probs_of(network, image[None], *options)[0]


def probs_of(
    network: nn.Module,
    images: Num[np.ndarray, "n c *s"],
    patch_size: int | Sequence[int],
    overlap: float = 0.5,
    batch_size: int = 4,
    mirror_axes: Sequence[int] = (),
    device: str | None = None,
    precision: str = "32-true",
) -> Float32[np.ndarray, "n k *s"]:
    """``predict_probs`` for images of one size, all in memory at once."""
    ndim = images.ndim - 2
    window = (patch_size,) * ndim if isinstance(patch_size, int) else tuple(patch_size)
    # torch takes no mirrored views, and warns of arrays it may not write to.
    images = np.require(images, np.float32, ["C_CONTIGUOUS", "WRITEABLE"])
    _check.finite("image", images)
    _check.option("precision", precision, ("32-true", "bf16-mixed"))
    if len(window) != ndim or min(window) < 1:
        raise ValueError(
            f"patch_size needs one positive size for each of the {ndim} axes of the image, got "
            f"{window}; drop the channel axis"
        )
    if not 0 <= overlap < 1 or batch_size < 1:
        raise ValueError(
            f"overlap must lie in [0, 1) and batch_size be at least 1, got {overlap} and "
            f"{batch_size}; 0.5 and 4 are usual"
        )
    if len(set(mirror_axes)) != len(mirror_axes) or not set(mirror_axes) <= set(range(ndim)):
        raise ValueError(
            f"mirror_axes must be distinct spatial axes in 0..{ndim - 1}, got "
            f"{tuple(mirror_axes)}; 0 is the first axis after the channels"
        )
    flips = [
        tuple(2 + axis for axis in axes)
        for axes in chain.from_iterable(
            combinations(mirror_axes, n) for n in range(len(mirror_axes) + 1)
        )
    ]

    def mean_logits(windows: Tensor) -> Tensor:
        passes = [_logits(network, windows.flip(axes)).float().flip(axes) for axes in flips]
        return torch.stack(passes).mean(0)

    with _evaluating(network, device) as home, torch.inference_mode():
        with torch.autocast(home.type, torch.bfloat16, enabled=precision == "bf16-mixed"):
            logits: Any = sliding_window_inference(
                torch.from_numpy(images),
                window,
                batch_size,
                mean_logits,
                overlap=overlap,
                mode="gaussian",
                sw_device=home,
                device="cpu",  # only windows, not whole volumes, must fit the accelerator
            )
        probs = logits.sigmoid() if logits.shape[1] == 1 else logits.softmax(1)
    return probs.numpy()


@taking(numbers, image=array)
def predict_label(
    network: nn.Module,
    image: Num[np.ndarray, "c *s"],
    *,
    patch_size: int | Sequence[int],
    overlap: float = 0.5,
    batch_size: int = 4,
    mirror_axes: Sequence[int] = (),
    device: str | None = None,
    precision: str = "32-true",
) -> Integer[np.ndarray, "*s"]:
    """The most probable class of every voxel; errors as in ``predict_probs``.

    With one output channel, 1 where the foreground's probability exceeds one half.

    Args:
        network: as for ``fit``; afterwards its mode and device are as before.
        image: (c *s), normalised as in training, spatial axes in array order.
        patch_size: window in voxels, one entry per axis or one for all, multiples of the network's
            ``divisor``.
        overlap: share of a window that the next one repeats, in [0, 1).
        batch_size: windows per forward pass.
        mirror_axes: spatial axes (0 is the first) to mirror; n axes cost 2**n passes.
        device: ``"cpu"`` or ``"cuda"``; None uses the device on which the network is.
        precision: ``"32-true"`` or ``"bf16-mixed"``.

    Example:
        >>> import numpy as np
        >>> from tubekit.inference import predict_label
        >>> from tubekit.networks import UNet
        >>> image = np.zeros((1, 20, 24), np.float32)
        >>> predict_label(UNet(2, 1, 2, features=(4, 8)), image, patch_size=16).shape
        (20, 24)
    """
    probs = predict_probs(
        network,
        image,
        patch_size=patch_size,
        overlap=overlap,
        batch_size=batch_size,
        mirror_axes=mirror_axes,
        device=device,
        precision=precision,
    )
    return label_of(probs)


def label_of(probs: Float32[np.ndarray, "k *s"]) -> Integer[np.ndarray, "*s"]:
    """The most probable class of every voxel; one channel counts above one half."""
    label = probs[0] > 0.5 if len(probs) == 1 else probs.argmax(0)
    return label.astype(np.min_scalar_type(len(probs)))


def _logits(network: nn.Module, windows: Tensor) -> Tensor:
    logits = SegOutput.of(network(windows)).logits
    if logits.shape[2:] != windows.shape[2:]:
        raise ValueError(
            f"expected logits of the window's size {tuple(windows.shape[2:])}, got "
            f"{tuple(logits.shape[2:])}; let the network return the finest logits first"
        )
    return logits


@contextmanager
def _evaluating(network: nn.Module, device: str | None) -> Iterator[torch.device]:
    """Lend the network in eval mode on ``device``, then undo both."""
    home = next((p.device for p in network.parameters()), torch.device("cpu"))
    modes = {module: module.training for module in network.modules()}
    place = torch.device(device) if device is not None else home
    network.eval().to(place)
    try:
        yield place
    finally:
        network.to(home)
        for module, training in modes.items():
            module.training = training
