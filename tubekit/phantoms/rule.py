"""The rule by which trees grow: lengths, angles, and Murray's law."""

import dataclasses

import numpy as np

from tubekit._accept import numbers, taking, taking_numbers


@taking_numbers
@dataclasses.dataclass(frozen=True)
class GrowthRule:
    """How a tree grows.

    Every branch may end in a fork. With the parent's radius r0 and the children's r1 >= r2:

    - radii obey Murray's law ``r0**k == r1**k + r2**k`` with ``r2 / r1`` drawn from ``asymmetry``;
    - the children leave at the angles of least blood volume and work,
      ``cos a1 = (r0**4 + r1**4 - r2**4) / (2 r0**2 r1**2)``, a2 likewise, in a random plane;
    - a branch is about ``length_ratio`` times its radius long, and bends by smooth random sines.

    A fork is drawn again when a child would leave the box, come near another branch or change the
    topology of the mask or its centre line; after 32 draws the branch ends without a fork.

    Attributes:
        generations: most branches between a root and a tip, from 1.
        branching: probability in [0, 1] that a branch forks (roots always try).
        exponent: k of Murray's law, above 2; 3 is Murray's value.
        asymmetry: range of r2 / r1 within (0, 1].
        length_ratio: mean length divided by radius.
        tortuosity: standard deviation (radians) of the random bends.
        min_radius_mm: no branch is thinner.

    Example:
        After the example of ``grow_tree``:

        >>> straight = GrowthRule(generations=2, tortuosity=0.0)
        >>> grow_tree((32, 32), seed=1, roots=[root], rule=straight).betti
        (1, 0)

    Equation: :eq:`eq-murray-law`
    Reference: Murray, PNAS 12(3), 1926 (radii) and J. Gen. Physiol. 9(6), 1926 (angles).
    """

    generations: int = 6
    branching: float = 0.95
    exponent: float = 3.0
    asymmetry: tuple[float, float] = (0.6, 1.0)
    length_ratio: float = 9.0
    tortuosity: float = 0.35
    min_radius_mm: float = 0.7

    def __post_init__(self) -> None:
        low, high = self.asymmetry
        for name, good, wanted in (
            ("generations", self.generations >= 1, "at least 1"),
            ("branching", 0 <= self.branching <= 1, "in [0, 1]"),
            ("exponent", self.exponent > 2, "above 2"),
            ("asymmetry", 0 < low <= high <= 1, "an ascending pair in (0, 1]"),
            ("length_ratio", self.length_ratio > 0, "positive"),
            ("tortuosity", self.tortuosity >= 0, "0 or more"),
            ("min_radius_mm", self.min_radius_mm > 0, "positive"),
        ):
            if not good:
                raise ValueError(
                    f"{name} must be {wanted}, got {getattr(self, name)}; "
                    "see GrowthRule for the defaults"
                )


@taking_numbers
@dataclasses.dataclass(frozen=True)
class Root:
    """Where a tree starts: a point (mm), a direction, a radius (mm), and a steady pull (1/mm).

    ``pull`` turns the course towards a direction, by its length in radians per millimetre at
    first; the thicker child of each fork inherits it. Roots with one start form one tree.

    Attributes:
        start_mm: a point, array order.
        direction: of any length but 0.
        radius_mm: positive.
        pull: per millimetre; None is none.

    Example:
        After the example of ``grow_tree``:

        >>> straight = GrowthRule(generations=2, tortuosity=0.0)
        >>> grow_tree((32, 32), seed=1, roots=[root], rule=straight).betti
        (1, 0)
    """

    start_mm: tuple[float, ...]
    direction: tuple[float, ...]
    radius_mm: float
    pull: tuple[float, ...] | None = None


@taking(numbers)
def murray_radii(radius: float, ratio: float, exponent: float = 3.0) -> tuple[float, float]:
    """Radii r1 >= r2 of two children with ``r2 = ratio * r1`` that obey Murray's law.

    Args:
        radius: of the parent, positive.
        ratio: r2 / r1, in (0, 1].
        exponent: 3 is Murray's value.

    Example:
        >>> from tubekit.phantoms import murray_radii
        >>> [round(r, 3) for r in murray_radii(2.0, 1.0)]
        [1.587, 1.587]

    Equation: :eq:`eq-murray-law`
    Reference: Murray, PNAS 12(3), 1926.
    """
    first = radius / (1.0 + ratio**exponent) ** (1.0 / exponent)
    return first, ratio * first


@taking(numbers)
def murray_angles(radius: float, first: float, second: float) -> tuple[float, float]:
    """Angles (radians) between the parent's direction and its two children.

    Args:
        radius: of the parent, positive.
        first: radius of one child.
        second: radius of the other.

    Example:
        >>> from tubekit.phantoms import murray_angles
        >>> [round(a, 2) for a in murray_angles(2.0, 1.587, 1.587)]
        [0.65, 0.65]

    Equation: :eq:`eq-murray-angles`
    Reference: Murray, J. Gen. Physiol. 9(6), 1926.
    """

    def angle(this: float, other: float) -> float:
        cosine = (radius**4 + this**4 - other**4) / (2 * radius**2 * this**2)
        return float(np.arccos(np.clip(cosine, -1.0, 1.0)))

    return angle(first, second), angle(second, first)
