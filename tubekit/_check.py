"""Error helpers: every message says what was expected, what came, and what to do."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

_MORE_CHANNELS = ", or give the network one output channel per class"


@contextmanager
def about(subject: str) -> Iterator[None]:
    """Put the subject, e.g. the name of a case, before the message of a ValueError."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{subject}: {error}") from error


def option(name: str, value: Any, allowed: Sequence[Any]) -> None:
    """Raise ValueError unless ``value`` is one of ``allowed``."""
    if value not in allowed:
        listed = ", ".join(map(repr, allowed))
        raise ValueError(f"{name} must be one of {listed}, got {value!r}; choose one of these")


def tensor(name: str, value: object) -> None:
    """Raise ValueError unless ``value`` is a torch tensor."""
    if not isinstance(value, torch.Tensor):
        raise ValueError(
            f"{name} must be a torch tensor, got {type(value).__name__}; "
            "pass an array as torch.from_numpy(array)"
        )


def same_shape(**arrays: Any) -> None:
    """Raise ValueError unless all arrays have one shape."""
    shapes = {name: tuple(a.shape) for name, a in arrays.items()}
    # Compared, not hashed: while a program is traced sizes are tensors.
    first, *others = shapes.values()
    if any(shape != first for shape in others):
        listed = ", ".join(f"{n} {s}" for n, s in shapes.items())
        raise ValueError(f"expected equal shapes, got {listed}; crop or resample to one grid")


def dimensions(name: str, array: Any, allowed: Sequence[int]) -> None:
    """Raise ValueError unless ``array`` is an array or tensor and has one of ``allowed`` axes."""
    if not hasattr(array, "ndim"):
        raise ValueError(
            f"{name} must be an array, got {type(array).__name__}; convert it with np.asarray"
        )
    if array.ndim not in allowed:
        listed = " or ".join(map(str, allowed))
        raise ValueError(
            f"{name} must have {listed} axes, got {array.ndim} in shape {tuple(array.shape)}; "
            "add or remove axes before the call"
        )


def binary(name: str, array: np.ndarray) -> np.ndarray:
    """Return a bool array; raise ValueError for values other than 0 and 1 (NaN included)."""
    array = np.asarray(array)
    if array.dtype == bool:
        return array
    mask = array == 1
    if not np.all(mask | (array == 0)):
        found = np.unique(array[~(mask | (array == 0))])[:3]
        raise ValueError(
            f"{name} must be binary (False/True or 0/1), got values such as {found.tolist()}; "
            "threshold probabilities or pick one class, e.g. label == 1"
        )
    return mask


def spacing(value: object, ndim: int) -> tuple[float, ...]:
    """Return one positive float per axis; ``None`` means unit voxels."""
    return (1.0,) * ndim if value is None else millimetres(value, ndim)


def millimetres(value: object, ndim: int) -> tuple[float, ...]:
    """Return one positive float per axis; unlike for ``spacing``, ``None`` is an error."""
    values = np.asarray(value.detach().cpu() if isinstance(value, torch.Tensor) else value)
    numbers = values.dtype.kind in "iuf" and values.shape == (ndim,)
    if not numbers or not (np.isfinite(values) & (values > 0)).all():
        raise ValueError(
            f"spacing needs one positive value per axis ({ndim}), got {value!r}; "
            "pass millimetres in array order (z, y, x)"
        )
    return tuple(float(v) for v in values)


def affine(matrix: np.ndarray, ndim: int) -> None:
    """Raise ValueError unless a matrix takes every index of a grid to a place of its own."""
    size = (ndim + 1, ndim + 1)
    last = [0.0] * ndim + [1.0]
    if (
        matrix.shape != size
        or not np.isfinite(matrix).all()
        or matrix[-1].tolist() != last
        or abs(np.linalg.det(matrix)) < np.finfo(np.float32).tiny
    ):
        raise ValueError(
            f"affine must be an invertible matrix of shape {size} that ends in {last}, got "
            f"{matrix.tolist()}; correct the file's sform or qform"
        )


def finite(name: str, array: torch.Tensor | np.ndarray) -> None:
    """Raise ValueError when a value is NaN or infinite."""
    ok = np.isfinite(array) if isinstance(array, np.ndarray) else torch.isfinite(array)
    if not ok.all():
        total = array.size if isinstance(array, np.ndarray) else array.numel()
        raise ValueError(
            f"{name} must be finite, got {int((~ok).sum())} NaN or infinite values of "
            f"{total}; look for a diverged training or a division by zero"
        )


def integer_classes(
    name: str, label: torch.Tensor | np.ndarray, classes: int | None = None
) -> None:
    """Raise ValueError unless labels are integers in [0, classes); ``None`` sets no limit."""
    whole = (
        label.dtype.kind in "biu"
        if isinstance(label, np.ndarray)
        else not (label.is_floating_point() or label.is_complex())
    )
    if not whole:
        raise ValueError(
            f"{name} must hold integer classes, got {label.dtype}; round and cast first"
        )
    if 0 not in label.shape:
        low, high = int(label.min()), int(label.max())
        if low < 0 or (classes is not None and high >= classes):
            last, more = ("", "") if classes is None else (classes - 1, _MORE_CHANNELS)
            raise ValueError(f"{name} must lie in 0..{last}, got {low}..{high}; relabel{more}")
