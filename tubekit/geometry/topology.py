"""Components, Euler number and Betti numbers of masks, with the connectivity stated.

Object and background must not be connected through the same diagonal. ``"full"`` joins object
voxels that share a face, edge or corner (8 neighbours in 2-D, 26 in 3-D) and background voxels
that share a face (4, 6); ``"face"`` is the other way round.
"""

from typing import Any

import cc3d
import numpy as np
from jaxtyping import Integer, Shaped
from skimage import measure

from tubekit import _check
from tubekit.geometry._input import binary_image

_FACE = {2: 4, 3: 6}
_FULL = {2: 8, 3: 26}
_NEIGHBOURS = {2: (4, 8), 3: (6, 18, 26)}


def components(
    mask: Shaped[np.ndarray, "*s"], connectivity: int | None = None
) -> tuple[Integer[np.ndarray, "*s"], int]:
    """Number the connected components of a mask.

    Args:
        mask: binary, 2-D or 3-D.
        connectivity: neighbours that count as connected: 4 or 8 in 2-D; 6, 18 or 26 in 3-D.
            ``None`` means all (8 or 26).
    Returns:
        A map with 0 in the background and 1 to n in the components, and n.
    Raises:
        ValueError: ``mask`` not binary or not 2-D or 3-D, or an impossible ``connectivity``.
    """
    mask = binary_image(mask)
    neighbours: Any = _FULL[mask.ndim] if connectivity is None else connectivity
    _check.option(f"connectivity in {mask.ndim}-D", neighbours, _NEIGHBOURS[mask.ndim])
    # cc3d reserves too few labels for thin images of scattered voxels; with a frame they suffice.
    framed = np.pad(mask, 1)
    labels, count = cc3d.connected_components(framed, connectivity=neighbours, return_N=True)
    return labels[(slice(1, -1),) * mask.ndim], int(count)


def euler_number(mask: Shaped[np.ndarray, "*s"], connectivity: str = "full") -> int:
    """Euler number: components minus tunnels plus cavities.

    Args:
        mask: binary, 2-D or 3-D (in 2-D a hole counts as a tunnel). Beyond the image lies
            background.
        connectivity: of the object, ``"full"`` (8 or 26) or ``"face"`` (4 or 6).
    Returns:
        The Euler number.
    Raises:
        ValueError: ``mask`` not binary or not 2-D or 3-D, or an unknown ``connectivity``.
    """
    mask = binary_image(mask)
    _check.option("connectivity", connectivity, ("full", "face"))
    if not mask.any():
        return 0
    return int(measure.euler_number(mask, mask.ndim if connectivity == "full" else 1))


def betti_numbers(mask: Shaped[np.ndarray, "*s"], connectivity: str = "full") -> tuple[int, ...]:
    """Betti numbers: how many components, tunnels (in 2-D holes) and cavities a mask has.

    Components b_0 and enclosed background components b_{d-1} are counted; in 3-D the tunnels
    follow from the Euler number chi = b_0 - b_1 + b_2.

    Args:
        mask: binary, 2-D or 3-D. Beyond the image lies background.
        connectivity: of the object, ``"full"`` (8 or 26, background 4 or 6) or ``"face"`` (4 or
            6, background 8 or 26).
    Returns:
        (b_0, b_1) in 2-D, (b_0, b_1, b_2) in 3-D; zeros for an empty mask.
    Raises:
        ValueError: ``mask`` not binary or not 2-D or 3-D, or an unknown ``connectivity``.
    Equation: :eq:`eq-betti`
    """
    mask = binary_image(mask)
    _check.option("connectivity", connectivity, ("full", "face"))
    if not mask.any():
        return (0,) * mask.ndim
    inside, outside = (_FULL, _FACE) if connectivity == "full" else (_FACE, _FULL)
    _, objects = components(mask, inside[mask.ndim])
    # The frame joins all background that reaches the image border into one component.
    _, gaps = components(np.pad(~mask, 1, constant_values=True), outside[mask.ndim])
    enclosed = gaps - 1
    if mask.ndim == 2:
        return objects, enclosed
    return objects, objects + enclosed - euler_number(mask, connectivity), enclosed
