"""Label damage on demand: what annotators and networks get wrong, with a record of it."""

from collections.abc import Sequence
from typing import NamedTuple

import edt
import numpy as np
from jaxtyping import Bool, Integer
from scipy import ndimage

from tubekit import _check
from tubekit._accept import array, numbers, taking
from tubekit._lengths import at_most
from tubekit.geometry import skeletonize
from tubekit.phantoms.phantom import Phantom, class_map
from tubekit.phantoms.raster import rasterise


class Damage(NamedTuple):
    """A damaged label map and what was done to it.

    Attributes:
        label: the damaged copy; the input is never changed.
        removed: foreground before and background now.
        added: background before and foreground now.
        record: what was damaged, in JSON values (branches, places, lengths).

    Example:
        >>> import numpy as np
        >>> from tubekit.phantoms import shift
        >>> label = np.zeros((24, 24), int)
        >>> label[8:16, 2:22] = 1
        >>> shift(label, (0, 5)).record
        {'kind': 'shift', 'voxels': [0, 5]}
    """

    label: Integer[np.ndarray, "*s"]
    removed: Bool[np.ndarray, "*s"]
    added: Bool[np.ndarray, "*s"]
    record: dict[str, object]


@taking(numbers)
def drop_branches(phantom: Phantom, fraction: float, rng: np.random.Generator) -> Damage:
    """Leave out whole branches, free ends first, so that what remains stays connected.

    Args:
        phantom: source of branches.
        fraction: share of the branches to drop in [0, 1); rounded to whole branches.
        rng: picks them, free ends with equal chance each time.
    Returns:
        ``record["branches"]`` lists the dropped indices into ``phantom.tree.branches``.
    Raises:
        ValueError: a fraction outside [0, 1).

    Example:
        >>> import numpy as np
        >>> from tubekit.phantoms import drop_branches, vascular_phantom
        >>> phantom = vascular_phantom((32, 40, 40), seed=1)
        >>> damage = drop_branches(phantom, 0.3, np.random.default_rng(0))
        >>> bool(damage.removed.any())
        True
    """
    if not 0 <= fraction < 1:
        raise ValueError(f"fraction must lie in [0, 1), got {fraction}; 0.2 drops a fifth")
    tree = phantom.tree
    dropped: list[int] = []
    for _ in range(round(fraction * len(tree.branches))):
        kept = [i for i in range(len(tree.branches)) if i not in dropped]
        leaves = [kept[i] for i in tree.without(set(dropped)).leaves()]
        dropped.append(int(rng.choice(leaves or kept)))
    return without_branches(phantom, dropped)


def without_branches(phantom: Phantom, dropped: Sequence[int]) -> Damage:
    """The label drawn anew from all branches but the dropped indices into the tree."""
    rest = phantom.tree.without(set(dropped))
    label = class_map(rest, rasterise(rest)).astype(_label(phantom).dtype)
    return _damage(_label(phantom), label, {"kind": "drop_branches", "branches": list(dropped)})


@taking(numbers, label=array, centerline=array)
def cut_gaps(
    label: Integer[np.ndarray, "*s"],
    centerline: Bool[np.ndarray, "..."] | None = None,
    *,
    n: int,
    length: float,
    rng: np.random.Generator,
    spacing: Sequence[float] | None = None,
) -> Damage:
    """Cut gaps with flat ends across tubes, away from forks, tips, loops and each other.

    Args:
        label: label map; all classes are cut alike.
        centerline: one voxel wide centre lines, e.g. of a phantom; ``None`` takes the skeleton.
        n: number of gaps.
        length: length of each gap along the tube in millimetres (voxels without ``spacing``).
        rng: picks the places.
        spacing: millimetres per voxel in array order; ``None`` means 1.
    Returns:
        ``record["places"]`` lists the centre voxel of each gap. On a tree each gap adds exactly
        one piece.
    Raises:
        ValueError: fewer than ``n`` places can be cut.

    Example:
        >>> import numpy as np
        >>> from tubekit.phantoms import cut_gaps
        >>> label = np.zeros((24, 24), int)
        >>> label[8:16, 2:22] = 1
        >>> cut_gaps(label, n=1, length=2.0, rng=np.random.default_rng(0)).label.max()
        np.int64(1)
    """
    centerline = skeletonize(label > 0) if centerline is None else centerline
    _check.same_shape(label=label, centerline=centerline)
    voxel = np.array(_check.spacing(spacing, label.ndim))
    mask = label > 0
    wall_mm = edt.edt(mask, anisotropy=tuple(voxel.tolist()), black_border=True)
    line = np.argwhere(centerline)
    line_mm = line * voxel
    cut = np.zeros_like(mask)
    places: list[list[int]] = []
    for i in rng.permutation(len(line)):
        if len(places) == n:
            break
        radius = float(wall_mm[tuple(line[i])]) + voxel.max()
        if any(np.linalg.norm((line[i] - p) * voxel) < length + 2 * radius for p in places):
            continue
        tangent = _course(line_mm, line_mm[i], length / 2 + radius)
        gap = _slab(mask, line[i], tangent, length, radius, voxel)
        # A place on a loop, at a tip or at a fork is not a gap: only a cut into two pieces is.
        if _splits(mask & ~cut, gap):
            cut |= gap
            places.append(line[i].tolist())
    if len(places) < n:
        raise ValueError(
            f"expected room for {n} gaps of length {length}, found {len(places)}; "
            "ask for fewer or shorter gaps"
        )
    record = {"kind": "cut_gaps", "places": places, "length": length}
    return _damage(label, np.where(cut, 0, label).astype(label.dtype), record)


@taking(numbers, label=array)
def shift(label: Integer[np.ndarray, "*s"], voxels: Sequence[int]) -> Damage:
    """Move the label by whole voxels per axis; what leaves the box is lost, the rest is 0.

    Args:
        label: label map (*s).
        voxels: one whole number per axis, of either sign, smaller than the axis.
    Raises:
        ValueError: not one number per axis, or one as large as the axis.

    Example:
        >>> import numpy as np
        >>> from tubekit.phantoms import shift
        >>> label = np.zeros((24, 24), int)
        >>> label[8:16, 2:22] = 1
        >>> int(shift(label, (0, 5)).label.sum())
        136
    """
    if len(voxels) != label.ndim or np.any(np.abs(voxels) >= np.array(label.shape)):
        raise ValueError(
            f"voxels needs one whole number per axis smaller than {label.shape}, got "
            f"{tuple(voxels)}; e.g. (0, 2) moves two voxels along x"
        )
    moved = np.zeros_like(label)
    to = tuple(slice(max(v, 0), n + min(v, 0)) for v, n in zip(voxels, label.shape, strict=True))
    of = tuple(slice(max(-v, 0), n - max(v, 0)) for v, n in zip(voxels, label.shape, strict=True))
    moved[to] = label[of]
    return _damage(label, moved, {"kind": "shift", "voxels": [int(v) for v in voxels]})


@taking(numbers, label=array, keep=array)
def thin(
    label: Integer[np.ndarray, "*s"],
    depth_mm: float,
    *,
    keep: Bool[np.ndarray, "..."] | None = None,
    spacing: Sequence[float] | None = None,
) -> Damage:
    """Peel a layer off the foreground.

    Args:
        label: label map, peeled as one foreground.
        depth_mm: foreground within this distance of the background is removed.
        keep: voxels that stay, such as the centre line, so that no tube is lost; ``None`` peels
            without mercy, as an under-segmenting network does.
        spacing: millimetres per voxel in array order; ``None`` means 1.

    Example:
        >>> import numpy as np
        >>> from tubekit.phantoms import thin
        >>> label = np.zeros((24, 24), int)
        >>> label[8:16, 2:22] = 1
        >>> int(thin(label, 1.0).label.sum())
        108
    """
    voxel = _check.spacing(spacing, label.ndim)
    depth = edt.edt(label > 0, anisotropy=voxel, black_border=False)
    rest = ~at_most(depth, depth_mm)
    if keep is not None:
        _check.same_shape(label=label, keep=keep)
        rest |= keep
    record = {"kind": "thin", "depth_mm": depth_mm, "kept": keep is not None}
    return _damage(label, np.where(rest, label, 0).astype(label.dtype), record)


def _label(phantom: Phantom) -> np.ndarray:
    return np.zeros_like(phantom.branch) if phantom.case.label is None else phantom.case.label


def _damage(before: np.ndarray, after: np.ndarray, record: dict[str, object]) -> Damage:
    return Damage(after, (before > 0) & (after == 0), (before == 0) & (after > 0), record)


def _course(line_mm: np.ndarray, here: np.ndarray, reach_mm: float) -> np.ndarray:
    """Direction of the centre line around a point: the main axis of its voxels within reach."""
    near = line_mm[at_most(np.linalg.norm(line_mm - here, axis=1), reach_mm)]
    return np.linalg.svd(near - near.mean(axis=0))[2][0]


def _slab(
    mask: np.ndarray,
    here: np.ndarray,
    tangent: np.ndarray,
    length: float,
    radius_mm: float,
    voxel: np.ndarray,
) -> np.ndarray:
    """Foreground between two planes across the tube, within reach of its wall."""
    axes = np.ogrid[tuple(slice(0, n) for n in mask.shape)]
    offsets = [(a - i) * h for a, i, h in zip(axes, here, voxel, strict=True)]
    along = sum(o * t for o, t in zip(offsets, tangent, strict=True))
    squared = sum(o**2 for o in offsets)
    near = at_most(squared - along**2, radius_mm**2)
    return mask & near & at_most(np.abs(along), length / 2)


def _splits(mask: np.ndarray, gap: np.ndarray) -> bool:
    """Whether taking the gap out leaves exactly one more piece."""
    full = np.ones((3,) * mask.ndim)
    after = ndimage.label(mask & ~gap, full)[1]
    return bool(after == ndimage.label(mask, full)[1] + 1)
