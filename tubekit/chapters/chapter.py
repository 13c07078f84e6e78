"""The facts about a chapter that no record holds."""

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chapter:
    """How a chapter's records are compared, and what differs from the paper's data.

    Attributes:
        name: of recipes, records and published numbers, e.g. ``"skeleton_recall"``.
        page: the notebook, as a link of the book.
        baseline: method that the other rows of a table are compared with.
        baselines: the same for single tables, where it is another one.
        same_records: tables that show other metrics of another table's runs, by name.
        data: what our records use, by data key.
        differences: why a printed cell cannot be held against ours, by data key.
        not_run: why a cell has no record, by (data, method), where that is more than lack of time.
    """

    name: str
    page: str
    baseline: str
    baselines: Mapping[str, str] = dataclasses.field(default_factory=dict)
    same_records: Mapping[str, str] = dataclasses.field(default_factory=dict)
    data: Mapping[str, str]
    differences: Mapping[str, str]
    not_run: Mapping[tuple[str, str], str] = dataclasses.field(default_factory=dict)

    def baseline_of(self, table: str) -> str:
        """The method that the other rows of ``table`` are compared with."""
        return self.baselines.get(table, self.baseline)

    def records_of(self, table: str) -> str:
        """The table whose runs ``table`` shows."""
        return self.same_records.get(table, table)

    def reason(self, data: str, method: str) -> str:
        """Why there is no record of this cell."""
        return self.not_run.get((data, method), "no record yet; `make results` runs it")
