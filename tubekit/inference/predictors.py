"""Predictors: from a case to class probabilities on its grid. They nest."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float32, Integer
from torch import nn

from tubekit import _check
from tubekit._accept import Whole, per_axis, taking_numbers, whole
from tubekit.data import normalise
from tubekit.data.cropping import box_around, cropped
from tubekit.data.slicing import with_neighbours
from tubekit.geometry.kernels.boxes import foreground_box
from tubekit.inference.sliding_window import label_of, predict_probs, probs_of
from tubekit.types import Case

_AT_ONCE = 4  # slices in memory
Probs = Float32[np.ndarray, "k *s"]
Predictor = Callable[[Case], Probs]
"""Probabilities in [0, 1]; k = 1 is the foreground alone, more are all classes, which sum to 1."""


@taking_numbers
@dataclasses.dataclass
class Windows:
    """Overlapping windows over the normalised image, see ``predict_probs``.

    Attributes:
        network: as for ``predict_probs``.
        patch_size: window in voxels.
        overlap: share of a window that the next one repeats.
        device: ``None`` means where the network is.

    Example:
        >>> import numpy as np
        >>> from tubekit.inference import Windows
        >>> from tubekit.networks import UNet
        >>> from tubekit.types import Case
        >>> case = Case("a", np.zeros((1, 20, 24)), None, (1.0, 1.0))
        >>> Windows(UNet(2, 1, 2, features=(4, 8)), 16)(case).shape
        (2, 20, 24)
    """

    network: nn.Module
    patch_size: int | Sequence[int]
    overlap: float = 0.5
    device: str | None = None

    def __call__(self, case: Case) -> Probs:
        return predict_probs(
            self.network,
            normalise(case),
            patch_size=self.patch_size,
            overlap=self.overlap,
            device=self.device,
        )


@taking_numbers
@dataclasses.dataclass
class Slices:
    """A 2-D network on every slice of a volume, as ``SliceSampler`` shows them.

    Attributes:
        network: 2-D.
        patch_size: window in pixels.
        axis: across which the volume is cut; 0, 1, 2 in array order.
        neighbours: slices on each side that are channels too.
        overlap: share of a window that the next one repeats.
        device: ``None`` means where the network is.

    Example:
        >>> import numpy as np
        >>> from tubekit.inference import Slices
        >>> from tubekit.networks import UNet
        >>> from tubekit.types import Case
        >>> case = Case("a", np.zeros((1, 5, 16, 16)), None, (1.0, 1.0, 1.0))
        >>> Slices(UNet(2, 3, 2, features=(4, 8)), 16, axis=2, neighbours=1)(case).shape
        (2, 5, 16, 16)
    """

    network: nn.Module
    patch_size: int | Sequence[int]
    axis: int = 0
    neighbours: int = 0
    overlap: float = 0.5
    device: str | None = None

    def __call__(self, case: Case) -> Probs:
        _check.dimensions("image", case.image, (4,))
        axis = self.axis
        if axis not in (0, 1, 2):
            raise ValueError(f"axis must be 0, 1 or 2 in array order, got {axis}; 0 is z")
        slices = with_neighbours(normalise(case), axis, whole("neighbours", self.neighbours, 0))
        size, overlap, device = self.patch_size, self.overlap, self.device
        parts = [slices[i : i + _AT_ONCE] for i in range(0, len(slices), _AT_ONCE)]
        probs = np.concatenate(
            [probs_of(self.network, part, size, overlap, device=device) for part in parts]
        )
        return np.ascontiguousarray(np.moveaxis(probs, 0, axis + 1))


@dataclasses.dataclass
class Views:
    """Several predictors of one case, e.g. from three sides, as one.

    Attributes:
        predictors: at least one, with equally many classes.
        rule: ``"mean"`` of the probabilities, or ``"majority"``: the share of votes for a class.
    Raises:
        ValueError: no predictor, or an unknown rule.

    Example:
        After the example of ``Slices``:

        >>> from tubekit.inference import Views
        >>> network = UNet(2, 1, 2, features=(4, 8))
        >>> sides = [Slices(network, (4, 8), axis=axis) for axis in range(3)]
        >>> Views(sides, "majority")(case).sum(axis=0).min()
        np.float32(1.0)
    """

    predictors: Sequence[Predictor]
    rule: str = "mean"

    def __post_init__(self) -> None:
        _check.option("rule", self.rule, ("mean", "majority"))
        if not self.predictors:
            raise ValueError("expected at least one predictor, got none; one per side is usual")

    def __call__(self, case: Case) -> Probs:
        total: Probs | None = None
        for predictor in self.predictors:
            probs = predictor(case)
            if self.rule == "majority":
                probs = one_hot(label_of(probs), len(probs))
            total = probs if total is None else total + probs
        return np.asarray(total) / np.float32(len(self.predictors))


@dataclasses.dataclass
class CoarseToFine:
    """Find an organ in the whole image, then look again and again at the box around it.

    Each round cuts the case to the box of the last answer and lets the fine predictor segment it,
    until two answers in a row agree. Outside the box all is background.

    Attributes:
        coarse: on the whole case.
        fine: on the box.
        margin: voxels around the box, one number or one per axis.
        tolerance: Dice score between two answers in a row that ends the rounds, in (0, 1].
        rounds: at most so many, at least 1.
        report: gets the Dice scores of the rounds; none where the first answer has no foreground.
    Raises:
        ValueError: an argument out of range.

    Example:
        >>> import numpy as np
        >>> from tubekit.inference import CoarseToFine
        >>> from tubekit.types import Case
        >>> image = np.zeros((1, 20, 20))
        >>> image[0, 5:9, 5:9] = 1
        >>> bright = lambda case: (case.image > 0.5).astype(np.float32)
        >>> case = Case("a", image, None, (1.0, 1.0))
        >>> CoarseToFine(bright, bright, margin=2, report=print)(case).sum()
        [1.0]
        np.float32(16.0)

    Reference: Zhou et al., MICCAI 2017 (the fixed point of a coarse and a fine network).
    """

    coarse: Predictor
    fine: Predictor
    margin: Whole | Sequence[Whole] = 8
    tolerance: float = 0.99
    rounds: Whole = 10
    report: Callable[[list[float]], None] | None = None

    def __post_init__(self) -> None:
        whole("rounds", self.rounds)
        if not 0 < self.tolerance <= 1:
            raise ValueError(f"tolerance must lie in (0, 1], got {self.tolerance}; 0.99 is usual")

    def __call__(self, case: Case) -> Probs:
        probs = self.coarse(case)
        label = label_of(probs)
        agreed: list[float] = []
        for _ in range(whole("rounds", self.rounds)):
            tight = foreground_box(label > 0, 0)
            if tight is None:
                break
            margin = per_axis("margin", self.margin, label.ndim, 0)
            box = box_around(tight, margin, label.shape)
            found = self.fine(cropped(case, box))
            probs = np.zeros((len(found), *label.shape), np.float32)
            if len(found) > 1:
                probs[0] = 1.0
            probs[(slice(None), *box)] = found
            before, label = label, label_of(probs)
            agreed.append(_overlap(before, label))
            if agreed[-1] >= self.tolerance:
                break
        if self.report is not None:
            self.report(agreed)
        return probs


def one_hot(label: Integer[np.ndarray, "*s"], channels: int) -> Probs:
    """A label map as probabilities of 0 and 1; one channel is the foreground."""
    if channels == 1:
        return label[None].astype(np.float32)
    return (label[None] == np.arange(channels).reshape(-1, *[1] * label.ndim)).astype(np.float32)


def _overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Dice score over all foreground classes, voxels of equal class counted; 1 for two empty."""
    both = int(((first == second) & (first > 0)).sum())
    sizes = int((first > 0).sum() + (second > 0).sum())
    return 2 * both / sizes if sizes else 1.0
