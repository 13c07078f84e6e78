"""What public functions accept beside the plain type: the one place that decides.

Counts may be NumPy integers, paths may be strings, arrays may be tensors, memory maps, read-only,
mirrored views or of another byte order, and labels any integer type. What comes out is plain.
"""

import functools
import inspect
import operator
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, SupportsFloat, SupportsIndex, TypeVar

import numpy as np
import torch

# For the signatures of public functions.
Whole = SupportsIndex
PathLike = str | os.PathLike[str]
Array = np.ndarray | torch.Tensor
Numbers = Sequence[SupportsFloat] | Array
SpacingLike = Numbers
Function = TypeVar("Function", bound=Callable[..., Any])
Record = TypeVar("Record")


def whole(name: str, value: Any, at_least: int = 1) -> int:
    """Return an ``int`` for a Python or NumPy integer of at least ``at_least``; True is none."""
    try:
        number = operator.index(value) if not isinstance(value, (bool, np.bool_)) else None
    except TypeError:
        number = None
    if number is None or number < at_least:
        raise ValueError(
            f"{name} must be an integer of at least {at_least}, got {value!r}; pass such a number"
        )
    return number


def per_axis(name: str, value: Any, ndim: int, at_least: int = 1) -> tuple[int, ...]:
    """Return one ``int`` per axis for one integer, which holds for all, or a sequence of them."""
    values = tuple(value) if np.ndim(value) else (value,) * ndim
    if len(values) != ndim:
        raise ValueError(
            f"{name} needs one integer, or one per axis ({ndim}), got {value!r}; "
            "pass them in array order (z, y, x)"
        )
    return tuple(whole(name, v, at_least) for v in values)


def path(value: object) -> Path:
    """Return a ``Path`` for a string or path; a leading ``~`` is the home folder."""
    if not isinstance(value, (str, os.PathLike)):
        raise ValueError(
            f"expected a path, got {type(value).__name__}; pass a string or pathlib.Path"
        )
    return Path(value).expanduser()


def array(name: str, value: Any) -> np.ndarray:
    """Return a plain array of this machine's byte order, without a copy where it is one already.

    Takes arrays (memory maps, read-only and mirrored views too), tensors (MetaTensor, on any
    device, with or without gradient) and whatever has ``__array__``; not lists of numbers.
    """
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        value = (value.float() if value.dtype == torch.bfloat16 else value).numpy()
    if not hasattr(value, "__array__") or isinstance(value, np.generic):
        raise ValueError(
            f"{name} must be an array, got {type(value).__name__}; convert it with np.asarray"
        )
    plain = np.asarray(value)
    return plain if plain.dtype.isnative else plain.astype(plain.dtype.newbyteorder("="))


def classes(name: str, value: Any) -> np.ndarray:
    """Return an integer (or bool) array; floats, as MONAI keeps labels, must be whole numbers."""
    plain = array(name, value)
    if plain.dtype.kind in "biu":
        return plain
    if plain.dtype.kind == "f":
        # NaN and infinity become some number, which they do not equal.
        with np.errstate(invalid="ignore"):
            whole_numbers = plain.astype(np.int32)
        if (whole_numbers == plain).all():
            return whole_numbers
    raise ValueError(
        f"{name} must hold integer classes, got {plain.dtype} with fractions; round it first"
        if plain.dtype.kind == "f"
        else f"{name} must hold integer classes, got {plain.dtype}; convert it to integers"
    )


def numbers(name: str, value: Any) -> Any:
    """Return Python's numbers for NumPy's and torch's, and tuples for lists and arrays of them.

    What is no number stays as it is, for the function to judge.
    """
    if isinstance(value, (np.ndarray, np.generic, torch.Tensor)):
        value = value.tolist()
    return tuple(numbers(name, v) for v in value) if isinstance(value, (list, tuple)) else value


def taking(
    default: Callable[[str, Any], Any] | None = None, /, **kinds: Callable[[str, Any], Any]
) -> Callable[[Function], Function]:
    """Convert the arguments of a function at its door; None stays None.

    For functions with many such arguments. Their annotations name the plain type.

    Args:
        default: converts arguments that ``kinds`` does not name; ``None`` leaves them.
        **kinds: name of an argument to a function of name and value, e.g. ``array``.

    Example:
        >>> @taking(numbers)
        ... def area(size: tuple[int, int]) -> int:
        ...     return size[0] * size[1]
        >>> area(np.array([2, 3]))
        6
    """

    def decorate(function: Function) -> Function:
        names = list(inspect.signature(function).parameters)

        def plain(name: str, value: Any) -> Any:
            kind = kinds.get(name, default)
            return value if kind is None or value is None else kind(name, value)

        @functools.wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:
            known = [plain(name, value) for name, value in zip(names, args, strict=False)]
            # What is left over is too much, which the function itself says best.
            more = args[len(known) :]
            return function(*known, *more, **{k: plain(k, v) for k, v in kwargs.items()})

        return called  # type: ignore[return-value]

    return decorate


def taking_numbers(record: type[Record]) -> type[Record]:
    """Let a dataclass take ``numbers`` for its fields; stands above ``@dataclass``."""
    record.__init__ = taking(numbers)(record.__init__)  # type: ignore[method-assign]
    return record
