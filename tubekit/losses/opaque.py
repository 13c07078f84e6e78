"""Steps that a recorded program keeps whole: NumPy inside, which no compiler can look into."""

import functools
from collections.abc import Callable

import torch
from torch import Tensor

from tubekit.losses.batch import recorded


def opaque(dtype: torch.dtype) -> Callable[[Callable[..., Tensor]], Callable[..., Tensor]]:
    """Make a function one step of compiled, exported and traced programs; called plainly else.

    Args:
        dtype: of the result, which has the shape and device of the first argument, is a new
            tensor, and has no gradient.
    """

    def decorate(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        step = torch.library.custom_op(
            f"tubekit::{function.__name__.lstrip('_')}", function, mutates_args=()
        )
        step.register_fake(lambda first, *rest: torch.empty_like(first, dtype=dtype))

        @functools.wraps(function)
        def called(*arguments: object) -> Tensor:
            return step(*arguments) if recorded() else function(*arguments)

        return called

    return decorate
