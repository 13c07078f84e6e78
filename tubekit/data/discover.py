"""Cases of data sets that may not be listed file by file: found on disk by the path pattern."""

import re
from collections.abc import Sequence
from pathlib import Path

from tubekit.data.manifest import Manifest
from tubekit.data.schema import CaseEntry, Splits
from tubekit.data.splits import kfold

FOLDS = 5
FOLD_SEED = 0


def with_cases_on_disk(manifest: Manifest, folders: Sequence[Path]) -> Manifest:
    """The manifest itself, or where it lists no case a copy with the cases found in ``folders``.

    Found cases are split by patient in five folds (seed 0): the first is the test set, the second
    the validation set, the others train. With fewer than three patients all cases are for testing.

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
            cases = [CaseEntry(id=i, group=manifest.group_of(i)) for i in ids]
            groups = {case.id: case.group for case in cases}
            return manifest.model_copy(update={"cases": cases, "splits": _splits(groups)})
    return manifest


def _ids(folder: Path, pattern: str) -> set[str]:
    expression = re.escape(pattern).replace(re.escape("{id}"), "([A-Za-z0-9][A-Za-z0-9._-]*)", 1)
    found = set()
    for path in folder.glob(pattern.replace("{id}", "*")):
        match = re.fullmatch(expression, path.relative_to(folder).as_posix())
        if match:
            found.add(match.group(1))
    return found


def _splits(groups: dict[str, str]) -> Splits:
    patients = len(set(groups.values()))
    if patients < 3:
        return Splits(test=sorted(groups))
    folds = [test for _, test in kfold(groups, min(FOLDS, patients), FOLD_SEED)]
    train = sorted(case_id for fold in folds[2:] for case_id in fold)
    return Splits(train=train, val=folds[1], test=folds[0])
