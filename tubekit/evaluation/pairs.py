"""Which prediction belongs to which label: by name, in folders as people lay them out."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from tubekit import _accept
from tubekit._accept import PathLike
from tubekit.data.folders import LABELS, by_name, named_files

LAYOUTS = ("auto", "case", "case/class", "class/case")
"""Each file a case; a folder per case with a file per class; a folder per class; or whichever it
must be."""
PER_CLASS = ("case/class", "class/case")


class Pair(NamedTuple):
    """Two files that belong together; the suffixes may differ.

    ``pred`` is None where a missing prediction counts; ``part`` is the class where each class has
    files of its own.
    """

    name: str
    pred: Path | None
    label: Path
    part: str = ""


class Failure(NamedTuple):
    """A case without numbers, and why."""

    name: str
    reason: str


def find_pairs(
    predictions: PathLike, labels: PathLike, layout: str = "auto", *, missing: bool = False
) -> tuple[list[Pair], list[Failure]]:
    """Pair the files of two folders by name, without suffix.

    Files that lie in the folders themselves are paired alone. Where there are none, folders below
    are searched: one file per folder is the case of that name; for more ``layout`` must say whether
    ``case_01/aorta.nii.gz`` is a case, or a class of one.

    Args:
        predictions: folder.
        labels: folder.
        layout: one of ``LAYOUTS``.
        missing: whether a label without a prediction is a pair.
    Returns:
        Pairs sorted by name; and files without a partner, or with more than one.
    Raises:
        ValueError: a folder is missing, files may belong together in two ways, or no name stands
            in both.
    """
    predictions, labels = _accept.path(predictions), _accept.path(labels)
    found, true = _named(predictions, layout), _named(labels, layout)
    pairs, failures = [], []
    for name, ours, theirs in by_name(found, true):
        case, part = _case_and_part(name, layout)
        if len(ours) <= len(theirs) == 1 and (ours or missing):
            pairs.append(Pair(case, ours[0] if ours else None, theirs[0], part))
        elif not ours:
            failures.append(Failure(case, f"no prediction for {theirs[0]}; predict it"))
        elif not theirs:
            failures.append(Failure(case, f"no label for {ours[0]}; add it or remove the file"))
        else:
            both = ", ".join(path.name for path in ours + theirs)
            failures.append(Failure(case, f"several files of one name: {both}; keep one of each"))
    if not any(pair.pred for pair in pairs):
        raise ValueError(
            f"expected predictions and labels of the same names ({', '.join(LABELS)}), got "
            f"{len(found)} in {predictions} and {len(true)} in {labels} and none in both; "
            "rename the files"
        )
    return pairs, failures


def _named(folder: Path, layout: str) -> dict[str, list[Path]]:
    """Files by what pairs them: their name, their path, or the folder that holds them alone."""
    files = named_files(folder)
    if files and layout in ("auto", "case"):
        return files
    by_folder = {str(at): named_files(folder / at) for at in _folders_below(folder)}
    by_folder = {at: held for at, held in by_folder.items() if held}
    if layout == "auto":
        if all(sum(map(len, held.values())) == 1 for held in by_folder.values()):
            return {at: path for at, held in by_folder.items() for path in held.values()}
        shown = [f"{at}/{name}" for at, held in by_folder.items() for name in held][:4]
        raise ValueError(
            f"expected one file in each folder of {folder}, got {', '.join(shown)}, ...; pass "
            "--layout case/class where a folder is a case, class/case where a folder is a class, "
            "or case where each file is a case"
        )
    return {f"{at}/{name}": p for at, held in by_folder.items() for name, p in held.items()}


def _folders_below(folder: Path) -> Iterator[Path]:
    """Relative to ``folder``, at any depth; hidden ones are left out."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.name.startswith("."):
            yield Path(path.name)
            yield from (path.name / below for below in _folders_below(path))


def _case_and_part(name: str, layout: str) -> tuple[str, str]:
    folder, _, file = name.rpartition("/")
    if layout == "case/class":
        return folder, file
    return (file, folder) if layout == "class/case" else (name, "")


def of_cases(pairs: Iterable[Pair]) -> dict[str, list[Pair]]:
    """The pairs of each case: one, or one per class."""
    cases: dict[str, list[Pair]] = {}
    for pair in pairs:
        cases.setdefault(pair.name, []).append(pair)
    return cases
