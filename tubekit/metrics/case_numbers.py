"""The numbers of one case and what they mean, as text, HTML, JSON and a table."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tubekit._extras import extra
from tubekit._html import table
from tubekit.types import Spacing

if TYPE_CHECKING:
    import pandas as pd

ONLY = "1"
"""The class of a case that has but one, unless it has a name."""


@dataclasses.dataclass(frozen=True)
class CaseReport:
    """Every metric of one case, and what the numbers mean.

    Attributes:
        values: name to value, NaN where undefined; with several classes ``dice/1`` (or the name of
            the class), ``dice/mean`` and so on, as ``evaluate_case`` names them.
        spacing: mm per voxel in array order, as used.
        definitions: what each metric is.
        policy: its value when the prediction, the target, or both are empty.
        empty: what 0/0 is, ``"nan"`` or ``"perfect"``.
        absent: classes in neither map.
        notes: what else one should know of these numbers.
        of_class: the only class, where there is but one.

    Example:
        >>> CaseReport({"dice": 0.5}, (1.0, 1.0), {"dice": "overlap"}, {"dice": "0, 0, undefined"})
        ... # doctest: +ELLIPSIS
        CaseReport(values={'dice': 0.5}, ...
    """

    values: dict[str, float]
    spacing: Spacing
    definitions: dict[str, str]
    policy: dict[str, str]
    empty: str = "nan"
    absent: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    of_class: str = ONLY

    def to_dict(self) -> dict[str, Any]:
        """JSON values; undefined metrics are None."""
        content = dataclasses.asdict(self)
        content |= {name: list(content[name]) for name in ("spacing", "absent", "notes")}
        content["values"] = {k: None if np.isnan(v) else v for k, v in self.values.items()}
        return content

    def to_frame(self) -> "pd.DataFrame":
        """A tidy table: one row per class and metric, with the columns class, metric, value."""
        with extra("evaluate", "CaseReport.to_frame"):
            import pandas as pd
        rows = tidy(self.values, self.of_class)
        return pd.DataFrame(rows, columns=["class", "metric", "value"])

    def __str__(self) -> str:
        width = max(map(len, self.values), default=0)
        lines = [f"{name:<{width}}  {_shown(value):>9}" for name, value in self.values.items()]
        grid = " x ".join(f"{s:g}" for s in self.spacing)
        lines += [
            "",
            *self._remarks(),
            f"Voxels of {grid} mm. Definitions (when prediction, target, both are empty):",
        ]
        lines += [
            f"{name}: {text} ({self.policy[name]})" for name, text in self.definitions.items()
        ]
        return "\n".join(lines)

    def _remarks(self) -> list[str]:
        absent = f"In neither map: class {', '.join(self.absent)}." if self.absent else ""
        return [*self.notes, *filter(None, [absent])]

    def _repr_html_(self) -> str:
        rows = []
        for name, value in self.values.items():
            base = name.partition("/")[0]
            rows.append((name, _shown(value), self.definitions[base], self.policy[base]))
        grid = " × ".join(f"{s:g}" for s in self.spacing)
        return table(
            f"Metrics of one case, voxels of {grid} mm; "
            "last column: prediction, target, both empty",
            ("metric", "value", "definition", "if empty"),
            rows,
            note=" ".join(self._remarks()),
        ).text


def tidy(values: Mapping[str, float], only: str = ONLY) -> Iterator[tuple[str, str, float]]:
    """Class, metric and value of each entry; ``dice/2`` is the metric dice of class 2."""
    for name, value in values.items():
        metric, _, of_class = name.partition("/")
        yield of_class or only, metric, value


def _shown(value: float) -> str:
    return "undefined" if np.isnan(value) else f"{value:.4g}"
