"""A dynamic snake convolution with its gradients, against an ordinary convolution of 3 voxels."""

import functools
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from tubekit.benchmarks.measure import Row
from tubekit.networks import SnakeConv
from tubekit.networks.blocks import CONVS
from tubekit.networks.snake_sampling import snake_conv_by_taps

TAPS = 9

# Batch, channels, size, axis, largest ratio. In 2-D the last axis is the slower one.
SIZES = (
    (2, 32, (128, 128), 0, 8.0),
    (2, 32, (128, 128), 1, 8.0),
    (2, 64, (64, 64), 0, 8.0),
    (2, 16, (32, 32, 32), 0, 6.0),
    (1, 16, (48, 48, 48), 0, 6.0),
    (1, 32, (48, 48, 48), 0, 6.0),
)


def rows() -> Iterator[Row]:
    """Same channels, offset convolution included, several sizes; two samples at 32 x 32 x 32.

    For a single small 3-D sample torch takes a slow path of its own for the ordinary convolution,
    which would flatter the ratio.
    """
    for batch, channels, size, axis, target in SIZES:
        torch.manual_seed(0)
        snake = SnakeConv(len(size), channels, channels, kernel=TAPS, axis=axis)
        plain = CONVS[len(size)](channels, channels, 3, padding=1)
        features = torch.randn(batch, channels, *size)
        sides = " x ".join(map(str, size))
        yield Row(
            instrument=f"snake convolution forward and backward, {TAPS} taps along axis {axis}, "
            f"{batch} x {channels} channels, {sides}",
            peer="torch convolution of 3 voxels per axis",
            ours=functools.partial(output_and_gradient, snake, features),
            peer_run=functools.partial(output_and_gradient, plain, features),
            difference=functools.partial(_from_tap_by_tap, snake, features),
            equality="largest difference of output and gradient from the tap by tap form, "
            "relative to the largest entry",
            tolerance=1e-4,
            time_target=target,
            repeats=5,
            note="the peer is another layer, of the same channels; equality is with the tensor "
            "form of the same snake",
        )


def output_and_gradient(
    layer: Callable[[Tensor], Tensor], features: Tensor
) -> tuple[Tensor, Tensor]:
    """Output, and the gradient of half its squared sum with respect to the features."""
    leaf = features.clone().requires_grad_()
    out = layer(leaf)
    out.backward(out.detach())
    assert leaf.grad is not None  # noqa: S101
    return out.detach(), leaf.grad


def _from_tap_by_tap(
    snake: nn.Module, features: Tensor, ours: tuple[Tensor, Tensor], theirs: object
) -> float:
    assert isinstance(snake, SnakeConv)  # noqa: S101

    def plain(features: Tensor) -> Tensor:
        curve = snake.curve(features)
        out = snake_conv_by_taps(features, curve, snake.weight, snake.axis)
        return out + snake.bias.view(-1, *[1] * snake.ndim)

    truth = output_and_gradient(plain, features)
    pairs = zip(ours, truth, strict=True)
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in pairs)
