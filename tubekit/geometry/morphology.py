"""Grey-value morphology on tensors, with gradients: erosion, dilation and opening.

The window never leaves the image: what lies beyond a border takes no part, so a constant image
stays constant and an object that touches a border is not eaten from there.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Shaped
from torch import Tensor

from tubekit import _accept, _check

# Max pooling pads with minus infinity, which is what "beyond the border takes no part" asks for.
_MAX_POOL = {2: F.max_pool2d, 3: F.max_pool3d}


def of_arrays_too(operation: Callable[..., Tensor]) -> Callable[..., Any]:
    """Let an operation on tensors take an array as well, of which it then makes an array.

    Its annotations name the plain type.
    """
    name = next(iter(inspect.signature(operation).parameters))

    @functools.wraps(operation)
    def called(*arguments: Any, **options: Any) -> Any:
        image = arguments[0] if arguments else options.get(name)
        if not isinstance(image, np.ndarray):
            return operation(*arguments, **options)
        plain = _accept.array(name, image)
        # Torch knows hardly an operation on the wider unsigned integers.
        wide = plain.dtype.kind == "u" and plain.itemsize > 1
        tensor = torch.from_numpy(plain.astype(np.int64) if wide else plain.copy())
        others = {k: v for k, v in options.items() if k != name}
        return operation(tensor, *arguments[1:], **others).numpy()

    return called


@of_arrays_too
def soft_erode(probs: Shaped[Tensor, "b c *s"]) -> Float[Tensor, "b c *s"]:
    """Minimum over the voxel and its face neighbours (a cross of 5 pixels or 7 voxels).

    Args:
        probs: grey values, 2-D or 3-D, a tensor or an array, usually probabilities in [0, 1].
    Returns:
        The eroded image. Where several voxels share the minimum, the axes share the gradient.
    Raises:
        ValueError: not 2 or 3 spatial axes.
    Reference: Shit et al., clDice, CVPR 2021, section 3.2.

    Example:
        >>> import torch
        >>> from tubekit.geometry.morphology import soft_erode
        >>> bar = torch.zeros(1, 1, 5, 5)
        >>> bar[..., 1:4, :] = 1
        >>> soft_erode(bar)[0, 0, :, 2]
        tensor([0., 0., 1., 0., 0.])
    """
    ndim = _spatial_ndim(probs)
    negated = -floating(probs)
    lowest = -_max_pool(negated, _line(0, ndim))
    for axis in range(1, ndim):
        lowest = torch.minimum(lowest, -_max_pool(negated, _line(axis, ndim)))
    return lowest


@of_arrays_too
def soft_dilate(probs: Shaped[Tensor, "b c *s"]) -> Float[Tensor, "b c *s"]:
    """Maximum over the box of 3 voxels along every axis (9 pixels or 27 voxels).

    Args:
        probs: grey values, 2-D or 3-D, a tensor or an array, usually probabilities in [0, 1].
    Returns:
        The dilated image.
    Raises:
        ValueError: not 2 or 3 spatial axes.
    Reference: Shit et al., clDice, CVPR 2021, section 3.2.

    Example:
        >>> import torch
        >>> from tubekit.geometry.morphology import soft_dilate
        >>> bar = torch.zeros(1, 1, 5, 5)
        >>> bar[..., 1:4, :] = 1
        >>> soft_dilate(bar)[0, 0, :, 2]
        tensor([1., 1., 1., 1., 1.])
    """
    return _max_pool(floating(probs), (3,) * _spatial_ndim(probs))


@of_arrays_too
def soft_open(probs: Shaped[Tensor, "b c *s"]) -> Float[Tensor, "b c *s"]:
    """Erosion, then dilation: removes what is thinner than the cross.

    The box of the dilation is larger than the cross of the erosion, so the result may exceed
    ``probs`` at places; the soft skeleton clips the difference at zero.

    Args:
        probs: grey values, 2-D or 3-D, a tensor or an array, usually probabilities in [0, 1].
    Returns:
        The opened image.
    Raises:
        ValueError: not 2 or 3 spatial axes.
    Reference: Shit et al., clDice, CVPR 2021, section 3.2.

    Example:
        >>> import torch
        >>> from tubekit.geometry.morphology import soft_open
        >>> bar = torch.zeros(1, 1, 5, 5)
        >>> bar[..., 1:4, :] = 1
        >>> soft_open(bar)[0, 0, :, 2]
        tensor([0., 1., 1., 1., 0.])
    """
    return soft_dilate(soft_erode(probs))


def floating(probs: Tensor) -> Tensor:
    """Masks become probabilities of 0 and 1."""
    return probs if probs.is_floating_point() else probs.float()


def _spatial_ndim(probs: Tensor) -> int:
    _check.dimensions("probs (batch, channel and 2 or 3 spatial axes)", probs, (4, 5))
    return probs.ndim - 2


def _line(axis: int, ndim: int) -> tuple[int, ...]:
    return tuple(3 if i == axis else 1 for i in range(ndim))


def _max_pool(image: Tensor, window: tuple[int, ...]) -> Tensor:
    padding = tuple(size // 2 for size in window)
    return _MAX_POOL[len(window)](image, window, stride=1, padding=padding)
