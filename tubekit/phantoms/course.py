"""Courses of branches: points along a smooth random bend."""

import numpy as np
from jaxtyping import Float


def bent_course(
    start: Float[np.ndarray, "d"],
    direction: Float[np.ndarray, "d"],
    length: float,
    steps: int,
    tortuosity: float,
    pull: Float[np.ndarray, "d"],
    rng: np.random.Generator,
) -> Float[np.ndarray, "n d"]:
    """Points of a curve that leaves ``start`` exactly along ``direction``.

    The tangent is turned sideways by three random sines that vanish at both ends, and steadily by
    ``pull``, so that the angle at which a branch leaves is never disturbed.

    Args:
        start: first point (mm).
        direction: unit vector.
        length: arc length (mm).
        steps: number of straight pieces, at least 2.
        tortuosity: standard deviation (radians) of the slowest sine; the others are weaker.
        pull: steady turn (radians per mm at first) towards its direction; 0 for none.
        rng: source of the bends.
    """
    t = (np.arange(steps) / (steps - 1))[:, None]
    side = lateral(direction)
    bend = sum(
        np.sin(np.pi * k * t) * (side @ rng.normal(size=side.shape[1])) / k for k in (1, 2, 3)
    )
    tangents = direction + tortuosity * bend + pull * length * t
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    return np.vstack([start, start + np.cumsum(tangents * length / steps, axis=0)])


def unit(vector: Float[np.ndarray, "d"]) -> Float[np.ndarray, "d"]:
    """The vector at length 1."""
    return vector / np.linalg.norm(vector)


def lateral(direction: Float[np.ndarray, "d"]) -> Float[np.ndarray, "d e"]:
    """Orthonormal columns that span the plane across ``direction``; one column less than axes."""
    # A Householder reflection takes the first axis to the direction, and the others across it.
    mirror = direction.copy()
    mirror[0] += np.copysign(1.0, mirror[0])
    reflection = np.eye(len(mirror)) - 2 * np.outer(mirror, mirror) / (mirror @ mirror)
    return reflection[:, 1:]
