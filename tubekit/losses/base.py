"""The contract of every loss: what goes in, what is checked, what reaches the equation."""

import math

import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor, nn

from tubekit import _check


class SegmentationLoss(nn.Module):
    """Turns logits and labels into probabilities and masks, then calls the equation.

    A loss defines ``from_probs``; one that needs logits (cross-entropy) defines ``from_logits``.
    Background is never a class of its own: one channel is the foreground of a sigmoid, several
    are a softmax whose channel 0 is dropped.

    Attributes:
        needs: names of the target maps that ``forward`` must get, e.g. ``("tube",)``.
    """

    needs: tuple[str, ...] = ()

    def __init__(self) -> None:
        # Without it the signature would be that of nn.Module and accept any name.
        super().__init__()

    def forward(
        self, logits: Tensor, target: Tensor, *, valid: Tensor | None = None, **maps: Tensor
    ) -> Float[Tensor, ""]:
        """Check the input, then compute the loss.

        Args:
            logits: (b c *s), floating point, any real value.
            target: (b 1 *s), integer classes, 0 = background.
            valid: (b 1 *s), bool: voxels outside it count as if they were not there; ``None``
                means all.
            **maps: exactly the names in ``needs``, (b k *s) each; integer maps hold classes.
        Returns:
            A scalar, float32 for half-precision logits.
        Raises:
            TypeError: a map is missing or unknown; the message names it.
            ValueError: shapes, types or labels do not fit, or a value is NaN.
        """
        check_batch(logits, target, with_valid(maps, valid), self.needs)
        # Sums over a million voxels need more than the three digits of bfloat16.
        wide = logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits
        return self.from_logits(wide, target, valid=valid, **maps)

    def from_logits(
        self,
        logits: Float[Tensor, "b c *s"],
        target: Integer[Tensor, "b 1 *s"],
        *,
        valid: Bool[Tensor, "b 1 *s"] | None = None,
        **maps: Tensor,
    ) -> Float[Tensor, ""]:
        """Activation, one-hot masks, and zeros outside ``valid``."""
        probs = foreground_probs(logits)
        masks = foreground_masks(target, probs)
        if valid is not None:
            probs, masks = probs * valid, masks * valid
            maps = {name: value * valid for name, value in maps.items()}
        return self.from_probs(probs, masks, **maps)

    def from_probs(
        self, probs: Float[Tensor, "b k *s"], masks: Float[Tensor, "b k *s"], **maps: Tensor
    ) -> Float[Tensor, ""]:
        """The equation, on foreground probabilities and one-hot foreground masks."""
        raise TypeError(
            f"{type(self).__name__} must define from_probs or from_logits; "
            "use one of the losses that tubekit.losses exports, or add the method"
        )


def foreground_probs(logits: Float[Tensor, "b c *s"]) -> Float[Tensor, "b k *s"]:
    """Sigmoid of one channel, or softmax of several without the background in channel 0."""
    return logits.sigmoid() if logits.shape[1] == 1 else logits.softmax(1)[:, 1:]


def foreground_masks(
    labels: Integer[Tensor, "b 1 *s"], probs: Float[Tensor, "b k *s"]
) -> Float[Tensor, "b k *s"]:
    """One-hot masks of the classes 1..k, in the type of ``probs``."""
    classes = torch.arange(1, probs.shape[1] + 1, device=labels.device)
    return (labels == classes.view(-1, *[1] * (labels.ndim - 2))).to(probs.dtype)


def with_valid(maps: dict[str, Tensor], valid: Tensor | None) -> dict[str, Tensor]:
    """All maps of a batch in one dictionary; without ``valid`` all voxels count."""
    return maps if valid is None else maps | {"valid": valid}


def check_batch(
    logits: object, target: Tensor, maps: dict[str, Tensor], needs: tuple[str, ...]
) -> None:
    """Raise one clear error for input that no equation can use."""
    if missing := [name for name in needs if name not in maps]:
        raise TypeError(
            f"this loss needs the target maps {', '.join(needs)}, got no {', '.join(missing)}; "
            "let the loader add what loss.needs lists"
        )
    if unknown := sorted(set(maps) - set(needs) - {"valid"}):
        raise TypeError(
            f"this loss takes the maps {', '.join((*needs, 'valid'))}, got {', '.join(unknown)}; "
            "pass only these, each under its own name"
        )
    if not isinstance(logits, Tensor) or not logits.is_floating_point():
        found = logits.dtype if isinstance(logits, Tensor) else type(logits).__name__
        raise ValueError(
            f"logits must be a floating-point tensor, got {found}; pass the network's raw output "
            "(of a SegOutput its .logits, or wrap the loss in DeepSupervision)"
        )
    if logits.ndim not in (4, 5) or logits.numel() == 0:
        raise ValueError(
            f"logits must have shape (b, c, y, x) or (b, c, z, y, x) without empty axes, got "
            f"{tuple(logits.shape)}; add the batch and channel axes"
        )
    grid = (logits.shape[0], 1, *logits.shape[2:])
    for name, value in {"target": target, **maps}.items():
        _check.tensor(name, value)
        # A map may hold one channel per class; labels and the valid mask have one.
        free = name not in ("target", "valid") and value.ndim == logits.ndim
        if tuple(value.shape) != (grid[0], value.shape[1] if free else 1, *grid[2:]):
            raise ValueError(
                f"{name} must have shape {grid} beside logits {tuple(logits.shape)}, got "
                f"{tuple(value.shape)}; keep one channel and the grid of the logits"
            )
        if name == "valid":
            if value.dtype != torch.bool:
                raise ValueError(f"valid must be bool, got {value.dtype}; compare it with 0 first")
        elif name == "target" or not value.is_floating_point():
            _check.integer_classes(name, value, max(2, logits.shape[1]))
        else:
            _check.finite(name, value)
    _check.finite("logits", logits)


def check_share(name: str, value: Tensor, remedy: str) -> None:
    """Raise ValueError unless a map is floating point in [0, 1] with one channel."""
    if not value.is_floating_point() or value.shape[1] != 1:
        raise ValueError(
            f"{name} must be floating point with one channel, got {value.dtype} with "
            f"{value.shape[1]} channels; {remedy}"
        )
    check_unit_interval(name, value, remedy)


def check_unit_interval(name: str, value: Tensor, remedy: str) -> None:
    """Raise ValueError unless all values lie in [0, 1]; NaN does not."""
    if value.numel() == 0:
        return
    low, high = value.detach().aminmax()
    if not (low >= 0 and high <= 1):
        raise ValueError(
            f"{name} must lie in [0, 1], got {low.item():g}..{high.item():g}; {remedy}"
        )


def positive_integer(**values: int) -> None:
    """Raise ValueError unless every value is an integer of at least 1."""
    for name, value in values.items():
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be an integer of at least 1, got {value}; raise it")


def nonnegative(**values: float) -> None:
    """Raise ValueError unless every value is finite and at least 0."""
    for name, value in values.items():
        if not math.isfinite(value) or value < 0:
            raise ValueError(
                f"{name} must be finite and at least 0, got {value}; choose such a number"
            )


def total(values: Float[Tensor, "b k *s"], batch: bool) -> Float[Tensor, "n k"]:
    """Sum over space; with ``batch`` over the samples too, leaving n = 1 row instead of b."""
    sums = values.flatten(2).sum(2)
    return sums.sum(0, keepdim=True) if batch else sums
