"""What every function on masks asks of its argument."""

import numpy as np
from jaxtyping import Bool, Shaped

from tubekit import _check


def binary_image(mask: Shaped[np.ndarray, "*s"]) -> Bool[np.ndarray, "*s"]:
    """Return ``mask`` as bool; ValueError unless it is 2-D or 3-D and holds only 0 and 1."""
    _check.dimensions("mask", mask, (2, 3))
    return _check.binary("mask", mask)
