"""What networks return."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch.utils._pytree
from torch import Tensor


class SegOutput(tuple[Tensor, ...]):
    """What a network returns when it has more to say than its logits.

    The same in training and evaluation. As a tuple it is ``(logits, *deep)`` and nothing else, the
    form in which nnU-Net and MONAI hand on deep supervision, so MONAI's sliding window takes it.

    Args:
        logits: (b k *s); or all tensors of the tuple in one sequence, as ``tuple`` takes them, for
            programs that take a tuple apart and rebuild it.
        deep: auxiliary logits of deep supervision, fine to coarse, without ``logits`` themselves.
        maps: what else there is to see, by name; no part of the tuple.

    Example:
        >>> import torch
        >>> output = SegOutput(torch.zeros(1, 2, 8, 8), [torch.zeros(1, 2, 4, 4)])
        >>> [tuple(level.shape[2:]) for level in output], len(output.deep)
        ([(8, 8), (4, 4)], 1)
    """

    maps: Mapping[str, Tensor] | None = None

    def __new__(
        cls,
        logits: Tensor | Iterable[Tensor],
        deep: Iterable[Tensor] = (),
        maps: Mapping[str, Tensor] | None = None,
    ) -> "SegOutput":
        made = super().__new__(cls, (logits, *deep) if isinstance(logits, Tensor) else logits)
        if maps is not None:
            made.maps = maps
        return made

    @property
    def logits(self) -> Tensor:
        """The prediction, at full resolution."""
        return self[0]

    @property
    def deep(self) -> tuple[Tensor, ...]:
        """The other predictions, fine to coarse."""
        return tuple(self[1:])

    @classmethod
    def of(cls, output: object) -> "SegOutput":
        """What any network returns, in this form.

        Args:
            output: a tensor of logits; or a tuple or list of them, finest first, as networks of
                nnU-Net and MONAI return under deep supervision.
        Raises:
            ValueError: another kind of output, e.g. a dictionary.
        """
        if isinstance(output, SegOutput):
            return output
        levels = output if isinstance(output, (tuple, list)) else (output,)
        if not levels or not all(isinstance(level, Tensor) for level in levels):
            inside = ", ".join(map(str, output)) if isinstance(output, dict) else ""
            raise ValueError(
                "expected a network that returns logits, or a tuple or list of logits with the "
                f"finest first, got {type(output).__name__}{f' with {inside}' if inside else ''}; "
                "wrap it in a module that picks them"
            )
        return cls(levels)

    def __repr__(self) -> str:
        return f"SegOutput(logits={self.logits!r}, deep={self.deep!r}, maps={self.maps!r})"


def _joined(levels: Iterable[Tensor], maps: Any = None) -> SegOutput:
    return SegOutput(levels, maps=maps)


# Without this, torch.export and DDP take a class of their own for something without tensors.
torch.utils._pytree.register_pytree_node(
    SegOutput,
    lambda output: ([tuple(output)] + [output.maps] * (output.maps is not None), None),
    lambda parts, _: _joined(*parts),
    serialized_type_name="tubekit.types.SegOutput",
)
