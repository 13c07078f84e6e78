"""From branches to voxels: unions of capsules, digital centre lines, and their topology."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int, Int32

from tubekit._accept import array, taking
from tubekit.phantoms.tree import Branch, Tree
from tubekit.types import Spacing


class Raster(NamedTuple):
    """A rasterised tree.

    Attributes:
        distance_mm: distance to the tubes' surface, negative inside; exact up to three voxels
            outside the surface, infinite further away.
        owner: 1 + index of the branch each mask voxel belongs to; 0 in the background.
        centerline: one voxel wide centre lines, 26-connected (8-connected in 2-D).
        radius_mm: radius of the tube on the centre line, 0 elsewhere.

    Example:
        >>> from tubekit.phantoms import rasterise, vascular_phantom
        >>> raster = rasterise(vascular_phantom((20, 24, 24), seed=1).tree)
        >>> bool((raster.distance_mm[raster.centerline] < 0).all())
        True
    """

    distance_mm: Float32[np.ndarray, "*s"]
    owner: Int32[np.ndarray, "*s"]
    centerline: Bool[np.ndarray, "*s"]
    radius_mm: Float32[np.ndarray, "*s"]


class Stamp(NamedTuple):
    """One branch on the grid: a box, the distances inside it, and centre-line voxels."""

    box: tuple[slice, ...]
    distance_mm: Float32[np.ndarray, "*b"]
    voxels: Int[np.ndarray, "n d"]
    radius_mm: Float32[np.ndarray, "n"]


def rasterise(tree: Tree) -> Raster:
    """Draw all branches of a tree on its grid.

    A voxel belongs to the mask when its centre lies inside a capsule (a segment of the course,
    thickened by the interpolated radius) or on the digital centre line, which keeps tubes thinner
    than a voxel in one piece. Where tubes overlap, the one whose surface is deepest owns the voxel.

    Args:
        tree: branches and the grid to draw them on.

    Example:
        >>> from tubekit.phantoms import rasterise, vascular_phantom
        >>> raster = rasterise(vascular_phantom((20, 24, 24), seed=1).tree)
        >>> raster.distance_mm.shape
        (20, 24, 24)
    """
    canvas = Canvas(tree.shape, tree.spacing)
    for index, branch in enumerate(tree.branches):
        canvas.commit(canvas.stamp(branch), index)
    return Raster(canvas.distance, canvas.owner, canvas.centerline, canvas.radius)


class Canvas:
    """The grid on which a tree is drawn, branch by branch.

    Args:
        shape: voxels per axis.
        spacing: millimetres per voxel in array order.
    """

    def __init__(self, shape: tuple[int, ...], spacing: Spacing) -> None:
        self.shape, self.spacing = shape, np.asarray(spacing, dtype=float)
        self.distance = np.full(shape, np.inf, dtype=np.float32)
        self.owner = np.zeros(shape, dtype=np.int32)
        self.centerline = np.zeros(shape, dtype=bool)
        self.radius = np.zeros(shape, dtype=np.float32)

    def stamp(self, branch: Branch) -> Stamp:
        """Draw one branch beside the grid, without changing it."""
        reach = branch.radius_mm.max() + 3 * self.spacing.max()
        box = self._box(branch.points_mm, reach)
        distance = np.full([s.stop - s.start for s in box], np.inf, dtype=np.float32)
        origin = np.array([s.start for s in box])
        for (p, q), (rp, rq) in zip(
            zip(branch.points_mm[:-1], branch.points_mm[1:], strict=True),
            zip(branch.radius_mm[:-1], branch.radius_mm[1:], strict=True),
            strict=True,
        ):
            near = self._box(np.stack([p, q]), max(rp, rq) + 3 * self.spacing.max())
            local = tuple(slice(s.start - o, s.stop - o) for s, o in zip(near, origin, strict=True))
            values = _capsule(near, self.spacing, p, q, rp, rq)
            np.minimum(distance[local], values, out=distance[local])
        voxels, radius = _digital_line(branch, self.spacing)
        inside = np.all((voxels >= 0) & (voxels < np.array(self.shape)), axis=1)
        return Stamp(box, distance, voxels[inside], radius[inside])

    def commit(self, stamp: Stamp, index: int) -> None:
        """Add a stamp to the grid as branch ``index``."""
        known = self.distance[stamp.box]
        closer = stamp.distance_mm < known
        self.owner[stamp.box][closer & (stamp.distance_mm <= 0)] = index + 1
        known[closer] = stamp.distance_mm[closer]
        at = tuple(stamp.voxels.T)
        self.centerline[at] = True
        self.radius[at] = np.maximum(self.radius[at], stamp.radius_mm)
        self.owner[at] = np.where(self.owner[at] == 0, index + 1, self.owner[at])

    def euler_change(self, stamps: list[Stamp]) -> tuple[int, int]:
        """Change of the Euler numbers of mask and centre line if the stamps were added.

        The Euler number is a sum over small neighbourhoods, so the box around the stamps is enough.
        """
        low = np.min([[s.start for s in stamp.box] for stamp in stamps], axis=0) - 1
        high = np.max([[s.stop for s in stamp.box] for stamp in stamps], axis=0) + 1
        low = np.maximum(low, 0)
        box = tuple(slice(a, b) for a, b in zip(low, np.minimum(high, self.shape), strict=True))
        mask, line = self.owner[box] > 0, self.centerline[box].copy()
        before = euler_number(mask), euler_number(line)
        for stamp in stamps:
            local = tuple(
                slice(s.start - a, s.stop - a) for s, a in zip(stamp.box, low, strict=True)
            )
            mask[local] |= stamp.distance_mm <= 0
            line[tuple((stamp.voxels - low).T)] = True
        mask |= line
        return euler_number(mask) - before[0], euler_number(line) - before[1]

    def _box(self, points: np.ndarray, reach: float) -> tuple[slice, ...]:
        low = np.floor((points.min(axis=0) - reach) / self.spacing).astype(int)
        high = np.ceil((points.max(axis=0) + reach) / self.spacing).astype(int) + 1
        return tuple(
            slice(min(max(a, 0), n), max(min(b, n), 0))
            for a, b, n in zip(low.tolist(), high.tolist(), self.shape, strict=True)
        )


@taking(mask=array)
def euler_number(mask: Bool[np.ndarray, "*s"]) -> int:
    """Euler number of the foreground, voxels taken as closed cells (26-, in 2-D 8-connected).

    The alternating sum of the numbers of voxels, faces, edges and corners, on any number of axes.

    Args:
        mask: foreground (*s).

    Example:
        >>> import numpy as np
        >>> from tubekit.phantoms import euler_number
        >>> ring = np.ones((3, 3), bool)
        >>> ring[1, 1] = False
        >>> euler_number(ring)
        0
    """

    def signed_cells(cells: np.ndarray, axis: int) -> int:
        if axis == cells.ndim:
            return int(np.count_nonzero(cells))
        size = cells.shape[axis]
        faces = cells.take(range(1, size), axis) | cells.take(range(size - 1), axis)
        return signed_cells(cells, axis + 1) - signed_cells(faces, axis + 1)

    return (-1) ** mask.ndim * signed_cells(np.pad(mask, 1), 0)


def _capsule(
    box: tuple[slice, ...],
    spacing: np.ndarray,
    p: np.ndarray,
    q: np.ndarray,
    rp: float,
    rq: float,
) -> np.ndarray:
    """Signed distance (mm) to a segment thickened by an interpolated radius, inside a box."""
    axes = np.ogrid[box]
    direction = q - p
    offsets = [a * h - o for a, h, o in zip(axes, spacing, p, strict=True)]
    squared = max(float(direction @ direction), 1e-12)
    along = sum(o * d for o, d in zip(offsets, direction, strict=True)) / squared
    along = np.clip(along, 0.0, 1.0)
    distance = np.sqrt(sum((o - along * d) ** 2 for o, d in zip(offsets, direction, strict=True)))
    return (distance - (rp + along * (rq - rp))).astype(np.float32)


def _digital_line(branch: Branch, spacing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Voxels and radii of a branch's course, thinned until no step can be left out."""
    course = branch.points_mm / spacing
    arc = np.r_[0.0, np.linalg.norm(np.diff(course, axis=0), axis=1).cumsum()]
    dense = np.linspace(0.0, arc[-1], max(int(np.ceil(arc[-1] * 4)), 1) + 1)
    points = np.stack([np.interp(dense, arc, column) for column in course.T], axis=1)
    voxels = np.rint(points).astype(int)
    voxels = voxels[np.r_[True, np.any(voxels[1:] != voxels[:-1], axis=1)]]
    path: list[int] = []
    steps = voxels.tolist()
    for i, step in enumerate(steps):
        # A corner voxel whose two neighbours already touch is not needed for connection.
        while len(path) > 1 and _touch(step, steps[path[-2]]):
            path.pop()
        path.append(i)
    voxels = voxels[path]
    squared = sum((v[:, None] - p) ** 2 for v, p in zip(voxels.T, points.T, strict=True))
    radius = np.interp(dense[squared.argmin(axis=1)], arc, branch.radius_mm)
    return voxels, radius.astype(np.float32)


def _touch(a: list[int], b: list[int]) -> bool:
    return all(abs(i - j) <= 1 for i, j in zip(a, b, strict=True))
