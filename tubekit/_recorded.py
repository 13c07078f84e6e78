"""What must differ while torch records a program instead of running it."""

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def recorded() -> bool:
    """True while a program is compiled, exported or traced: no value may decide anything then."""
    return torch.compiler.is_compiling() or torch.jit.is_tracing()


def opaque(result: Callable[..., Tensor]) -> Callable[[Callable[..., Tensor]], Callable[..., Any]]:
    """Make a function one step of recorded programs: NumPy inside it cannot be looked into.

    Where nothing is recorded it is called as it is.

    Args:
        result: makes an empty result of the right shape, type and device from the arguments.
            The function itself returns a new tensor without a gradient.
    """

    def decorate(function: Callable[..., Tensor]) -> Callable[..., Any]:
        step = torch.library.custom_op(
            f"tubekit::{function.__name__.lstrip('_')}", function, mutates_args=()
        )
        step.register_fake(result)

        @functools.wraps(function)
        def called(*arguments: Any) -> Tensor:
            return step(*arguments) if recorded() else function(*arguments)

        return called

    return decorate


def with_slope(value: Tensor, slope: Tensor, of: Tensor) -> Tensor:
    """A value whose gradient with respect to ``of`` is ``slope``, in operations that are recorded.

    An autograd function would lose its backward pass in a traced program. The three have one
    shape; of a scalar value the gradient is the whole of ``slope``.
    """
    change = slope.detach() * (of - of.detach())
    return value.detach() + (change.sum() if value.ndim == 0 else change)


def refuse_export(what: str, remedy: str) -> None:
    """Raise ValueError while a program is exported or traced; ``torch.compile`` may go around."""
    if torch.compiler.is_exporting() or torch.jit.is_tracing():
        raise ValueError(f"{what}, which cannot be exported or traced; {remedy}")
