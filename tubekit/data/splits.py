"""Splits that keep a patient on one side."""

from collections.abc import Mapping

import numpy as np

from tubekit._accept import Whole, whole
from tubekit.data.manifest import Manifest
from tubekit.data.schema import SPLITS


def check_patient_wise(manifest: Manifest) -> None:
    """Raise unless every patient (eyes of one child, overlapping stacks) is in one split only.

    Args:
        manifest: of the data set.
    Raises:
        ValueError: names the patient and the splits.

    Example:
        >>> from tubekit.data import load_manifest
        >>> check_patient_wise(load_manifest("chase_db1"))  # says nothing: all is well
    """
    groups = manifest.groups
    where: dict[str, set[str]] = {}
    for split in SPLITS:
        for case_id in getattr(manifest.splits, split):
            where.setdefault(groups[case_id], set()).add(split)
    for group, splits in where.items():
        if len(splits) > 1:
            raise ValueError(
                f"{manifest.name}: expected every patient in one split, got group {group!r} in "
                f"{' and '.join(sorted(splits))}; move all its cases to one of them"
            )


def kfold(groups: Mapping[str, str], k: Whole, seed: Whole) -> list[tuple[list[str], list[str]]]:
    """Patient-wise folds of nearly equal size.

    Groups are shuffled, then each goes, large groups first, to the fold with the fewest cases.

    Args:
        groups: case id to patient, e.g. ``manifest.groups``.
        k: number of folds, at least 2 and at most the number of patients.
        seed: of the shuffle.
    Returns:
        For each fold the ids to train on and the ids to test on, both sorted.
    Raises:
        ValueError: fewer patients than folds.

    Example:
        >>> kfold({"1_left": "1", "1_right": "1", "2_left": "2"}, k=2, seed=0)
        [(['2_left'], ['1_left', '1_right']), (['1_left', '1_right'], ['2_left'])]
    """
    k, seed = whole("k", k, at_least=0), whole("seed", seed, at_least=0)
    members: dict[str, list[str]] = {}
    for case_id in sorted(groups):
        members.setdefault(groups[case_id], []).append(case_id)
    if not 2 <= k <= len(members):
        raise ValueError(
            f"k must lie in 2..{len(members)} (the number of patients), got {k}; use fewer folds"
        )
    names = sorted(members)
    np.random.default_rng(seed).shuffle(names)
    folds: list[list[str]] = [[] for _ in range(k)]
    for name in sorted(names, key=lambda n: -len(members[n])):
        min(folds, key=len).extend(members[name])
    return [(sorted(set(groups) - set(test)), sorted(test)) for test in folds]
