"""Images as the planes that are drawn, and windows in them."""

import numpy as np
from jaxtyping import Float, Shaped

Window = tuple[slice, slice]
"""Rows and columns, e.g. ``np.s_[10:30, 20:50]``."""


def plane(image: Shaped[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """(y x), or (y x 3) in colour, as matplotlib wants it."""
    image = np.asarray(image, dtype=float)
    if image.ndim == 3 and len(image) in (1, 3):
        return image[0] if len(image) == 1 else np.moveaxis(image, 0, -1)
    if image.ndim != 2:
        raise ValueError(
            f"an image needs shape (y x), (1 y x) or (3 y x), got {image.shape}; "
            "take a slice or a projection of a volume first"
        )
    return image


def aspect(image: np.ndarray) -> float:
    return image.shape[-2] / image.shape[-1]


def check_window(window: Window, grid: tuple[int, ...]) -> None:
    if len(window) != 2 or not all(
        0 <= (part.start or 0) < (n if part.stop is None else part.stop) <= n
        for part, n in zip(window, grid, strict=True)
    ):
        raise ValueError(
            f"zoom must lie inside the image {tuple(grid)}, got {window}; give slices of rows and "
            "columns, e.g. np.s_[0:64, 0:64]"
        )
