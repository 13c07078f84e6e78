"""A sum of named losses, each with a weight that may change and an output that it looks at."""

import dataclasses
from collections.abc import Callable

from torch import Tensor, nn

from tubekit._accept import numbers, taking
from tubekit.losses import DeepSupervision
from tubekit.training.mixing import MIX_MAPS, mix_maps
from tubekit.training.update import Batch, Progress
from tubekit.types import SegOutput

Curve = Callable[[Progress], float]
RESERVED = ("step", "loss", "lr", "validation")
"""Columns of a history: ``loss`` is the sum of several terms, or the only one."""


@dataclasses.dataclass(frozen=True)
class Term:
    """One loss of an objective.

    Attributes:
        name: under which it is recorded.
        loss: called as ``loss(output, target, **maps)``; its ``needs`` name the maps.
        weight: a factor, or what gives one for a ``Progress``, e.g. ``ramp`` or ``switch``. At
            weight 0 the loss is not computed.
        of: what the loss sees of the network's output: ``"logits"``, ``"deep"`` for all levels,
            or the name of one of ``SegOutput.maps``.
        target: entry of the batch that it is compared with.

    Example:
        >>> from tubekit.losses import SoftDiceLoss
        >>> from tubekit.training import Term, ramp
        >>> Term("edge", SoftDiceLoss(), weight=ramp(0, 1, 0.1, 0.5), of="edge").target
        'target'
    """

    name: str
    loss: nn.Module
    weight: float | Curve = 1.0
    of: str = "logits"
    target: str = "target"


class Objective(nn.Module):
    """Named terms, whose sum is the loss.

    Args:
        *terms: with different names.
    Raises:
        ValueError: two terms of one name, a reserved name, or no term.

    Example:
        >>> import torch
        >>> from tubekit.losses import CrossEntropyLoss, SoftDiceLoss
        >>> from tubekit.training import Objective, Progress, Term, switch
        >>> sum_of_two = Objective(
        ...     Term("ce", CrossEntropyLoss()), Term("dice", SoftDiceLoss(), weight=switch(0.5))
        ... )
        >>> batch = {"image": torch.zeros(1, 1, 4, 4), "target": torch.ones(1, 1, 4, 4).long()}
        >>> found = sum_of_two(torch.zeros(1, 1, 4, 4), batch, Progress(step=10, steps=100))
        >>> {name: round(value.item(), 3) for name, value in found.items()}
        {'ce': 0.693}
    """

    def __init__(self, *terms: Term) -> None:
        super().__init__()
        names = [term.name for term in terms]
        if taken := [n for n in names if n in RESERVED and (n != "loss" or len(names) > 1)]:
            raise ValueError(
                f"expected names other than {', '.join(RESERVED)}, which the history keeps, "
                f"got {', '.join(taken)}; rename the term"
            )
        if not names or len(set(names)) < len(names):
            raise ValueError(f"expected terms of different names, got {names}; rename or add one")
        self.terms = terms
        self.losses = nn.ModuleList(term.loss for term in terms)

    @property
    def needs(self) -> tuple[str, ...]:
        """Maps that a batch must hold beside ``target`` for all terms together, each once."""
        asked = [name for loss in self.losses for name in getattr(loss, "needs", ())]
        asked += [term.target for term in self.terms]
        made = (*MIX_MAPS, "target")
        return tuple(dict.fromkeys(name for name in asked if name not in made))

    def forward(
        self,
        output: object,
        batch: Batch,
        at: Progress,
        again: Callable[[Tensor], object] | None = None,
    ) -> dict[str, Tensor]:
        """Every term that is switched on, times its weight.

        Args:
            output: of the network, as ``SegOutput.of`` takes it.
            batch: with the targets and maps; ``valid`` goes to every loss where it is there.
            at: gives the weights.
            again: the network, for a second pass on other images, which mixing asks for.
        Raises:
            ValueError: a target, map or output that is not there; as the losses and ``mix_maps``.
        """
        levels = SegOutput.of(output)
        mixed: dict[str, Tensor] = {}
        found = {}
        for term in self.terms:
            weight = term.weight(at) if callable(term.weight) else term.weight
            if weight == 0:
                continue
            needs = getattr(term.loss, "needs", ())
            if again is not None and not mixed and not set(MIX_MAPS).isdisjoint(needs):
                mixed = mix_maps(again, batch["image"], at.seed, at.batch)
            maps = {**batch, **mixed}
            if missing := [name for name in (term.target, *needs) if name not in maps]:
                raise ValueError(
                    f"{type(term.loss).__name__} needs {', '.join((term.target, *needs))}, got a "
                    f"batch with {', '.join(batch)}; let the sampler add {', '.join(missing)}"
                )
            names = (*needs, *(("valid",) if "valid" in batch else ()))
            seen = _seen(levels, term.of)
            value = term.loss(seen, maps[term.target], **{name: maps[name] for name in names})
            found[term.name] = value if weight == 1 else weight * value
        if not found:
            raise ValueError(
                f"step {at.step}: expected a term with a weight, got 0 for all of them"
            )
        return found


def as_objective(loss: nn.Module, name: str = "loss") -> Objective:
    """A loss as the only term; deep supervision sees all levels of the output."""
    if isinstance(loss, Objective):
        return loss
    of = "deep" if isinstance(loss, DeepSupervision) else "logits"
    return Objective(Term(name, loss, of=of))


@taking(numbers)
def ramp(first: float, last: float, start: float, stop: float) -> Curve:
    """A weight that goes from ``first`` to ``last`` in a straight line.

    Args:
        first: value up to ``start``.
        last: value from ``stop`` on.
        start: share of the training, in [0, 1].
        stop: share of the training, above ``start``.
    Raises:
        ValueError: not 0 <= start < stop <= 1.

    Example:
        >>> from tubekit.training import Progress, ramp
        >>> [ramp(0, 2, 0.2, 0.6)(Progress(step, 10)) for step in (0, 2, 4, 6, 9)]
        [0.0, 0.0, 1.0, 2.0, 2.0]
    """
    if not 0 <= start < stop <= 1:
        raise ValueError(
            f"expected 0 <= start < stop <= 1 as shares of the training, got {start} and {stop}; "
            "divide steps by the length of the training"
        )

    def weight(at: Progress) -> float:
        done = min(max((at.share - start) / (stop - start), 0.0), 1.0)
        return first + (last - first) * round(done, 12)

    return weight


@taking(numbers)
def switch(at: float) -> Curve:
    """Weight 0 before the share ``at`` of the training, and 1 from there on.

    Args:
        at: in [0, 1].
    Raises:
        ValueError: outside [0, 1].

    Example:
        >>> from tubekit.training import Progress, switch
        >>> [switch(0.5)(Progress(step, 10)) for step in (4, 5)]
        [0.0, 1.0]
    """
    if not 0 <= at <= 1:
        raise ValueError(
            f"expected a share of the training in [0, 1], got {at}; divide the step by the length"
        )
    return lambda progress: float(progress.share >= at)


def _seen(levels: SegOutput, of: str) -> object:
    if of == "logits":
        return levels.logits
    if of == "deep":
        return levels
    maps = levels.maps or {}
    if of not in maps:
        raise ValueError(
            f"expected an output map {of!r}, got {', '.join(maps) or 'none'}; let the network "
            "return it in SegOutput.maps"
        )
    return maps[of]
