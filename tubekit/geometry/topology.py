"""Components, Euler number and Betti numbers of masks, with the connectivity stated.

Object and background must not be connected through the same diagonal. ``"full"`` joins object
voxels that share a face, edge or corner (8 neighbours in 2-D, 26 in 3-D) and background voxels
that share a face (4, 6); ``"face"`` is the other way round.

Nothing here copies a contiguous boolean volume: windows are looked up in one pass, and components
are counted over runs of voxels.
"""

import functools
import itertools

import numpy as np
from jaxtyping import Bool, Int8, Shaped, UInt32

from tubekit import _check
from tubekit._accept import Array, Whole
from tubekit.geometry import runs as _runs
from tubekit.geometry._input import binary_image, without_flat_axes
from tubekit.geometry.kernels.compiled import in_slabs
from tubekit.geometry.kernels.topology import sum_windows

_FACE = {2: 4, 3: 6}
_FULL = {2: 8, 3: 26}
_NEIGHBOURS = {2: (4, 8), 3: (6, 18, 26)}
_IN_A_SLICE = {6: 4, 18: 8, 26: 8}


def components(
    mask: Shaped[Array, "*s"], connectivity: Whole | None = None
) -> tuple[UInt32[np.ndarray, "*s"], int]:
    """Number the connected components of a mask.

    Args:
        mask: binary, 2-D or 3-D.
        connectivity: neighbours that count as connected: 4 or 8 in 2-D; 6, 18 or 26 in 3-D.
            ``None`` means all (8 or 26).
    Returns:
        A map with 0 in the background and 1 to n in the components, in the reading order of
        their first voxels, and n.
    Raises:
        ValueError: ``mask`` not binary or not 2-D or 3-D, or an impossible ``connectivity``.
    """
    image, neighbours = _image_and_neighbours(mask, connectivity, _FULL)
    runs = _runs.find_runs(image)
    numbers, count = _runs.numbered(_runs.joined(runs, neighbours))
    labels = np.zeros(image.shape, np.uint32)
    _runs.paint(runs, numbers, labels)
    return labels.reshape(mask.shape), count


def largest_component(
    mask: Shaped[Array, "*s"], connectivity: Whole | None = None
) -> Bool[np.ndarray, "*s"]:
    """The connected component with the most voxels.

    Args:
        mask: binary, 2-D or 3-D.
        connectivity: as in ``components``.
    Returns:
        Mask of that component, of the first in reading order where several are equally large;
        empty for an empty mask.
    Raises:
        ValueError: ``mask`` not binary or not 2-D or 3-D, or an impossible ``connectivity``.
    """
    image, neighbours = _image_and_neighbours(mask, connectivity, _FULL)
    runs = _runs.find_runs(image)
    root = _runs.joined(runs, neighbours)
    largest = np.zeros(image.shape, bool)
    if len(root):
        sizes = np.bincount(root, weights=runs.lengths)
        _runs.paint(runs, (root == sizes.argmax()).view(np.uint8), largest.view(np.uint8))
    return largest.reshape(mask.shape)


def fill_holes(
    mask: Shaped[Array, "*s"], connectivity: Whole | None = None
) -> Bool[np.ndarray, "*s"]:
    """Fill the holes of a 2-D mask (of a volume of one slice, too), the cavities of a 3-D mask.

    Args:
        mask: binary, 2-D or 3-D.
        connectivity: of the background: 4 or 8 in 2-D; 6, 18 or 26 in 3-D. ``None`` means the
            fewest (4 or 6).
    Returns:
        The mask and all background that no path of background voxels joins to the border.
    Raises:
        ValueError: ``mask`` not binary or not 2-D or 3-D, or an impossible ``connectivity``.
    """
    image, neighbours = _image_and_neighbours(mask, connectivity, _FACE)
    filled = np.array(image, order="C")
    gaps = _runs.background_runs(_runs.find_runs(image))
    inside = _runs.enclosed(gaps, _runs.joined(gaps, neighbours))
    # Open gaps are painted with the 0 they hold already.
    _runs.paint(gaps, inside.view(np.uint8), filled.view(np.uint8))
    return filled.reshape(mask.shape)


def euler_number(mask: Shaped[Array, "*s"], connectivity: str = "full") -> int:
    """Euler number: components minus tunnels plus cavities.

    Args:
        mask: binary, 2-D or 3-D (in 2-D a hole counts as a tunnel). Beyond the image lies
            background.
        connectivity: of the object, ``"full"`` (8 or 26) or ``"face"`` (4 or 6).
    Returns:
        The Euler number.
    Raises:
        ValueError: ``mask`` not binary or not 2-D or 3-D, or an unknown ``connectivity``.
    Reference: Ohser, Nagel and Schladitz, The Euler number of discretized sets, 2002.
    """
    mask = binary_image(mask)
    _check.option("connectivity", connectivity, ("full", "face"))
    return _euler_number(_in_memory_order(mask), connectivity)


def betti_numbers(mask: Shaped[Array, "*s"], connectivity: str = "full") -> tuple[int, ...]:
    """Betti numbers: how many components, tunnels (in 2-D holes) and cavities a mask has.

    Components b_0 and, in 3-D, enclosed background components b_2 are counted; tunnels (in 2-D
    holes) follow from the Euler number chi = b_0 - b_1 + b_2.

    Args:
        mask: binary, 2-D or 3-D. Beyond the image lies background.
        connectivity: of the object, ``"full"`` (8 or 26, background 4 or 6) or ``"face"`` (4 or
            6, background 8 or 26).
    Returns:
        (b_0, b_1) in 2-D, (b_0, b_1, b_2) in 3-D; zeros for an empty mask. A volume of one slice
        has the components and holes of the image, and b_2 = 0.
    Raises:
        ValueError: ``mask`` not binary or not 2-D or 3-D, or an unknown ``connectivity``.
    Equation: :eq:`eq-betti`
    """
    mask = binary_image(mask)
    _check.option("connectivity", connectivity, ("full", "face"))
    mask = _in_memory_order(mask)
    inside, outside = (_FULL, _FACE) if connectivity == "full" else (_FACE, _FULL)
    runs = _runs.find_runs(mask)
    objects = int(np.count_nonzero(_runs.is_root(_runs.joined(runs, inside[mask.ndim]))))
    euler = _euler_number(mask, connectivity)
    if mask.ndim == 2:
        return objects, objects - euler
    gaps = _runs.background_runs(runs)
    root = _runs.joined(gaps, outside[mask.ndim])
    cavities = int(np.count_nonzero(_runs.is_root(root) & _runs.enclosed(gaps, root)))
    return objects, objects + cavities - euler, cavities


def _euler_number(mask: Bool[np.ndarray, "*s"], connectivity: str) -> int:
    # An image is a volume of one slice: thickness adds no component, tunnel or cavity.
    shape = (1,) * (3 - mask.ndim) + mask.shape
    volume = np.ascontiguousarray(mask).view(np.uint8).reshape(shape)
    sums = np.zeros(len(volume) + 1, np.int64)
    in_slabs(sum_windows, len(sums), volume, window_table(connectivity), sums)
    return int(sums.sum()) // 8


@functools.cache
def window_table(connectivity: str) -> Int8[np.ndarray, "256"]:
    """Eight times the Euler number of a window of 2 x 2 x 2 voxels, to be summed over windows.

    ``"full"``: an object is the union of closed cubes, so around the middle of the window there
    are one point, 6 edges, 12 squares and 8 cubes, present when one of the voxels that share them
    is object. Each is also part of the windows around its other corners and counts one part of
    1, 2, 4, 8. ``"face"``: voxels are points, joined by edges, squares and a cube where all
    voxels are object; these are part of 8, 4, 2 and 1 windows.
    """
    patterns = np.arange(256) >> np.arange(8)[:, None] & 1
    window = patterns.astype(bool).reshape(2, 2, 2, 256)
    total = np.zeros(256, int)
    # Taking the first, the second or both sides on each axis names every cell of a window once.
    for cell in itertools.product(([0], [1], [0, 1]), repeat=3):
        voxels = window[np.ix_(*cell)].reshape(-1, 256)
        shared = len(voxels)
        if connectivity == "full":
            total += (-1) ** (shared in (1, 4)) * shared * voxels.any(axis=0)
        else:
            total += (-1) ** (shared in (2, 8)) * shared * voxels.all(axis=0)
    return total.astype(np.int8)


def _in_memory_order(mask: Bool[np.ndarray, "*s"]) -> Bool[np.ndarray, "..."]:
    """The mask with its axes in the order of memory; turning it changes no Betti number."""
    return mask.transpose(np.argsort([-abs(step) for step in mask.strides], kind="stable"))


def _image_and_neighbours(
    mask: Array, connectivity: Whole | None, default: dict[int, int]
) -> tuple[Bool[np.ndarray, "..."], int]:
    mask = binary_image(mask)
    chosen = default[mask.ndim] if connectivity is None else connectivity
    _check.option(f"connectivity in {mask.ndim}-D", chosen, _NEIGHBOURS[mask.ndim])
    image, _ = without_flat_axes(mask)
    neighbours = int(chosen)
    return image, neighbours if image.ndim == mask.ndim else _IN_A_SLICE[neighbours]
