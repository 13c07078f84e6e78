"""Records: what one training run measured, as one JSON file."""

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from tubekit._folders import shipped
from tubekit.data.storage import write_atomic

RESULTS = shipped("results")
"""The committed records, which tables and ledger are made from."""
Source = Literal["real", "rendered", "phantom"]
"""Of images: photographed or scanned, painted around real masks, or wholly synthetic."""


class Record(BaseModel):
    """One run of one recipe with one seed.

    ``cases`` holds the test metrics per case; NaN is stored as null. ``history`` holds
    (step, training loss), ``terms`` the same of each of several terms, and ``validation`` (step,
    score). ``sources`` is the hash of the library's files that the run imported; records made
    before it was kept have none.
    """

    model_config = ConfigDict(extra="forbid")

    format: Literal[2] = 2
    recipe: dict[str, Any]
    digest: str
    seed: int
    source: Source
    training_cases: list[str]
    validation_cases: list[str]
    groups: dict[str, str]
    cases: dict[str, dict[str, float | None]]
    parameters: int
    steps_done: int
    stopped_by: str
    best_step: int
    history: list[tuple[int, float]]
    terms: dict[str, list[tuple[int, float]]] = {}
    validation: list[tuple[int, float]]
    seconds_training: float
    seconds_total: float
    peak_memory_mb: float
    device: str
    precision: str
    versions: dict[str, str]
    commit: str
    sources: str | None = None
    finished: str

    @property
    def key(self) -> tuple[str, str, str]:
        """(table, data, method) of the recipe."""
        return self.recipe["table"], self.recipe["data_name"], self.recipe["method"]

    @property
    def dirty(self) -> bool:
        """Made from a tree with uncommitted changes, so that nobody can make it again."""
        return self.commit.endswith("+")

    @property
    def trial(self) -> bool:
        """Dirty although that is refused: no table shows it, and the run is still to be done."""
        return self.dirty and self.sources is not None


def record_path(
    recipe_id: str, chapter: str, profile: str, seed: int, root: Path = RESULTS
) -> Path:
    """Where a run's record belongs."""
    return root / chapter / profile / f"{recipe_id.replace('/', '__')}__seed{seed}.json"


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    write_atomic(path, text.encode())


def write_record(record: Record, root: Path) -> Path:
    """Write a record to its place below ``root``."""
    recipe = record.recipe
    name = "/".join(record.key)
    path = record_path(name, recipe["chapter"], recipe["profile"], record.seed, root)
    write_text(path, json.dumps(record.model_dump(mode="json"), indent=1, sort_keys=True) + "\n")
    return path


def read_record(path: Path) -> Record:
    """Read one record.

    Raises:
        ValueError: the file is cut short or is not a record.
    """
    try:
        return Record.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError) as error:
        first = str(error).splitlines()
        raise ValueError(
            f"{path} is not a complete record ({'; '.join(first[:3])}); expected the JSON that "
            "`tubekit run` writes; delete the file and run the recipe again"
        ) from error


def read_records(chapter: str, profile: str, root: Path = RESULTS) -> list[Record]:
    """All records of a chapter and profile, in file order; an empty list when there are none.

    Trials from a tree with uncommitted changes are left out. Records made before that was refused,
    which name no sources, stay; captions count them.
    """
    found = [read_record(p) for p in sorted((root / chapter / profile).glob("*.json"))]
    return [record for record in found if not record.trial]
