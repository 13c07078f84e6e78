"""The door of the functions on images: what they take, and axes that are none."""

import numpy as np
from jaxtyping import Bool, Shaped

from tubekit import _accept, _check
from tubekit._accept import Array
from tubekit.types import Spacing


def binary_image(mask: Shaped[Array, "*s"]) -> Bool[np.ndarray, "*s"]:
    """Return ``mask`` as bool; ValueError unless it is 2-D or 3-D and holds only 0 and 1."""
    return _writeable(_check.binary("mask", _array("mask", mask)))


def class_image(label: Shaped[Array, "*s"]) -> Shaped[np.ndarray, "*s"]:
    """Return ``label`` as integers or bool; ValueError unless 2-D or 3-D and without fractions."""
    return _writeable(_accept.classes("label", _array("label", label)))


def _array(name: str, value: Shaped[Array, "*s"]) -> Shaped[np.ndarray, "*s"]:
    image = _accept.array(name, value)
    _check.dimensions(name, image, (2, 3))
    return image


def _writeable(image: Shaped[np.ndarray, "*s"]) -> Shaped[np.ndarray, "*s"]:
    """A copy of a read-only array: a loop would be compiled once more for it."""
    return image if image.flags.writeable else image.copy()


def without_flat_axes(
    image: Shaped[np.ndarray, "*s"], spacing: Spacing = ()
) -> tuple[Shaped[np.ndarray, "..."], Spacing]:
    """A volume of one slice as the image it is, and the spacing of the axes that stay.

    A view: an axis of one voxel is dropped, as long as two are left. What a function makes of the
    image gets its shape back by ``reshape``.
    """
    flat = [axis for axis, size in enumerate(image.shape) if size == 1][: image.ndim - 2]
    kept = tuple(step for axis, step in enumerate(spacing) if axis not in flat)
    return image.squeeze(tuple(flat)), kept
