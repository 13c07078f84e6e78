"""Labels with missing branches: the test that only a phantom allows, since it knows them all."""

import dataclasses
import functools

import numpy as np

from tubekit.experiments.data import CaseSet, Split
from tubekit.phantoms import Phantom, incomplete_label, vascular_phantom
from tubekit.types import Case

SIZE = (48, 64, 64)
TRAIN, VALIDATION, TEST = 5000, 6000, 7000  # generator seeds start here


def incomplete_split(
    *, seed: int, fraction: float, train: int, validation: int, test: int
) -> Split:
    """Phantoms whose training and validation labels lack a fraction of their branches.

    Test labels are complete. The further test set ``missing_<per cent>_removed`` shows the
    training images again with only the removed branches as the label: its recall is the share of
    the removed voxels, its topology sensitivity the share of their centre lines, that the network
    found although its label denied them.

    Args:
        seed: changes only the training.
        fraction: of the branches that are missing, in [0, 1).
        train: number of training cases; ``validation`` and ``test`` likewise.
    """
    whole = _phantoms(train, TRAIN)
    kept = [_without(phantom, fraction, i) for i, phantom in enumerate(whole)]
    removed = [_only_removed(*pair) for pair in zip(kept, whole, strict=True)]
    name = f"missing_{100 * fraction:.0f}_removed"
    shown_again = CaseSet(removed, "phantom", ("recall", "topology_sensitivity"))
    tested = [phantom.case for phantom in _phantoms(test, TEST)]
    return Split(
        train=kept,
        validation=[
            _without(phantom, fraction, i)
            for i, phantom in enumerate(_phantoms(validation, VALIDATION))
        ],
        test=tested,
        source="phantom",
        classes=2,
        groups={case.id: case.id for case in tested},
        further={name: shown_again} if fraction else {},
    )


@functools.lru_cache(maxsize=6)
def _phantoms(count: int, offset: int) -> tuple[Phantom, ...]:
    return tuple(vascular_phantom(SIZE, offset + i) for i in range(count))


def _only_removed(kept: Case, phantom: Phantom) -> Case:
    label = np.asarray(phantom.case.label)
    return dataclasses.replace(kept, label=np.where(kept.label == 0, label, 0))


def _without(phantom: Phantom, fraction: float, seed: int) -> Case:
    return dataclasses.replace(phantom.case, label=incomplete_label(phantom, fraction, seed).label)
