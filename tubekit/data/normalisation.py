"""Intensity normalisation, the same in training and inference."""

import numpy as np
from jaxtyping import Float32

from tubekit import _check
from tubekit.types import Case


def normalise(case: Case) -> Float32[np.ndarray, "c *s"]:
    """Zero mean and unit standard deviation per channel, measured inside the field of view.

    Outside the field of view the result is 0, the mean, so that a black border tells nothing. A
    constant channel becomes 0. Derived channels, in [0, 1] already, keep their values inside.

    Args:
        case: with intensities in any unit.
    Returns:
        Image of the same shape, in standard deviations (derived channels: as they are).
    Raises:
        ValueError: an intensity is NaN or infinite.

    Example:
        >>> import numpy as np
        >>> from tubekit.types import Case
        >>> case = Case("a", np.arange(64.0).reshape(1, 8, 8), np.eye(8, dtype=int), (1.0, 1.0))
        >>> float(normalise(case).std().round(3))
        1.0
    """
    _check.finite(f"image of case {case.id}", case.image)
    inside = np.ones(case.image.shape[1:], bool) if case.valid is None else case.valid
    image = np.zeros_like(case.image)
    if not inside.any():
        return image
    measured = len(image) - case.derived
    image[measured:, inside] = case.image[measured:, inside]
    for channel, out in zip(case.image[:measured], image[:measured], strict=True):
        values = channel[inside].astype(np.float64)
        spread = values.std()
        # Round-off leaves a spread of about 1e-16 times the mean on a constant channel.
        if spread > 1e-9 * max(1.0, abs(values.mean())):
            values -= values.mean()
            values /= spread
            out[inside] = values
    return image
