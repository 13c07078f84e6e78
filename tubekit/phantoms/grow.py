"""Growing vessel trees by a documented rule."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from tubekit import _check
from tubekit._accept import array, numbers, taking
from tubekit.phantoms.course import bent_course, lateral, unit
from tubekit.phantoms.raster import Canvas, Stamp
from tubekit.phantoms.rule import GrowthRule, Root, murray_angles, murray_radii
from tubekit.phantoms.tree import Branch, Tree

_TRIES = 32


@taking(numbers, domain=array)
def grow_tree(
    size: Sequence[int],
    *,
    seed: int | np.random.Generator,
    roots: Sequence[Root],
    rule: GrowthRule | None = None,
    spacing: Sequence[float] | None = None,
    classes: int = 1,
    loops: int = 0,
    domain: Bool[np.ndarray, "*s"] | None = None,
) -> Tree:
    """Grow a tree whose rasterised mask and centre line have exactly the topology it states.

    Args:
        size: voxels per axis, (y, x) or (z, y, x).
        seed: seed or generator; the same seed gives the same tree.
        roots: starting points; roots with equal ``start_mm`` are joined there.
        rule: growth rule; the default is ``GrowthRule()``.
        spacing: millimetres per voxel in array order; ``None`` means 1.
        classes: number of labels. The first ``classes`` branches open one class each, every later
            branch takes its parent's.
        loops: number of anastomoses added between tips; each adds one to the first Betti number.
        domain: True where centre lines may run; ``None`` means the whole box.
    Returns:
        The tree; ``Tree.betti`` holds for ``rasterise(tree)``.
    Raises:
        ValueError: a root does not fit, or there is no room for the wanted loops or classes.

    Example:
        >>> from tubekit.phantoms import GrowthRule, Root, grow_tree
        >>> root = Root(start_mm=(4.0, 16.0), direction=(1.0, 0.0), radius_mm=2.0)
        >>> tree = grow_tree((32, 32), seed=1, roots=[root], rule=GrowthRule(generations=2))
        >>> tree.betti
        (1, 0)
    """
    grower = _Grower(tuple(size), seed, rule or GrowthRule(), spacing, domain)
    for root in roots:
        grower.plant(root)
    grower.fork_all()
    for placed in range(loops):
        if not grower.add_loop():
            raise ValueError(
                f"expected room for {loops} loops, got {placed}; "
                "use more generations, a larger size or another seed"
            )
    branches = grower.branches
    if len(branches) < classes:
        raise ValueError(
            f"expected at least {classes} branches for {classes} classes, got {len(branches)}; "
            "use more generations, a larger size or another seed"
        )
    labels: list[int] = []
    for i, branch in enumerate(branches):
        labels.append(i + 1 if i < classes else labels[max(branch.parent, 0)])
    branches = [dataclasses.replace(b, label=n) for b, n in zip(branches, labels, strict=True)]
    return Tree(tuple(branches), grower.shape, grower.spacing)


class _Grower:
    def __init__(
        self,
        shape: tuple[int, ...],
        seed: int | np.random.Generator,
        rule: GrowthRule,
        spacing: Sequence[float] | None,
        domain: np.ndarray | None,
    ) -> None:
        self.shape, self.rule = shape, rule
        self.spacing = _check.spacing(spacing, len(shape))
        self.voxel = max(self.spacing)
        # Two voxels of separate branches never touch, not even by a corner.
        self.gap = (np.sqrt(len(shape)) + 0.5) * self.voxel
        self.rng = np.random.default_rng(seed)
        self.canvas, self.domain = Canvas(shape, self.spacing), domain
        self.branches: list[Branch] = []
        self.pulls: list[np.ndarray] = []
        self.starts: dict[tuple[float, ...], int] = {}
        self.nodes = 0

    def plant(self, root: Root) -> None:
        direction = unit(np.array(root.direction, dtype=float))
        pull = np.array(root.pull or (0.0,) * len(self.shape))
        joined = root.start_mm in self.starts
        node = self.starts.setdefault(root.start_mm, self.nodes)
        self.nodes += not joined
        for _ in range(_TRIES):
            points = self._course(np.array(root.start_mm, float), direction, root.radius_mm, pull)
            new = self._branch(points, root.radius_mm, node, -1)
            stamps = self._fits([new], change=0 if joined else 1)
            if stamps:
                self._add([new], [pull], stamps)
                return
        raise ValueError(
            f"expected a root that fits into the box {self.shape}, got start {root.start_mm} with "
            f"radius {root.radius_mm} mm; move it inwards, make it thinner or enlarge the box"
        )

    def fork_all(self) -> None:
        index = 0
        while index < len(self.branches):  # breadth first: the list grows while it is read
            generation = self.branches[index].generation
            wanted = generation == 0 or self.rng.random() < self.rule.branching
            if wanted and generation + 1 < self.rule.generations:
                self._fork(index)
            index += 1

    def _fork(self, index: int) -> None:
        parent, pull = self.branches[index], self.pulls[index]
        radius, end = float(parent.radius_mm[-1]), parent.points_mm[-1]
        forward = unit(end - parent.points_mm[-2])
        for attempt in range(_TRIES):
            first, second = murray_radii(
                radius, self.rng.uniform(*self.rule.asymmetry), self.rule.exponent
            )
            if second < self.rule.min_radius_mm:
                first, second = murray_radii(radius, 1.0, self.rule.exponent)
            if second < self.rule.min_radius_mm * (1 - 1e-9):
                return
            side = unit(lateral(forward) @ self.rng.normal(size=len(self.shape) - 1))
            children = []
            for r, angle, sign, drift in zip(
                (first, second),
                murray_angles(radius, first, second),
                (1.0, -1.0),
                (pull, np.zeros_like(pull)),
                strict=True,
            ):
                leave = np.cos(angle) * forward + sign * np.sin(angle) * side
                shrink = 0.97**attempt  # a shorter branch is easier to place
                points = self._course(end, leave, r, drift, shrink)
                children.append(self._branch(points, r, parent.nodes[1], index))
            stamps = self._fits(children, change=0)
            if stamps:
                self._add(children, [pull, np.zeros_like(pull)], stamps)
                return

    def add_loop(self) -> bool:
        """Join two free tips by a bent tube."""
        ends = [node for branch in self.branches for node in branch.nodes]
        tips = [i for i, b in enumerate(self.branches) if ends.count(b.nodes[1]) == 1]
        pairs = [(a, b) for n, a in enumerate(tips) for b in tips[n + 1 :]]
        at = {i: self.branches[i].points_mm[-1] for i in tips}
        pairs.sort(key=lambda ab: float(np.linalg.norm(at[ab[0]] - at[ab[1]])))
        for a, b in pairs:
            radius = min(float(self.branches[i].radius_mm[-1]) for i in (a, b))
            across = at[b] - at[a]
            length = float(np.linalg.norm(across))
            if length < 3 * (2 * radius + self.gap):
                continue
            for _ in range(4):
                bow = lateral(across / length) @ self.rng.normal(size=len(self.shape) - 1)
                t = np.linspace(0, 1, int(np.ceil(length / self._step(radius))) + 1)[:, None]
                points = at[a] + t * across + 0.2 * length * np.sin(np.pi * t) * bow
                nodes = (self.branches[a].nodes[1], self.branches[b].nodes[1])
                new = dataclasses.replace(self._branch(points, radius, nodes[0], a), nodes=nodes)
                stamps = self._fits([new], change=-1)
                if stamps:
                    self._add([new], [np.zeros(len(self.shape))], stamps)
                    return True
        return False

    def _step(self, radius: float) -> float:
        return max(1.5 * min(self.spacing), radius / 2)

    def _clearance(self, radius: float, other: float | np.ndarray) -> float | np.ndarray:
        """Length after which two branches from one node must have parted."""
        return 1.3 * (radius + other + self.gap)

    def _course(
        self,
        start: np.ndarray,
        direction: np.ndarray,
        radius: float,
        pull: np.ndarray,
        shrink: float = 1.0,
    ) -> Float[np.ndarray, "n d"]:
        rule = self.rule
        length = shrink * rule.length_ratio * radius * np.exp(0.2 * self.rng.normal())
        length = max(length, 1.4 * self._clearance(radius, 1.3 * radius))
        steps = max(int(np.ceil(length / self._step(radius))), 2)
        return bent_course(start, direction, length, steps, rule.tortuosity, pull, self.rng)

    def _branch(self, points: np.ndarray, radius: float, node: int, parent: int) -> Branch:
        generation = 0 if parent < 0 else self.branches[parent].generation + 1
        return Branch(points, np.full(len(points), radius), (node, -1), parent, generation)

    def _add(self, new: list[Branch], pulls: list[np.ndarray], stamps: list[Stamp]) -> None:
        for branch, pull, stamp in zip(new, pulls, stamps, strict=True):
            if branch.nodes[1] < 0:
                branch = dataclasses.replace(branch, nodes=(branch.nodes[0], self.nodes))
                self.nodes += 1
            self.canvas.commit(stamp, len(self.branches))
            self.branches.append(branch)
            self.pulls.append(pull)

    def _fits(self, new: list[Branch], change: int) -> list[Stamp] | None:
        """The stamps of new branches that have room and change the topology as intended."""
        if not all(self._inside(branch) for branch in new):
            return None
        for i, branch in enumerate(new):
            if not self._apart(branch, [*self.branches, *new[:i]]):
                return None
        stamps = [self.canvas.stamp(branch) for branch in new]
        return stamps if self.canvas.euler_change(stamps) == (change, change) else None

    def _inside(self, branch: Branch) -> bool:
        margin = (branch.radius_mm.max() + self.voxel) / np.array(self.spacing)
        voxels = branch.points_mm / np.array(self.spacing)
        if np.any(voxels < margin) or np.any(voxels > np.array(self.shape) - 1 - margin):
            return False
        return self.domain is None or bool(self.domain[tuple(np.rint(voxels).astype(int).T)].all())

    def _apart(self, new: Branch, old: list[Branch]) -> bool:
        """Whether a gap stays to all other branches, except next to a shared node."""
        if not old:
            return True
        points = np.concatenate([branch.points_mm for branch in old])
        other = np.concatenate([branch.radius_mm for branch in old])
        radius = float(new.radius_mm[0])
        squared = sum((a[:, None] - b) ** 2 for a, b in zip(new.points_mm.T, points.T, strict=True))
        close = squared < (radius + other + self.gap) ** 2
        for node, point in zip(new.nodes, (new.points_mm[0], new.points_mm[-1]), strict=True):
            if node < 0 or not close.any():
                continue
            # There the two must touch; the Euler number watches them instead.
            met = np.repeat([node in b.nodes for b in old], [len(b.points_mm) for b in old])
            reach = self._clearance(radius, other)
            here = np.linalg.norm(new.points_mm - point, axis=1)[:, None] < reach
            there = np.linalg.norm(points - point, axis=1) < reach
            close &= ~(here & there & met)
        return not close.any()
