"""Batches of patches as a pure function of (seed, step)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64, Shaped
from torch import Tensor

from tubekit import _check
from tubekit._accept import Whole, per_axis, whole
from tubekit.data.normalisation import normalise
from tubekit.data.targets import (
    MAPS,
    OF_WHOLE_CASES,
    TargetMap,
    cached_target_map,
    target_map,
)
from tubekit.data.transforms import Geometry, random_geometry, random_intensity, take_patch
from tubekit.types import Case, Spacing


class _Prepared(NamedTuple):
    """A case ready for cutting: normalised, and padded to at least the size of a patch."""

    image: Float32[np.ndarray, "c *s"]
    label: Int64[np.ndarray, "*s"] | None
    valid: Bool[np.ndarray, "*s"]
    maps: dict[str, TargetMap]
    foreground: list[Int64[np.ndarray, " n"]]
    spacing: Spacing
    derived: int


class PatchSampler:
    """Random patches, some of them centred on foreground, with augmentation.

    ``batch(step)`` depends on the arguments, ``seed`` and ``step`` alone, so that a resumed run
    sees the data that an uninterrupted one would have seen, and batches can be made in any order.

    Args:
        cases: all with labels, or none where a training needs none; images are normalised once
            per case (``normalise``). Derived channels share the geometry of the others, but not
            their changes of intensity.
        patch_size: voxels, one number for all axes or one per axis. A smaller case is padded at
            its end; padding is not valid.
        batch_size: patches per batch.
        maps: names of maps that the loss needs: of ``Case.maps`` where every case has them, else
            target maps (``tubekit.data.targets.MAPS``), which are made from the label.
        foreground_fraction: probability that a patch is centred on a foreground voxel, as far as
            the case's border allows. The class is drawn first, so that rare classes are seen.
        augment: flips, quarter turns, small rotations and scalings, intensity changes.
        seed: of everything random.
        when: ``"patch"`` computes maps from the augmented patch, so that they see its borders;
            ``"case"`` computes them once per case (cached on disk) and cuts them out with nearest
            neighbour, so that they do not. Distances are then not rescaled with a scaled patch.
            ``confidence`` is always made per case.
        mirror_axes: axes that may be flipped or turned by 90 degrees; ``None`` means all, ``()``
            suits classes that know left from right.
    Raises:
        ValueError: no case, some cases with and some without label or map, sizes that do not fit,
            or an unknown option.

    Example:
        >>> import numpy as np
        >>> from tubekit.types import Case
        >>> case = Case("a", np.arange(64.0).reshape(1, 8, 8), np.eye(8, dtype=int), (1.0, 1.0))
        >>> batch = PatchSampler([case], 4, batch_size=2).batch(0)
        >>> {name: tuple(values.shape) for name, values in batch.items()}
        {'image': (2, 1, 4, 4), 'target': (2, 1, 4, 4), 'tube': (2, 1, 4, 4)}
    """

    def __init__(
        self,
        cases: Sequence[Case],
        patch_size: Whole | Sequence[Whole],
        batch_size: Whole,
        *,
        maps: Sequence[str] = ("tube",),
        foreground_fraction: int | float = 1 / 3,
        augment: bool = True,
        seed: Whole = 0,
        when: str = "patch",
        mirror_axes: Sequence[Whole] | None = None,
    ) -> None:
        _check.option("when", when, ("patch", "case"))
        if not cases:
            raise ValueError("expected at least one case to draw patches from, got none; load some")
        for name in maps:
            _check.option("target map", name, [*MAPS, *cases[0].maps])
        if not 0 <= foreground_fraction <= 1:
            raise ValueError(
                f"foreground_fraction must lie in [0, 1], got {foreground_fraction}; 1/3 is usual"
            )
        # One size for all axes takes their number from the cases; several are checked against it.
        ndim = len(patch_size) if isinstance(patch_size, Sequence) else cases[0].image.ndim - 1
        self.patch_size = per_axis("patch_size", patch_size, ndim)
        self.batch_size = whole("batch_size", batch_size)
        self.channels = cases[0].image.shape[0]
        self.maps = tuple(maps)
        self.foreground_fraction = foreground_fraction
        self.augment = augment
        self.seed = whole("seed", seed, at_least=0)
        self.when = when
        axes = range(ndim) if mirror_axes is None else mirror_axes
        self.mirror_axes = tuple(whole("mirror_axes", axis, 0) for axis in axes)
        if not set(self.mirror_axes) <= set(range(ndim)):
            raise ValueError(
                f"mirror_axes must lie in 0..{ndim - 1}, got {self.mirror_axes}; count spatial axes"
            )
        own = [name for name in self.maps if name in cases[0].maps]
        _check_alike(cases, ndim, own, labelled=len(own) < len(self.maps))
        made = [name for name in self.maps if name not in own]
        ahead = [name for name in made if when == "case" or name in OF_WHOLE_CASES]
        self._cases = [_prepare(case, self.patch_size, own, ahead) for case in cases]
        self._needs_valid = any(not case.valid.all() for case in self._cases)

    def batch(self, step: Whole) -> dict[str, Tensor]:
        """The batch of one step.

        Args:
            step: number of the step, from 0.
        Returns:
            ``image`` (b c *s) float32, ``target`` (b 1 *s) int64 where the cases have labels, one
            entry per map (b 1 *s), int64 or float32 for distances and confidence, and ``valid``
            (b 1 *s) bool where some case has a limited field of view or is padded.
        """
        step = whole("step", step, at_least=0)
        patches = [
            self._patch(np.random.default_rng((self.seed, step, i))) for i in range(self.batch_size)
        ]
        return {name: torch.from_numpy(np.stack([p[name] for p in patches])) for name in patches[0]}

    def _patch(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        case = self._cases[rng.integers(len(self._cases))]
        start = self._start(rng, case)
        geometry = Geometry()
        if self.augment:
            geometry = random_geometry(rng, self.patch_size, case.spacing, self.mirror_axes)

        def take(array: np.ndarray, *, interpolate: bool = False) -> np.ndarray:
            return take_patch(array, start, self.patch_size, geometry, interpolate=interpolate)

        image = take(case.image, interpolate=True)
        if self.augment:
            measured = len(image) - case.derived
            # Not into the patch, which may be the case itself where it covers whole axes.
            image = np.concatenate([random_intensity(rng, image[:measured]), image[measured:]])
        found = {"image": image}
        if case.label is not None:
            found["target"] = take(case.label[None])
        for name in self.maps:
            if name in case.maps:
                found[name] = take(case.maps[name][None])
            else:
                found[name] = target_map(name, found["target"][0], case.spacing)[None]
        if self._needs_valid:
            found["valid"] = take(case.valid[None])
        return found

    def _start(self, rng: np.random.Generator, case: _Prepared) -> tuple[int, ...]:
        """First voxel of a patch that lies inside the case."""
        shape = case.valid.shape
        free = [n - p for n, p in zip(shape, self.patch_size, strict=True)]
        if case.foreground and rng.random() < self.foreground_fraction:
            places = case.foreground[rng.integers(len(case.foreground))]
            centre = np.unravel_index(places[rng.integers(len(places))], shape)
            wanted = (int(c) - p // 2 for c, p in zip(centre, self.patch_size, strict=True))
            return tuple(min(max(w, 0), f) for w, f in zip(wanted, free, strict=True))
        return tuple(int(rng.integers(f + 1)) for f in free)


def _check_alike(cases: Sequence[Case], ndim: int, maps: Sequence[str], *, labelled: bool) -> None:
    """Cases of one training have the same axes, channels and maps.

    Args:
        cases: at least one.
        ndim: of the patches.
        maps: of ``Case.maps`` that all must have.
        labelled: every case must have a label; else all or none.
    """
    channels, derived = cases[0].image.shape[0], cases[0].derived
    if channels == derived:
        raise ValueError(
            f"case {cases[0].id}: expected an image, got {channels} channels of which {derived} "
            "are derived; render one where a data set has masks only"
        )
    labelled = labelled or any(case.label is not None for case in cases)
    for case in cases:
        if labelled and case.label is None:
            raise ValueError(
                f"case {case.id}: expected a label to train on, got none; leave it out"
            )
        if case.image.ndim != ndim + 1 or case.image.shape[0] != channels:
            raise ValueError(
                f"case {case.id}: expected {channels} channels and {ndim} spatial axes, got shape "
                f"{case.image.shape}; do not mix data sets, or correct patch_size"
            )
        if case.derived != derived:
            raise ValueError(
                f"case {case.id}: expected {derived} derived channels as in the first case, got "
                f"{case.derived}; compute the same maps for all"
            )
        if lacking := [name for name in maps if name not in case.maps]:
            raise ValueError(
                f"case {case.id}: expected the maps {', '.join(maps)}, got none called "
                f"{', '.join(lacking)}; make them for all cases"
            )


def _prepare(
    case: Case, patch_size: tuple[int, ...], own: Sequence[str], made: Sequence[str]
) -> _Prepared:
    shape = case.image.shape[1:]
    pad = [(0, max(0, p - n)) for n, p in zip(shape, patch_size, strict=True)]
    valid = np.ones(shape, bool) if case.valid is None else case.valid
    # The image first, which needs most room for a while.
    image = _padded(normalise(case), [(0, 0), *pad])
    maps = {name: _padded(_as_target(case.maps[name]), pad) for name in own}
    label, foreground = None, []
    if case.label is not None:
        label = _padded(case.label.astype(np.int64), pad)
        flat = label.ravel()
        foreground = [np.flatnonzero(flat == c) for c in np.unique(flat[flat > 0])]
        with _check.about(f"case {case.id}"):
            for name in made:
                values = cached_target_map(name, case.label, case.spacing)
                maps[name] = _padded(values, pad, OF_WHOLE_CASES.get(name, 0))
    return _Prepared(
        image=image,
        label=label,
        valid=_padded(valid, pad),
        maps=maps,
        foreground=foreground,
        spacing=case.spacing,
        derived=case.derived,
    )


def _as_target(values: np.ndarray) -> TargetMap:
    return values.astype(np.int64) if values.dtype.kind in "iu" else values


def _padded(
    array: Shaped[np.ndarray, "..."], pad: Sequence[tuple[int, int]], value: float = 0
) -> Shaped[np.ndarray, "..."]:
    """The array itself where there is nothing to add."""
    return np.pad(array, pad, constant_values=value) if np.any(pad) else array
