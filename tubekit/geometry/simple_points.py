"""Which voxels can be deleted without changing the topology?

A voxel is *simple* when deleting it changes no component, no tunnel and no cavity, here with
26-connected objects in a 6-connected background. Its 26 neighbours alone decide that.

The tests below use only operators that NumPy arrays and tensors share, so hard and differentiable
thinning call the same ones. A neighbourhood maps the 26 ``OFFSETS`` and ``CENTRE`` to int8 arrays
that are 1 where that voxel belongs to the object; all have one shape and hold one entry for each
voxel under test.

A 2-D image is tested as a volume of one slice; that gives the simple pixels of 8-connected
objects in a 4-connected background.
"""

import itertools
from collections.abc import Iterable, Mapping
from functools import reduce
from operator import and_, or_
from typing import Any

Offset = tuple[int, int, int]
Neighbourhood = Mapping[Offset, Any]

CENTRE: Offset = (0, 0, 0)
OFFSETS: tuple[Offset, ...] = tuple(
    (z, y, x) for z, y, x in itertools.product((-1, 0, 1), repeat=3) if (z, y, x) != CENTRE
)
FACES = tuple(o for o in OFFSETS if sum(map(abs, o)) == 1)
EDGES = tuple(o for o in OFFSETS if sum(map(abs, o)) == 2)
CORNERS = tuple(o for o in OFFSETS if sum(map(abs, o)) == 3)

SUBFIELDS: tuple[Offset, ...] = tuple((z, y, x) for x, y, z in itertools.product((1, 0), repeat=3))
"""First index of each of the 8 sub-lattices of step 2, in the order in which they are thinned.

No two voxels of one sub-lattice are neighbours, so all its simple voxels can go at once.
"""


def _in_box(a: Offset, b: Offset) -> bool:
    """``a`` lies in the smallest box that holds the centre and ``b``."""
    return all(i in (0, j) for i, j in zip(a, b, strict=True))


def _touch(a: Offset, b: Offset) -> bool:
    """``a`` and ``b`` are 26-neighbours of each other."""
    return a != b and all(abs(i - j) <= 1 for i, j in zip(a, b, strict=True))


BOX = {d: tuple(o for o in OFFSETS if o != d and _in_box(o, d)) for d in EDGES + CORNERS}
RIM = {d: tuple(o for o in EDGES if _in_box(d, o)) for d in FACES}
TOUCHING = {d: tuple(o for o in FACES + EDGES if _touch(o, d)) for d in EDGES + CORNERS}


def euler_simple(neighbours: Neighbourhood) -> Any:
    """True where turning the voxel into background leaves the Euler characteristic unchanged.

    Seen from the background, which is 6-connected, a deleted voxel is one new point. It brings
    one new edge for each background face neighbour, one new square for each edge neighbour that is
    background together with the two voxels between, and one new cube likewise for each corner
    neighbour. The characteristic (points - edges + squares - cubes) stays the same exactly when
    edges - squares + cubes = 1, or when the voxel was background already.

    Necessary for a simple voxel but not sufficient: an object split and a tunnel opened by the
    same deletion cancel in the sum. ``boolean_simple`` is exact.

    Args:
        neighbours: int8 arrays of 0 and 1.
    Returns:
        Boolean array.
    Equation: :eq:`eq-simple-euler`
    Reference: Menten et al., ICCV 2023, section 3.2.
    """
    return (_new_cells(_background(neighbours)) == 1) | (neighbours[CENTRE] == 0)


def boolean_simple(neighbours: Neighbourhood) -> Any:
    """True where the voxel is simple: exact for 26-connected objects in a 6-connected background.

    One of four conditions must hold. (1) Exactly one face neighbour is background. (2) Exactly
    one neighbour is object. (3) Exactly one face or edge neighbour is object, and no corner
    neighbour is cut off. (4) No edge or corner neighbour is cut off, no face neighbour is a
    background pit inside a closed rim, and the Euler characteristic stays the same. Cut off is an
    object that touches no object among the face and edge neighbours of the voxel; the rim of a
    face neighbour is the four edge neighbours around it.

    Args:
        neighbours: int8 arrays of 0 and 1; ``CENTRE`` takes no part.
    Returns:
        Boolean array.
    Equation: :eq:`eq-simple-boolean`
    Reference: Bertrand, A Boolean characterization of three-dimensional simple points, Pattern
        Recognition Letters 1996; Menten et al., ICCV 2023, section 3.2.
    """
    background = _background(neighbours)
    near = _count(neighbours, FACES + EDGES)
    edge_cut_off, corner_cut_off = (
        _any(neighbours[d] & _all(background, TOUCHING[d]) for d in kind)
        for kind in (EDGES, CORNERS)
    )
    pit = _any(background[d] & _all(neighbours, RIM[d]) for d in FACES)
    return (
        (_count(background, FACES) == 1)
        | (near + _count(neighbours, CORNERS) == 1)
        | ((near == 1) & (corner_cut_off == 0))
        | ((_new_cells(background) == 1) & ((edge_cut_off | corner_cut_off | pit) == 0))
    )


def _background(neighbours: Neighbourhood) -> dict[Offset, Any]:
    return {offset: neighbours[offset] ^ 1 for offset in OFFSETS}


def _new_cells(background: Neighbourhood) -> Any:
    """Edges - squares + cubes that the background gains with the voxel."""
    squares, cubes = (
        sum(background[d] & _all(background, BOX[d]) for d in kind) for kind in (EDGES, CORNERS)
    )
    return _count(background, FACES) - squares + cubes


def _count(values: Neighbourhood, offsets: Iterable[Offset]) -> Any:
    return sum(values[o] for o in offsets)


def _all(values: Neighbourhood, offsets: Iterable[Offset]) -> Any:
    return reduce(and_, (values[o] for o in offsets))


def _any(values: Iterable[Any]) -> Any:
    return reduce(or_, values)
