"""A dynamic snake convolution with its gradients, against an ordinary convolution of 3 voxels."""

import functools
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from tubekit.benchmarks.measure import Row, seconds
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
            peer="plain convolution of 3 voxels per axis, same channels",
            ours=functools.partial(output_and_gradients, snake, list(snake.parameters()), features),
            peer_run=functools.partial(
                output_and_gradients, plain, list(plain.parameters()), features
            ),
            difference=functools.partial(_from_tap_by_tap, snake, features),
            equality="largest difference of output and gradients from the same snake tap by "
            "tap in float64, relative to the largest entry",
            tolerance=1e-4,
            time_target=target,
            repeats=5,
            note=f"{batch}×{channels} channels, {sides}: predicting the offsets takes "
            f"{offset_share(snake, features):.0%} of the time, sampling and its transpose most "
            "of the rest.",
        )


def output_and_gradients(
    layer: Callable[[Tensor], Tensor], parameters: Sequence[Tensor], features: Tensor
) -> list[Tensor]:
    """Output, and the gradients of half its squared length: of features and parameters."""
    leaf = features.clone().requires_grad_()
    out = layer(leaf)
    return [out.detach(), *torch.autograd.grad(out, (leaf, *parameters), out.detach())]


def offset_share(snake: SnakeConv, features: Tensor) -> float:
    """Part of forward and backward that goes into the curve alone."""
    layers = [p for p in snake.parameters() if p is not snake.weight and p is not snake.bias]
    whole = functools.partial(output_and_gradients, snake, list(snake.parameters()), features)
    curve = functools.partial(output_and_gradients, snake.curve, layers, features)
    whole()
    return min(seconds(curve) for _ in range(3)) / min(seconds(whole) for _ in range(3))


def _from_tap_by_tap(
    snake: SnakeConv, features: Tensor, ours: list[Tensor], theirs: object
) -> float:
    def plain(features: Tensor) -> Tensor:
        # The slope jumps where a tap meets a voxel's centre. In float64 the same curve lies on
        # the same side of every centre as in the compiled loops.
        curve, weight = snake.curve(features).double(), snake.weight.double()
        out = snake_conv_by_taps(features.double(), curve, weight, snake.axis)
        return out.float() + snake.bias.view(-1, *[1] * snake.ndim)

    truth = output_and_gradients(plain, list(snake.parameters()), features)
    pairs = zip(ours, truth, strict=True)
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in pairs)
