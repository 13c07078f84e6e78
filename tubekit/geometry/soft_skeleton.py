"""Soft skeleton: a centre line of probabilities, made of minima and maxima."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from tubekit import _check
from tubekit._accept import Whole, whole
from tubekit._recorded import recorded
from tubekit.geometry.kernels.soft_skeleton import skeleton_gradients, skeletons
from tubekit.geometry.morphology import floating, of_arrays_too, soft_dilate, soft_erode


@of_arrays_too
def soft_skeleton(probs: Shaped[Tensor, "b c *s"], iterations: Whole) -> Any:
    """Collect, layer by layer, what an opening takes away while the object is eroded.

    Write E for the erosion, O for the opening, and I_0 = probs, I_{j+1} = E(I_j). The residue
    R_j = relu(I_j - O(I_j)) joins the skeleton only where the skeleton is not yet present:
    S_0 = R_0 and S_j = S_{j-1} + relu(R_j - S_{j-1} R_j). The result is S at j = ``iterations``.

    On the CPU compiled loops do the same work. They keep nothing but ``probs`` for the backward
    pass and have a first derivative only.

    Args:
        probs: probabilities in [0, 1] or masks, 2-D or 3-D, a tensor or an array; every channel
            has its own skeleton.
        iterations: erosions, at least the largest radius in voxels; an object that is thicker
            keeps no skeleton.
    Returns:
        Soft skeleton in [0, 1], of an array an array. On masks it may have gaps, and a mask that
        fills the image has none at all, since what lies beyond the border takes no part.
    Raises:
        ValueError: not 2 or 3 spatial axes, or ``iterations`` negative.
    Equation: :eq:`eq-soft-skeleton`
    Reference: Shit et al., clDice, CVPR 2021, algorithm 1.

    Example:
        >>> import torch
        >>> from tubekit.geometry import soft_skeleton
        >>> bar = torch.zeros(1, 1, 5, 5)
        >>> bar[..., 1:4, :] = 1
        >>> soft_skeleton(bar, iterations=2)[0, 0, :, 2]
        tensor([0., 0., 1., 0., 0.])
    """
    _check.dimensions("probs (batch, channel and 2 or 3 spatial axes)", probs, (4, 5))
    iterations = whole("iterations", iterations, at_least=0)
    probs = floating(probs)
    if _compilable(probs):
        return _Compiled.apply(probs.to(_wide(probs)), iterations).to(probs.dtype)
    image, skeleton = probs, torch.zeros_like(probs)
    for _ in range(iterations + 1):
        # Made again in the backward pass, a layer keeps two tensors instead of twenty.
        image, skeleton = checkpoint(_add_layer, image, skeleton, use_reentrant=False)
    return skeleton


def _add_layer(
    image: Float[Tensor, "b c *s"], skeleton: Float[Tensor, "b c *s"]
) -> tuple[Float[Tensor, "b c *s"], Float[Tensor, "b c *s"]]:
    """The next image, and the skeleton with the residue of this one."""
    eroded = soft_erode(image)
    residue = (image - soft_dilate(eroded)).relu()
    return eroded, skeleton + (residue - skeleton * residue).relu()


def _compilable(probs: Tensor) -> bool:
    if probs.device.type != "cpu" or recorded():
        return False
    # A sum is finite when its terms are; NaN would get lost in the comparisons of a loop.
    return bool(probs.detach().sum(dtype=_wide(probs)).isfinite())


def _wide(probs: Tensor) -> torch.dtype:
    return torch.promote_types(probs.dtype, torch.float32)


class _Compiled(torch.autograd.Function):
    """``soft_skeleton`` of float32 or float64 on the CPU."""

    @staticmethod
    def forward(ctx: Any, probs: Tensor, iterations: int) -> Tensor:
        ctx.save_for_backward(probs)
        ctx.iterations = iterations
        return torch.from_numpy(skeletons(_images(probs), iterations)).view(probs.shape)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return _Gradient.apply(*ctx.saved_tensors, gradient, ctx.iterations), None


class _Gradient(torch.autograd.Function):
    """A function of its own, so that a second derivative is an error and not silently 0."""

    @staticmethod
    def forward(ctx: Any, probs: Tensor, gradient: Tensor, iterations: int) -> Tensor:
        found = skeleton_gradients(_images(probs), _images(gradient), iterations)
        return torch.from_numpy(found).view(probs.shape)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> None:
        raise RuntimeError(
            "expected one derivative of soft_skeleton on the CPU, got a second; "
            "write the layers with soft_erode and soft_dilate instead"
        )


def _images(tensor: Tensor) -> Float[np.ndarray, "n *s"]:
    return tensor.detach().flatten(0, 1).numpy()
