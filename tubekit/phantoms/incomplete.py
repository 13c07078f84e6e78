"""Labels that lack a fraction of their branches."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int32, Shaped

from tubekit._accept import array, numbers, taking
from tubekit.phantoms.damage import without_branches
from tubekit.phantoms.mask_branches import Branches, branches_of_mask, voxels_removed
from tubekit.phantoms.phantom import Phantom


class IncompleteLabel(NamedTuple):
    """A label without some of its branches.

    Attributes:
        label: what is left, in the type of the input.
        removed: number (from 1) of the removed branch at each voxel that is gone, 0 elsewhere.
        record: JSON values: ``branches`` (removed numbers in the order of removal), ``of`` (how
            many there are), and the shares of branches, voxels and centre-line length removed.

    Example:
        >>> from tubekit.phantoms import incomplete_label, vascular_phantom
        >>> left = incomplete_label(vascular_phantom((32, 40, 40), seed=1), 0.2, seed=0)
        >>> bool((left.label[left.removed > 0] == 0).all())
        True
    """

    label: Shaped[np.ndarray, "*s"]
    removed: Int32[np.ndarray, "*s"]
    record: dict[str, object]


def _phantom_or_mask(name: str, source: Any) -> Any:
    return source if isinstance(source, Phantom) else array(name, source)


@taking(numbers, source=_phantom_or_mask)
def incomplete_label(
    source: Phantom | Shaped[np.ndarray, "*s"],
    fraction: float,
    seed: int,
    *,
    spacing: Sequence[float] | None = None,
) -> IncompleteLabel:
    """Leave out a fraction of the branches, free ends first, never a trunk.

    A seed fixes one order of all branches, of which a fraction takes the first: what 10 % removes,
    25 % removes too. The next branch is drawn evenly from those with a free end, so that the rest
    stays connected. A trunk is a root of the phantom's trees that has children; in a mask, the
    branch of largest mean radius of every piece that forks, and of the largest piece.

    Args:
        source: a phantom, whose branches are known, or a binary mask of vessels, 2-D or 3-D,
            whose branches are those of its skeleton without spurs.
        fraction: share of the number of branches in [0, 1), rounded to whole branches.
        seed: 0 or more.
        spacing: millimetres per voxel of a mask; ``None`` means 1. A phantom knows its own.
    Returns:
        The label left, and what was removed. With fraction 0 nothing is.
    Raises:
        ValueError: a fraction outside [0, 1), more branches asked for than stand on trunks, or a
            mask that is not binary or not 2-D or 3-D.

    Example:
        >>> from tubekit.phantoms import incomplete_label, vascular_phantom
        >>> left = incomplete_label(vascular_phantom((32, 40, 40), seed=1), 0.2, seed=0)
        >>> left.record["fraction"], bool((left.removed > 0).any())
        (0.2, True)
    """
    if not 0 <= fraction < 1:
        raise ValueError(f"fraction must lie in [0, 1), got {fraction}; 0.25 removes a quarter")
    if isinstance(source, Phantom):
        known, before = _of_phantom(source), np.asarray(source.case.label)
    else:
        known, before = branches_of_mask(source, spacing), source
    count = round(fraction * len(known.nodes))
    order = _order(known, np.random.default_rng(seed))
    if count > len(order):
        raise ValueError(
            f"expected at most {len(order)} of {len(known.nodes)} branches to remove, got {count}; "
            "trunks stay: use a smaller fraction"
        )
    dropped = order[:count]
    if isinstance(source, Phantom):
        damage = without_branches(source, [i - 1 for i in dropped])
        label, removed = damage.label, np.where(damage.removed, known.owner, 0)
    else:
        removed = voxels_removed(known, dropped)
        label = np.where(removed > 0, 0, before).astype(before.dtype)
    record = {
        "kind": "incomplete_label",
        "fraction": fraction,
        "seed": seed,
        "branches": dropped,
        "of": len(known.nodes),
        "share_of_branches": count / max(len(known.nodes), 1),
        "share_of_voxels": int((removed > 0).sum()) / max(int((before > 0).sum()), 1),
        "share_of_length": sum(known.length_mm[i - 1] for i in dropped)
        / max(sum(known.length_mm), 1e-12),
    }
    return IncompleteLabel(label, removed.astype(np.int32), record)


def _of_phantom(phantom: Phantom) -> Branches:
    branches = phantom.tree.branches
    line = np.where(phantom.centerline, phantom.branch, 0).astype(np.int32)
    return Branches(
        nodes=[branch.nodes for branch in branches],
        trunk=[b.parent < 0 and bool(phantom.tree.children(i)) for i, b in enumerate(branches)],
        length_mm=[branch.length_mm for branch in branches],
        owner=phantom.branch,
        courses=[np.argwhere(line == i + 1) for i in range(len(branches))],
        hubs=np.zeros(line.shape, bool),
        depth_mm=phantom.radius_mm,
        spacing=phantom.tree.spacing,
    )


def _order(known: Branches, rng: np.random.Generator) -> list[int]:
    """Numbers of all branches but the trunks, in the order of their removal."""
    ends = [node for pair in known.nodes for node in pair]
    meeting = {node: ends.count(node) for node in ends}
    rest = [i for i, trunk in enumerate(known.trunk) if not trunk]
    order = []
    while rest:
        # Without a free end there are only loops left: opening one splits nothing either.
        free = [i for i in rest if min(meeting[node] for node in known.nodes[i]) == 1]
        chosen = int(rng.choice(free or rest))
        rest.remove(chosen)
        order.append(chosen + 1)
        for node in known.nodes[chosen]:
            meeting[node] -= 1
    return order
