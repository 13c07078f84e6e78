"""Phantom data sets by name, as recipes ask for them."""

from collections.abc import Sequence

import numpy as np

from tubekit import _check
from tubekit._accept import numbers, taking
from tubekit.phantoms.airway import airway_phantom
from tubekit.phantoms.canal import canal_phantom
from tubekit.phantoms.circle_of_willis import circle_of_willis_phantom
from tubekit.phantoms.coronary import coronary_phantom
from tubekit.phantoms.fundus import fundus_phantom
from tubekit.phantoms.phantom import Phantom
from tubekit.phantoms.vascular import vascular_phantom
from tubekit.types import Case

NAMES = ("fundus", "vascular", "canal", "cow", "airway", "coronary")
_VOLUME, _CHEST = (64, 96, 96), (96, 96, 96)


@taking(numbers)
def phantom_cases(
    name: str,
    n: int,
    seed: int,
    *,
    size: Sequence[int] | None = None,
    classes: int | None = None,
) -> list[Case]:
    """Draw ``n`` cases; other seeds give other cases, so that splits never share one.

    Args:
        name: ``"fundus"``, ``"vascular"``, ``"canal"``, ``"cow"`` (Circle of Willis),
            ``"airway"`` or ``"coronary"`` (both CT in Hounsfield units).
        n: number of cases, 0 or more.
        seed: seed of the data set, 0 or more.
        size: voxels per axis; ``None`` means (256, 256), (64, 96, 96) or (96, 96, 96). A
            fundus is square.
        classes: number of labels; ``None`` means 1, and 13 for ``"cow"``. CT has one.
    Raises:
        ValueError: an unknown name, a negative number, or a size the phantom refuses.

    Example:
        >>> from tubekit.phantoms import phantom_cases
        >>> [case.image.shape for case in phantom_cases("canal", 1, seed=0, size=(32, 48, 48))]
        [(1, 32, 48, 48)]
    """
    phantoms = (_draw(name, child, size, classes) for child in _seeds(name, n, seed))
    return [phantom.case for phantom in phantoms]


def _seeds(name: str, n: int, seed: int) -> list[int]:
    _check.option("name", name, NAMES)
    if n < 0 or seed < 0:
        raise ValueError(f"n and seed must be 0 or more, got {n} and {seed}; choose other values")
    return [int(np.random.SeedSequence((seed, i)).generate_state(1)[0]) for i in range(n)]


def _draw(name: str, seed: int, size: Sequence[int] | None, classes: int | None) -> Phantom:
    if name == "fundus":
        side = tuple(size or (256, 256))
        if len(set(side)) != 1 or len(side) != 2:
            raise ValueError(f"size of a fundus must be square, got {side}; e.g. (256, 256)")
        return fundus_phantom(side[0], seed, classes=classes or 1)
    if name == "vascular":
        return vascular_phantom(size or _VOLUME, seed, classes=classes or 1)
    if name == "canal":
        return canal_phantom(size or _VOLUME, seed, classes=classes or 1)
    if name in ("airway", "coronary"):
        if classes not in (None, 1):
            raise ValueError(f"classes of {name} must be 1, got {classes}; leave it out")
        draw = airway_phantom if name == "airway" else coronary_phantom
        return draw(size or _CHEST, seed)
    return circle_of_willis_phantom(size or _VOLUME, seed, classes=classes or 13)
