"""Exercise checks: instant feedback that never stops a notebook, and gives no answer away."""

import copy
import hashlib
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

NOT_ANSWERED = "○ Not answered yet. Replace the ... and run the cell again."


def check(answer: Callable[[], Any], expected: Any, *, hint: str, tolerance: float = 1e-5) -> None:
    """Print whether an exercise is solved.

    Args:
        answer: calls the reader's code; ``None`` or ``...`` means not answered yet.
        expected: the number or numbers, or the ``seal`` of them, which does not show them.
        hint: shown for a wrong answer; it should help without giving the answer away.
        tolerance: largest absolute difference; of a seal, at least that, and less than twice it.
    """
    try:
        given = answer()
    except Exception as error:  # any mistake in the reader's code is feedback, not a crash
        print(f"✘ Your code stopped with {type(error).__name__}: {error}")
        return
    if given is None or given is Ellipsis:
        print(NOT_ANSWERED)
        return
    right = _fits_seal if isinstance(expected, str) else _close
    print("✔ Correct." if right(given, expected, tolerance) else f"✘ Not yet: got {given}. {hint}")


def check_function(
    mine: Callable[..., Any],
    truth: Callable[..., Any],
    inputs: Iterable[tuple[Any, ...]],
    *,
    hint: str,
    tolerance: float = 1e-5,
) -> None:
    """Print whether a reader's function gives what another one does, on every input.

    Args:
        mine: the reader's; returning ``None`` or ``...`` means not answered yet.
        truth: gives numbers, a mask, or True and False for a property that must hold.
        inputs: arguments of several calls, random ones among them; both get copies.
        hint, tolerance: as in ``check``.
    """
    for number, arguments in enumerate(inputs, 1):
        try:
            given = mine(*copy.deepcopy(arguments))
        except Exception as error:
            print(f"✘ Input {number}: your code stopped with {type(error).__name__}: {error}")
            return
        if given is None or given is Ellipsis:
            print(NOT_ANSWERED)
            return
        if not _close(given, truth(*copy.deepcopy(arguments)), tolerance):
            print(f"✘ Not yet: input {number} has another answer. {hint}")
            return
    print("✔ Correct.")


def seal(value: Any, *, tolerance: float = 1e-5) -> str:
    """A number, or several whole ones, as a fingerprint, to be pasted as what ``check`` expects.

    Example:
        >>> check(lambda: 0.75, seal(0.75), hint="Three of four.")
        ✔ Correct.
    """
    return _fingerprint(np.asarray(value, float), tolerance, 0)


def _fits_seal(given: Any, sealed: str, tolerance: float) -> bool:
    try:
        value = np.asarray(given, float)
    except (TypeError, ValueError):
        return False
    return any(_fingerprint(value, tolerance, by) == sealed for by in (-1, 0, 1))


def _fingerprint(value: np.ndarray, tolerance: float, by: int) -> str:
    steps = [f"{step:.0f}" for step in np.round(value.ravel() / tolerance) + by]
    return hashlib.sha256(f"{value.shape} {' '.join(steps)}".encode()).hexdigest()[:16]


def _close(given: Any, expected: Any, tolerance: float) -> bool:
    try:
        value, right = np.asarray(given, float), np.asarray(expected, float)
    except (TypeError, ValueError):
        return False
    return value.shape == right.shape and np.allclose(
        value, right, rtol=0, atol=tolerance, equal_nan=True
    )
