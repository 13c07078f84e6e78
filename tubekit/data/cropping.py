"""A box of a case, with everything that lies on its grid."""

import dataclasses

from tubekit.data.placing import moved
from tubekit.types import Case

Box = tuple[slice, ...]


def cropped(case: Case, box: Box) -> Case:
    """The part of a case inside a box, with arrays of its own.

    Args:
        case: to cut.
        box: a slice with start and stop per spatial axis, inside the image.
    """
    return dataclasses.replace(
        case,
        image=case.image[(slice(None), *box)].copy(),
        label=None if case.label is None else case.label[box].copy(),
        valid=None if case.valid is None else case.valid[box].copy(),
        affine=moved(case.affine, [place.start for place in box]),
        maps={name: values[box].copy() for name, values in case.maps.items()},
    )


def box_around(tight: Box, margin: tuple[int, ...], shape: tuple[int, ...]) -> Box:
    """A box with a margin in voxels on every side, as far as the image goes."""
    return tuple(
        slice(max(0, place.start - more), min(place.stop + more, size))
        for place, more, size in zip(tight, margin, shape, strict=True)
    )
