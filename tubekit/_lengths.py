"""The one comparison of lengths in millimetres; a length on the limit is within it.

``3 * 0.1`` exceeds ``0.3`` in floating point, and a header stores ``0.1`` as ``0.100000001``. So a
distance of three voxels would lie within a tolerance of 0.3 mm on one grid and not on the other.
"""

from typing import Any

import numpy as np

SLACK = 1e-5
"""Relative: headers keep seven digits (float32), and people type six."""


def at_most(length: Any, limit: Any) -> Any:
    """Whether lengths are at most ``limit``; within a relative ``SLACK`` they are equal to it."""
    return length <= np.asarray(limit) * (1 + SLACK)


def below(length: Any, limit: Any) -> Any:
    """Whether lengths are less than ``limit``, by more than a relative ``SLACK``."""
    return length < np.asarray(limit) * (1 - SLACK)
