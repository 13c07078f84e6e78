"""Cases of data sets that may not be listed file by file: found on disk by the path pattern."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tubekit.data.manifest import Manifest
from tubekit.data.schema import Shares, Splits
from tubekit.data.splits import kfold

FOLDS = 5
FOLD_SEED = 0


def with_cases_on_disk(manifest: Manifest, folders: Sequence[Path]) -> Manifest:
    """The manifest itself, or where it lists no case a copy with the cases found in ``folders``.

    Found cases are split by patient (seed 0), in the manifest's ``shares`` where it has them, else
    in five folds: the first is the test set, the second the validation set, the others train. With
    fewer than three patients all cases are for testing.

    Args:
        manifest: of the data set.
        folders: places to look in; the first that holds images is used.
    """
    if manifest.cases:
        return manifest
    pattern = manifest.files["image"].path
    for folder in folders:
        ids = sorted(_ids(folder, pattern))
        if ids:
            groups = {case_id: manifest.group_of(case_id) for case_id in ids}
            return manifest.model_copy(update={"splits": _splits(groups, manifest.shares)})
    return manifest


def _ids(folder: Path, pattern: str) -> set[str]:
    expression = re.escape(pattern).replace(re.escape("{id}"), "([A-Za-z0-9][A-Za-z0-9._-]*)", 1)
    found = set()
    for path in folder.glob(pattern.replace("{id}", "*")):
        match = re.fullmatch(expression, path.relative_to(folder).as_posix())
        if match:
            found.add(match.group(1))
    return found


def _splits(groups: dict[str, str], shares: Shares | None) -> Splits:
    patients = len(set(groups.values()))
    if patients < 3:
        return Splits(test=sorted(groups))
    if shares is not None:
        return _shared_out(groups, shares)
    folds = [test for _, test in kfold(groups, min(FOLDS, patients), FOLD_SEED)]
    train = sorted(case_id for fold in folds[2:] for case_id in fold)
    return Splits(train=train, val=folds[1], test=folds[0])


def _shared_out(groups: dict[str, str], shares: Shares) -> Splits:
    """Patients in random order fill the test set, then the validation set; the others train."""
    members: dict[str, list[str]] = {}
    for case_id in sorted(groups):
        members.setdefault(groups[case_id], []).append(case_id)
    order = sorted(members)
    np.random.default_rng(FOLD_SEED).shuffle(order)
    part = len(groups) / (shares.train + shares.val + shares.test)
    wanted = {"test": round(part * shares.test), "val": round(part * shares.val)}
    splits: dict[str, list[str]] = {"test": [], "val": [], "train": []}
    for patient in order:
        open_ = [split for split, size in wanted.items() if len(splits[split]) < size]
        splits[open_[0] if open_ else "train"].extend(members[patient])
    return Splits(**{split: sorted(ids) for split, ids in splits.items()})
