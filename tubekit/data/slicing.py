"""Slices of volumes with their neighbours as channels, and two sources in one batch."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from tubekit._accept import Whole, per_axis, whole
from tubekit.data.cropping import box_around, cropped
from tubekit.data.sampling import PatchSampler
from tubekit.data.targets import OF_WHOLE_CASES, target_map
from tubekit.geometry.kernels.boxes import foreground_box
from tubekit.types import Case


def with_neighbours(
    image: Float32[np.ndarray, "c *s"], axis: int, neighbours: int
) -> Float32[np.ndarray, "n k *r"]:
    """Every slice of a volume, with those before and behind it as channels.

    Args:
        image: (c z y x), normalised: beyond the first and last slice lies 0, the mean.
        axis: across which it is cut; 0 is the first spatial one.
        neighbours: on each side, at least 0.
    Returns:
        (slices, (2 * neighbours + 1) * c, rest): all channels of the slice furthest before first.
    """
    slices = np.moveaxis(image, axis + 1, 0)
    padded = np.pad(slices, [(neighbours, neighbours), *[(0, 0)] * (slices.ndim - 1)])
    shifts = range(2 * neighbours + 1)
    return np.concatenate([padded[k : k + len(slices)] for k in shifts], axis=1)


@runtime_checkable
class Sampler(Protocol):
    """What gives batches: ``batch(step)`` is a pure function of (seed, step)."""

    channels: int

    def batch(self, step: Whole) -> dict[str, Tensor]: ...


class SliceSampler:
    """Batches for a 2-D network from volumes: a slice is an image, its neighbours are channels.

    Slices come from ``PatchSampler``, as patches one slice thick, or as thick as the neighbours
    ask for; so intensities are normalised per volume, and a small rotation tilts the slice.

    Args:
        cases: volumes with labels.
        axis: across which they are cut; 0, 1, 2 in array order.
        patch_size: pixels, one number or one per axis of a slice.
        batch_size: slices per batch.
        neighbours: slices on each side that are channels too, at least 0.
        box: margin in voxels around the label's foreground that volumes are cut to first, for a
            network that looks at an organ found before; ``None`` keeps the whole volume. Patches
            lie anywhere in the box, so a wide margin also teaches to bear with imperfect boxes.
        maps: as for ``PatchSampler``; target maps are made of the slice, which asks for one spacing
            of all cases. ``confidence`` is made of the case.
        foreground_fraction: probability that a patch is centred on a foreground voxel.
        augment: as for ``PatchSampler``.
        seed: of everything random.
        mirror_axes: axes of a slice that may be flipped, 0 or 1; ``None`` means both.
    Raises:
        ValueError: a case that is no volume, or without foreground where there is a box; or as
            ``PatchSampler``.

    Example:
        >>> import numpy as np
        >>> from tubekit.data import SliceSampler
        >>> from tubekit.types import Case
        >>> label = np.zeros((4, 8, 8), int)
        >>> label[1:3, 2:6, 2:6] = 1
        >>> case = Case("a", label[None] * 2.0, label, (1.0, 1.0, 1.0))
        >>> batch = SliceSampler([case], 0, 8, batch_size=2, neighbours=1, maps=()).batch(0)
        >>> {name: tuple(values.shape) for name, values in batch.items() if name != "valid"}
        {'image': (2, 3, 8, 8), 'target': (2, 1, 8, 8)}
    """

    def __init__(
        self,
        cases: Sequence[Case],
        axis: Whole,
        patch_size: Whole | Sequence[Whole],
        batch_size: Whole,
        *,
        neighbours: Whole = 0,
        box: Whole | None = None,
        maps: Sequence[str] = ("tube",),
        foreground_fraction: int | float = 1 / 3,
        augment: bool = True,
        seed: Whole = 0,
        mirror_axes: Sequence[Whole] | None = None,
    ) -> None:
        self.axis, self.neighbours = whole("axis", axis, 0), whole("neighbours", neighbours, 0)
        if self.axis > 2:
            raise ValueError(f"axis must be 0, 1 or 2 in array order, got {axis}; 0 is z")
        plane = [i for i in range(3) if i != self.axis]
        flips = (0, 1) if mirror_axes is None else mirror_axes
        size = list(per_axis("patch_size", patch_size, 2))
        size.insert(self.axis, 2 * self.neighbours + 1)
        margin = None if box is None else whole("box", box, 0)
        volumes = [_volume(case, self.axis, self.neighbours, margin) for case in cases]
        own = cases[0].maps if cases else {}
        self._of_slices = [n for n in maps if n not in own and n not in OF_WHOLE_CASES]
        spacings = {tuple(case.spacing[i] for i in plane) for case in cases}
        if self._of_slices and (len(spacings) > 1 or any(case.label is None for case in cases)):
            raise ValueError(
                f"expected labels and one spacing to make {', '.join(self._of_slices)} of slices, "
                f"got spacings {sorted(spacings)}; resample them, leave out what has no label"
            )
        self._spacing = next(iter(spacings), ())
        self._patches = PatchSampler(
            volumes,
            size,
            batch_size,
            maps=[name for name in maps if name not in self._of_slices],
            foreground_fraction=foreground_fraction,
            augment=augment,
            seed=seed,
            mirror_axes=[plane[whole("mirror_axes", i, 0)] for i in flips],
        )
        self.channels = self._patches.channels * (2 * self.neighbours + 1)

    def batch(self, step: Whole) -> dict[str, Tensor]:
        """The batch of one step, as of ``PatchSampler`` but without the axis.

        Args:
            step: number of the step, from 0.
        """
        found = self._patches.batch(step)
        image = found.pop("image").movedim(self.axis + 2, 1)  # (b k c *s)
        middle = {name: v.select(self.axis + 2, self.neighbours) for name, v in found.items()}
        for name in self._of_slices:
            labels = middle["target"][:, 0].numpy()
            made = [target_map(name, label, self._spacing)[None] for label in labels]
            middle[name] = torch.from_numpy(np.stack(made))
        return {"image": image.flatten(1, 2), **middle}


class Together:
    """Batches of several samplers as one: entries get the name of their sampler in front.

    Args:
        samplers: by name; ``""`` leaves the entries as they are. ``{"": volumes, "reference":
            masks}`` gives ``image``, ``target``, ``reference_image``, ``reference_target``.
    Raises:
        ValueError: no sampler.

    Example:
        >>> import numpy as np
        >>> from tubekit.data import PatchSampler, Together
        >>> from tubekit.types import Case
        >>> case = Case("a", np.arange(64.0).reshape(1, 8, 8), np.eye(8, dtype=int), (1.0, 1.0))
        >>> first, second = (PatchSampler([case], 4, 1, maps=(), seed=s) for s in (0, 1))
        >>> list(Together({"": first, "reference": second}).batch(0))
        ['image', 'target', 'reference_image', 'reference_target']
    """

    def __init__(self, samplers: Mapping[str, Sampler]) -> None:
        if not samplers:
            raise ValueError("expected at least one sampler, got none; the main one is called ''")
        self.samplers = dict(samplers)
        self.channels = next(iter(samplers.values())).channels

    def batch(self, step: Whole) -> dict[str, Tensor]:
        """The batches of one step.

        Args:
            step: number of the step, from 0.
        """
        return {
            f"{name}_{entry}" if name else entry: values
            for name, sampler in self.samplers.items()
            for entry, values in sampler.batch(step).items()
        }


def _volume(case: Case, axis: int, neighbours: int, margin: int | None) -> Case:
    """Cut to the box, with room for the neighbours of the first and last slice."""
    if case.image.ndim != 4:
        raise ValueError(
            f"case {case.id}: expected a volume to slice, got an image of shape "
            f"{case.image.shape}; take PatchSampler"
        )
    if margin is not None:
        tight = None if case.label is None else foreground_box(case.label > 0, 0)
        if tight is None:
            raise ValueError(
                f"case {case.id}: expected foreground to cut a box around, got none; leave it out"
            )
        case = cropped(case, box_around(tight, (margin,) * 3, case.image.shape[1:]))
    pad = [(neighbours, neighbours) if i == axis else (0, 0) for i in range(3)]
    valid = np.ones(case.image.shape[1:], bool) if case.valid is None else case.valid
    return dataclasses.replace(
        case,
        image=np.pad(case.image, [(0, 0), *pad]),
        label=None if case.label is None else np.pad(case.label, pad),
        valid=np.pad(valid, pad),
        affine=None,
        maps={name: np.pad(values, pad) for name, values in case.maps.items()},
    )
