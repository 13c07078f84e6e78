"""Eigenvalues by the role they play in a tube."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32


class Tube(NamedTuple):
    """Eigenvalues by their role; where no tube is found the first two are 1."""

    found: Bool[np.ndarray, "*n"]
    strongest: Float32[np.ndarray, "*n"]
    second: Float32[np.ndarray, "*n"]
    along: Float32[np.ndarray, "*n"]


def tube_at(e: Float32[np.ndarray, "d *n"]) -> Tube:
    """Roles in the papers' order, by magnitude: the smallest is along, all others are positive."""
    second, along = e[-2], e[-1]
    found = (second > 1e-15) & (abs(along) <= second)  # the bound keeps products above underflow
    one = np.float32(1)
    return Tube(found, np.where(found, e[0], one), np.where(found, second, one), along)
