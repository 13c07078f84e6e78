"""A chapter: its facts, its recipes, and the folder that holds its labels and printed numbers."""

import dataclasses
import functools
import importlib
from collections.abc import Mapping
from pathlib import Path

import tubekit
from tubekit.experiments.recipe import PROFILES, Profile, Recipe

ROOM = Path(tubekit.__file__).parent / "chapters"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chapter:
    """How a chapter's records are compared, and what differs from the paper's data.

    Attributes:
        name: of its room, its recipes and its records, e.g. ``"skeleton_recall"``.
        page: the notebook, as a link of the book.
        baseline: method that the other rows of a table are compared with.
        baselines: the same for single tables, where it is another one.
        same_records: tables that show other metrics of another table's runs, by name.
        data: what our records use, by data key.
        differences: why a printed cell cannot be held against ours, by data key.
        own_data: data sets that splits of this room read; others are named in the recipes.
        not_run: why a cell has no record, by (data, method), where that is more than lack of time.
    """

    name: str
    page: str
    baseline: str
    baselines: Mapping[str, str] = dataclasses.field(default_factory=dict)
    same_records: Mapping[str, str] = dataclasses.field(default_factory=dict)
    data: Mapping[str, str]
    differences: Mapping[str, str]
    own_data: tuple[str, ...] = ()
    not_run: Mapping[tuple[str, str], str] = dataclasses.field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """The room, with ``labels.toml`` and ``published.toml``."""
        return ROOM / self.name

    def recipes(self, profile: Profile) -> list[Recipe]:
        """Every run of the chapter at one profile.

        Raises:
            ValueError: unknown profile.
        """
        if profile not in PROFILES:
            raise ValueError(f"profile must be one of {', '.join(PROFILES)}, got {profile!r}")
        module = importlib.import_module(f"tubekit.chapters.{self.name}.recipes")
        made: list[Recipe] = module.recipes(profile)
        return made

    def recipe(self, profile: Profile, recipe_id: str) -> Recipe:
        """One recipe by its id, e.g. ``"table-2/retina/srl"``.

        Raises:
            ValueError: unknown profile or id.
        """
        found = {r.id: r for r in self.recipes(profile)}
        if recipe_id not in found:
            raise ValueError(
                f"no recipe {recipe_id!r} in {self.name} ({profile}); known: {', '.join(found)}"
            )
        return found[recipe_id]

    def data_sets(self) -> set[str]:
        """Data sets that the recipes train on or test with, by the name of their manifest."""
        named = {r.data.bound().get("name") for r in self.recipes("laptop")}
        return {str(name) for name in named if name} | set(self.own_data)

    def baseline_of(self, table: str) -> str:
        """The method that the other rows of ``table`` are compared with."""
        return self.baselines.get(table, self.baseline)

    def records_of(self, table: str) -> str:
        """The table whose runs ``table`` shows."""
        return self.same_records.get(table, table)

    def reason(self, data: str, method: str) -> str:
        """Why there is no record of this cell."""
        return self.not_run.get((data, method), "no record yet; `make results` runs it")


def known() -> list[str]:
    """Names of the chapters with results, in the order of their pages."""
    rooms = [path.parent.name for path in ROOM.glob("*/facts.py")]
    return sorted(rooms, key=lambda name: chapter(name).page)


@functools.cache
def chapter(name: str) -> Chapter:
    """One chapter by the name of its room.

    Raises:
        ValueError: unknown chapter.
    """
    if not name.isidentifier() or not (ROOM / name / "facts.py").is_file():
        rooms = sorted(path.parent.name for path in ROOM.glob("*/facts.py"))
        raise ValueError(f"chapter must be one of {', '.join(rooms)}, got {name!r}")
    made: Chapter = importlib.import_module(f"tubekit.chapters.{name}.facts").CHAPTER
    return made
