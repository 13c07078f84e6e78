"""What a file holds: values, which axes they have, and where they lie."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt8

from tubekit.types import Affine, Placed, Spacing

# From (left, back, top), as MetaImage and NRRD files have it, to (right, front, top).
LPS_TO_RAS = np.array([-1.0, -1.0, 1.0])


class ReadError(ValueError):
    """A file that cannot be used; the message says file, expected, got and remedy."""


class Stored(NamedTuple):
    """Values as the file holds them, spatial axes in array order, and what its header says.

    Attributes:
        array: (y x) or (z y x), and one more axis at the end where ``channels`` is True.
        spacing: millimetres per voxel, ``Placed``, in formats for volumes; else ``None``.
        channels: the last axis holds several values of one place, such as red, green and blue.
        palette: colours (red, green, blue) of the values of an indexed picture.
    """

    array: np.ndarray[Any, Any]
    spacing: Spacing | None = None
    channels: bool = False
    palette: UInt8[np.ndarray, "n 3"] | None = None

    @property
    def affine(self) -> Affine | None:
        """Where the grid lies; ``None`` where the file states no place."""
        return self.spacing.affine if isinstance(self.spacing, Placed) else None

    @property
    def ndim(self) -> int:
        """Number of spatial axes."""
        return self.array.ndim - self.channels

    @property
    def seen(self) -> "Stored":
        """The picture that a palette makes of the values; a file without one as it is."""
        if self.palette is None:
            return self
        if (self.palette == self.palette[:, :1]).all():  # greys only
            return Stored(self.palette[:, 0][self.array], self.spacing)
        return Stored(self.palette[self.array], self.spacing, channels=True)


def flat_affine(affine: np.ndarray) -> np.ndarray | None:
    """Place of a picture, (y x) to (x y), in its plane; ``None`` for one that leaves the slice."""
    rows = affine[[0, 1, 3]][:, [-3, -2, -1]]
    return np.ascontiguousarray(rows) if not affine[2, [-3, -2]].any() else None


def without_opacity(array: np.ndarray, name: object) -> tuple[np.ndarray, bool]:
    """Values without their last channel, which says how opaque they are, and whether any remain.

    Returns:
        The values, and whether they have an axis of channels (grey values have none).
    Raises:
        ReadError: the picture can be seen through.
    """
    values, cover = array[..., :-1], array[..., -1:]
    full = np.iinfo(cover.dtype).max if cover.dtype.kind in "iu" else 1
    if (cover != full).any():
        raise ReadError(
            f"{name}: expected an opaque picture, got one whose last channel is an opacity with "
            "transparent parts; flatten it, or store a volume with photometric='minisblack'"
        )
    grey = values.shape[-1] == 1
    return (values[..., 0], False) if grey else (values, True)
