"""Cut an array to the half-open ranges of a manifest."""

from collections.abc import Sequence

from jaxtyping import Shaped
from numpy import ndarray

from tubekit.data.decode import ReadError


def cut(array: Shaped[ndarray, "..."], crop: Sequence[Sequence[int]]) -> Shaped[ndarray, "..."]:
    """The ranges of the first axes.

    Args:
        array: at least as many axes as ranges.
        crop: [first, last + 1] per axis, in array order.
    Raises:
        ReadError: the array does not hold the ranges.
    """
    if array.ndim < len(crop) or any(
        high > n for (_, high), n in zip(crop, array.shape, strict=False)
    ):
        raise ReadError(
            f"expected an array that holds the ranges {crop}, got shape {array.shape}; fetch the "
            "original"
        )
    return array[tuple(slice(low, high) for low, high in crop)]
