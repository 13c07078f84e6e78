"""The papers' numbers as data files, and their reader."""

import functools
import tomllib
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator

from tubekit.chapters import chapter as room

Word = Literal["unknown", "out of memory"]
Cell = float | Word
Printed = Decimal | Word  # a decimal keeps the zeros at its end
NOT_KNOWN = "not known"
SECOND_HAND = "†"
SECOND_HAND_MEANS = "is quoted by others and was not checked against the paper"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PublishedTable(_Strict):
    """One printed table: ``rows[data][method]`` lists one cell per metric.

    ``sd`` has the same form and holds the printed standard deviations, where there are any.
    ``second_hand``: its cells are known from others who quote them, not from the paper itself.
    """

    title: str
    metrics: list[str]
    second_hand: bool = False
    rows: dict[str, dict[str, list[Printed]]]
    sd: dict[str, dict[str, list[Printed]]] = {}

    @model_validator(mode="after")
    def _one_cell_per_metric(self) -> "PublishedTable":
        for data, methods in (*self.rows.items(), *self.sd.items()):
            for method, cells in methods.items():
                if method not in self.rows.get(data, {}):
                    raise ValueError(f"{self.title}, {data}/{method}: a deviation without a mean")
                if len(cells) != len(self.metrics):
                    raise ValueError(
                        f"{self.title}, {data}/{method}: expected {len(self.metrics)} cells, "
                        f'got {len(cells)}; write "unknown" where a value is not known'
                    )
        return self


class PrintedText(_Strict):
    """A printed table of words, e.g. of data sets or settings: ``rows[data]`` by column."""

    title: str
    columns: list[str]
    rows: dict[str, list[str]]

    @model_validator(mode="after")
    def _one_cell_per_column(self) -> "PrintedText":
        for data, cells in self.rows.items():
            if len(cells) != len(self.columns):
                raise ValueError(
                    f"{self.title}, {data}: expected {len(self.columns)} cells, got {len(cells)}; "
                    'write "unknown" where a value is not known'
                )
        return self


class Claim(_Strict):
    """A statement that compares two rows of a table in one metric.

    ``says`` "better": by more than ``margin``; "no difference": by less than it, which is written
    before the runs. ``runs``: the table of ours that decides it where there are records of it;
    else the one that the statement is about.
    """

    id: str
    text: str
    table: str
    data: str
    method: str
    baseline: str
    metric: str
    margin: float
    says: Literal["better", "no difference"] = "better"
    runs: str = ""

    @model_validator(mode="after")
    def _equal_within_a_margin(self) -> "Claim":
        if self.margin < 0 or (self.says == "no difference" and self.margin == 0):
            raise ValueError(
                f"{self.id}: margin must be at least 0, and above 0 for no difference, "
                f"got {self.margin}; write the smallest difference that counts"
            )
        return self


class CostClaim(_Strict):
    """A statement that a method costs ``at_least`` so many per cent more than the plain loss.

    ``axes``: of the patch that ours is measured on.
    """

    text: str
    method: str
    what: Literal["time", "memory"]
    axes: Literal[2, 3]
    at_least: float


class Published(_Strict):
    """Everything one paper prints that a record can be held against.

    ``overheads``: method to the extra ``time`` and ``memory`` of training, in per cent of plain.
    """

    citation: str
    provenance: str
    data: dict[str, str]
    methods: dict[str, str]
    overheads: dict[str, dict[str, float]] = {}
    costs: list[CostClaim] = []
    texts: dict[str, PrintedText] = {}
    tables: dict[str, PublishedTable]
    claims: list[Claim]

    def cell(self, table: str, data: str, method: str, metric: str) -> Cell | None:
        """The printed value; None where the paper has no such cell."""
        value, _ = self._printed(table, data, method, metric)
        return float(value) if isinstance(value, Decimal) else value

    def text(self, table: str, data: str, method: str, metric: str) -> str:
        """The printed value as a reader sees it, with its deviation; "" where there is none.

        A sign marks what is known from others only.
        """
        value, sd = self._printed(table, data, method, metric)
        if value is None:
            return ""
        shown = NOT_KNOWN if value == "unknown" else str(value)
        if isinstance(value, Decimal) and self.tables[table].second_hand:
            shown += f" {SECOND_HAND}"
        return f"{shown} ± {sd}" if isinstance(sd, Decimal) else shown

    def _printed(
        self, table: str, data: str, method: str, metric: str
    ) -> tuple[Printed | None, Printed | None]:
        """The cell and its deviation."""
        printed = self.tables.get(table)
        if printed is None or metric not in printed.metrics:
            return None, None
        column = printed.metrics.index(metric)
        mean, sd = (part.get(data, {}).get(method) for part in (printed.rows, printed.sd))
        return mean[column] if mean else None, sd[column] if sd else None


@functools.cache
def load(chapter: str) -> Published:
    """Published numbers of one chapter, e.g. ``load("skeleton_recall")``, from its room."""
    text = (room(chapter).folder / "published.toml").read_text(encoding="utf-8")
    return Published.model_validate(tomllib.loads(text, parse_float=Decimal))
