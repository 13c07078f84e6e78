"""The contract of every loss: its options, what goes in, and what reaches the equation."""

import inspect
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float, Num
from torch import Tensor, nn

from tubekit import _check
from tubekit._accept import Array, Whole
from tubekit.losses import checks
from tubekit.losses.batch import Batch, accepted
from tubekit.losses.classes import foreground_masks, foreground_probs, reduced

Logits = Float[Tensor, "b c *s"]
Labels = Num[Tensor, "b #c *s"]
"""Classes, or shares with a channel per class."""
Known = Bool[Tensor, "b 1 *s"] | None
"""Voxels that count; ``None`` means all."""
Probs = Float[Tensor, "b k *s"]
"""Of the classes that count: probabilities, or one-hot masks."""
Value = Float[Tensor, "..."]
"""A scalar, or as ``reduction`` asks."""
REDUCTIONS = ("mean", "sum", "none")
POOLS = ("sample", "batch")
"""Of losses with a choice: the mean of a ratio per sample, or a ratio of sums over the batch."""


class SegmentationLoss(nn.Module):
    """Turns logits and labels into probabilities and masks, then calls the equation.

    A loss defines ``from_probs``; one that needs logits (cross-entropy) defines ``from_logits``.
    One channel is the foreground of a sigmoid, several are a softmax whose channel 0 is the
    background and no class of its own.

    These options every loss takes beside its own; one that has no meaning for a loss is refused.

    Args:
        reduction: ``"mean"``; or ``"sum"`` or ``"none"`` of the terms: voxels of a cross-entropy,
            (b k) samples and classes of Dice and its kin, elsewhere (b) samples.
        include_background: also count channel 0 of a softmax as a class.
        weight: factor of each class, at least 0: one per channel, the background first (two for a
            single channel; with ``multi_label`` no background). Cross-entropies are divided by the
            sum of the weights of the voxels, as torch does for class indices, here for shares too;
            terms of the other losses are multiplied, as in MONAI.
        ignore_index: label of voxels that do not count, e.g. 255, or a class.
        multi_label: classes may overlap: every channel has a sigmoid and a mask of its own, and
            none is background.
        validate: check values, once a call; False saves the time. Shapes are always checked.
    Raises:
        ValueError: an option out of range, or one that the loss refuses.

    Attributes:
        needs: names of the target maps that ``forward`` must get, e.g. ``("tube",)``.
        optional: names of those that it may get.
        refuses: options that have no meaning for the loss, and why.
        reduces: True where the equation itself minds ``reduction``.
        pools: True where ``reduction`` may also be one of ``POOLS``.

    Example:
        >>> import torch
        >>> from tubekit.losses import SoftDiceLoss
        >>> target = torch.tensor([[[[0, 1], [255, 1]]]])
        >>> loss = SoftDiceLoss(ignore_index=255, reduction="none")
        >>> loss(torch.full((1, 1, 2, 2), -30.0), target).shape
        torch.Size([1, 1])
    """

    needs: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    refuses: ClassVar[dict[str, str]] = {}
    reduces: ClassVar[bool] = False
    pools: ClassVar[bool] = False

    def __init__(
        self,
        *,
        reduction: str = "mean",
        include_background: bool = False,
        weight: Sequence[float] | Array | None = None,
        ignore_index: Whole | None = None,
        multi_label: bool = False,
        validate: bool = True,
    ) -> None:
        super().__init__()
        _check.option("reduction", reduction, REDUCTIONS + (POOLS if self.pools else ()))
        self.reduction, self.include_background = reduction, include_background
        self.weight = None if weight is None else tuple(float(w) for w in weight)
        nonnegative(**{f"weight[{i}]": w for i, w in enumerate(self.weight or ())})
        self.ignore_index = None if ignore_index is None else operator.index(ignore_index)
        self.multi_label, self.validate = multi_label, validate
        if multi_label and self.ignore_index in (0, 1):
            raise ValueError(
                f"ignore_index must be no value of a mask, got {self.ignore_index} with "
                "multi_label; mark such voxels by another one, e.g. 255, or pass `valid`"
            )
        for name, reason in self.refuses.items():
            if (value := getattr(self, name)) != OPTIONS[name].default:
                raise ValueError(
                    f"{type(self).__name__} takes no {name}, got {value!r}: {reason}; leave it out"
                )

    def __init_subclass__(cls, **arguments: Any) -> None:
        """Show the options in the signature, so that help, ``Spec`` and ``repr`` know them."""
        super().__init_subclass__(**arguments)
        own = dict(list(inspect.signature(cls.__init__).parameters.items())[1:])
        if own.pop("options", None):
            own |= {name: p for name, p in OPTIONS.items() if name not in own}
        cls.__signature__ = inspect.Signature(list(own.values()))  # type: ignore[attr-defined]

    @property
    def pool(self) -> str:
        """Which of ``POOLS`` the reduction means."""
        return "batch" if self.reduction == "batch" else "sample"

    def extra_repr(self) -> str:
        """The loss's own settings, and the options that differ from their defaults."""
        shown = []
        for name in inspect.signature(type(self)).parameters:
            # What every module has under that name already, as "to", is kept with an underscore.
            key = name if name in vars(self) else f"{name}_"
            if key in vars(self):
                value = vars(self)[key]
                if name not in OPTIONS or value != OPTIONS[name].default:
                    shown.append(f"{name}={value!r}")
        return ", ".join(shown)

    def forward(
        self, logits: Tensor, target: Tensor, *, valid: Tensor | None = None, **maps: Any
    ) -> Value:
        """Check the input, then compute the loss.

        Args:
            logits: (b c *s), floating point, any value; NaN and infinity make the loss so.
            target: (b 1 *s), classes of any numeric type, 0 = background; or (b c *s), one-hot or
                shares that sum to 1; with ``multi_label`` (b c *s) masks. One channel of logits
                also takes shares (b 1 *s) in [0, 1].
            valid: (b 1 *s), bool: voxels outside it count as if they were not there; ``None``
                means all.
            **maps: the names in ``needs``, (b k *s) each; integer maps hold classes. And those
                of ``optional``: ``spacing``, (b axes) millimetres or one row for all.
        Returns:
            A scalar, or as ``reduction`` asks; float32 for half-precision logits.
        Raises:
            TypeError: a map is missing or unknown; the message names it.
            ValueError: shapes, types or labels do not fit, or a value of a map is NaN.
        """
        return self.of_batch(self.accept(logits, target, valid=valid, **maps))

    def accept(
        self, logits: Any, target: Any, *, valid: Any = None, known: bool = False, **maps: Any
    ) -> Batch:
        """Bring the arguments of ``forward`` into one form, and check values unless ``known``."""
        own = ("needs", "optional", "ignore_index", "multi_label")
        options: dict[str, Any] = {name: getattr(self, name) for name in own}
        options["validate"] = self.validate and not known
        return accepted(logits, target, valid, maps, **options)

    def of_batch(self, batch: Batch) -> Value:
        """The loss of an accepted batch."""
        if self.reduces or self.reduction == "mean":
            logits, target, valid, maps = batch
            return self.from_logits(logits, target, valid=valid, **maps)
        alone = self.of_samples(batch)
        return alone if self.reduction == "none" else alone.sum()

    def of_samples(self, batch: Batch) -> Float[Tensor, " b"]:
        """The loss of every sample alone."""
        return torch.stack(
            [self.from_logits(x, y, valid=valid, **maps) for x, y, valid, maps in batch.samples()]
        )

    def from_logits(
        self, logits: Logits, target: Labels, *, valid: Known = None, **maps: Tensor
    ) -> Value:
        """Activation, one-hot masks, and zeros outside ``valid``."""
        probs = self.probs(logits)
        masks = self.masks(target, probs)
        if valid is not None:
            probs, masks = probs * valid, masks * valid
            maps = {name: value * valid for name, value in maps.items()}
        return self.from_probs(probs, masks, **maps)

    def from_probs(self, probs: Probs, masks: Probs, **maps: Tensor) -> Value:
        """The equation, on foreground probabilities and one-hot foreground masks."""
        raise TypeError(
            f"{type(self).__name__} must define from_probs or from_logits; "
            "use one of the losses that tubekit.losses exports, or add the method"
        )

    def probs(self, logits: Logits) -> Float[Tensor, "b k *s"]:
        """Probabilities of the classes that count."""
        checks.weight(self.weight, logits.shape[1], self.multi_label)
        if self.multi_label:
            return logits.sigmoid()
        if self.include_background and logits.shape[1] > 1:
            return logits.softmax(1)
        return foreground_probs(logits)

    def masks(self, target: Labels, probs: Probs) -> Float[Tensor, "b k *s"]:
        """Masks of the classes that count, from classes or shares."""
        if target.is_floating_point():
            return target[:, target.shape[1] - probs.shape[1] :]
        background = self.include_background and probs.shape[1] > 1
        return foreground_masks(target + 1 if background else target, probs)

    def reduce(
        self,
        scores: Float[Tensor, "n *k"],
        cost: Callable[[Tensor], Tensor],
        counted: Bool[Tensor, "n *k"] | None = None,
    ) -> Value:
        """See ``reduced``, with the options of the loss."""
        return reduced(scores, cost, counted, reduction=self.reduction, weight=self.weight)


OPTIONS = dict(list(inspect.signature(SegmentationLoss.__init__).parameters.items())[1:])
"""The options of every loss, by name."""


def positive(**values: float) -> None:
    """Raise ValueError unless every value is finite and above 0."""
    for name, value in values.items():
        if not 0 < value < math.inf:
            raise ValueError(f"{name} must be finite and above 0, got {value}; raise it")


def nonnegative(**values: float) -> None:
    """Raise ValueError unless every value is finite and at least 0."""
    for name, value in values.items():
        if not 0 <= value < math.inf:
            raise ValueError(
                f"{name} must be finite and at least 0, got {value}; choose such a number"
            )
