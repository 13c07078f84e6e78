"""Exercise checks: instant feedback that never stops a notebook."""

from collections.abc import Callable
from typing import Any

import numpy as np


def check(answer: Callable[[], Any], expected: Any, *, hint: str, tolerance: float = 1e-5) -> None:
    """Print whether an exercise is solved.

    Args:
        answer: calls the reader's code; ``None`` or ``...`` means not answered yet.
        expected: number or array.
        hint: shown for a wrong answer; it should help without giving the answer away.
        tolerance: largest absolute difference.
    """
    try:
        given = answer()
    except Exception as error:  # any mistake in the reader's code is feedback, not a crash
        print(f"✘ Your code stopped with {type(error).__name__}: {error}")
        return
    if given is None or given is Ellipsis:
        print("○ Not answered yet. Replace the ... and run the cell again.")
        return
    try:
        value = np.asarray(given, dtype=float)
        right = value.shape == np.shape(expected) and np.allclose(value, expected, atol=tolerance)
    except (TypeError, ValueError):
        right = False
    print("✔ Correct." if right else f"✘ Not yet: got {given}. {hint}")
