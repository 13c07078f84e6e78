"""The fields of a manifest, and what must fit together among them beyond their types."""

import inspect
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Literal

from pydantic import Field, model_validator

from tubekit.data.convert import CONVERSIONS
from tubekit.data.origin import OTHERS, FileFacts, Origin
from tubekit.data.schema import (
    PART,
    FilePattern,
    Identifier,
    Labels,
    Licence,
    Options,
    Others,
    Page,
    RelativePath,
    Role,
    Shares,
    SpacingRule,
    Split,
    Splits,
    Strict,
    Window,
    relative,
)


class ManifestFields(Strict):
    """A data set. Sets behind a registration list no hashes; ``obtain`` tells how to get them.

    Cases are what ``splits`` lists. Their group is what ``group_pattern`` finds in the id, unless
    ``patients`` names it. Without ``files.image`` only masks are published: cases then have an
    image of no channels.
    """

    name: Identifier
    version: str
    title: str
    task: str
    dimensions: Literal[2, 3]
    access: Literal["open", "registration", "phantom"]
    folder: Identifier
    citation: str
    remarks: list[str] = Field(default_factory=list)
    obtain: str = ""
    preprocessing: str
    licence: Licence
    upstream: dict[str, Page] = Field(default_factory=dict)
    labels: Labels
    spacing: SpacingRule
    window: Window | None = None
    files: dict[Role, FilePattern]
    others: Others = Others()
    group_pattern: str | None = None
    patients: dict[str, list[str]] = Field(default_factory=dict)
    part: dict[Split, RelativePath] = Field(default_factory=dict)
    shares: Shares | None = None
    splits: Splits = Splits()
    origin: dict[str, Origin] = Field(default_factory=dict)
    facts: dict[str, dict[str, FileFacts]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _cases_fit(self) -> "ManifestFields":
        splits = self.splits
        listed = [*splits.train, *splits.val, *splits.test]
        grouped = [case for members in self.patients.values() for case in members]
        for what, values in (("splits", listed), ("patients", grouped)):
            if double := sorted({v for v in values if values.count(v) > 1}):
                raise ValueError(f"{what}: listed more than once: {', '.join(double[:5])}")
        named = {
            "patients": set(grouped),
            **{f"facts.{r}": set(cases) for r, cases in self.facts.items() if r != OTHERS},
            **{f"files.{r}.exceptions": set(p.exceptions) for r, p in self.files.items()},
        }
        for what, cases in named.items():
            if stray := sorted(cases - set(listed)):
                raise ValueError(f"{what}: no split has the case {', '.join(stray[:5])}")
        if drawn := sorted(set(self.automatic) - set(splits.train)):
            raise ValueError(f"splits: a program drew the masks of {drawn[0]}; it may only train")
        if self.access == "registration" and not self.obtain:
            raise ValueError("a set behind a registration needs 'obtain': how to get it")
        found = "image" in self.files and "{id}" in self.files["image"].path
        if not listed and not (self.group_pattern and found):
            raise ValueError(
                "without a list of cases, group_pattern and a path with {id} are needed"
            )
        if listed and self.shares:
            raise ValueError("shares are for cases found on disk; listed cases have splits")
        return self

    @model_validator(mode="after")
    def _files_fit(self) -> "ManifestFields":
        roles = set(self.files)
        if roles <= {"valid"}:
            raise ValueError("files.image is needed, or the files of a label")
        drawn = {role.removeprefix(PART) for role in roles if role.startswith(PART)}
        if drawn != set(self.labels.parts):
            raise ValueError("labels.parts and the files label/<structure> must be the same")
        for what, named in (("origin", set(self.origin)), ("facts", set(self.facts))):
            if stray := sorted(named - roles - {OTHERS}):
                raise ValueError(f"{what}.{stray[0]}: no such files are described")
        if self.spacing.value and len(self.spacing.value) != self.dimensions:
            raise ValueError(f"spacing.value needs {self.dimensions} numbers")
        for role, origin in self.origin.items():
            if origin.conversion not in CONVERSIONS:
                known = ", ".join(sorted(CONVERSIONS))
                raise ValueError(
                    f"origin.{role}: unknown conversion {origin.conversion!r}; known: {known}"
                )
            for key, facts in self.facts.get(role, {}).items():
                if role == OTHERS:
                    relative(key)
                if origin.conversion != "identity" and not facts.upstream:
                    raise ValueError(f"facts.{role}.{key}: a converted file needs its upstream")
                if origin.path is None and not all(u.path for u in facts.upstream):
                    raise ValueError(f"facts.{role}.{key}.upstream: without a rule it needs a path")
                options = self.options(role, key, facts).given()
                parts: Sequence[object] = facts.upstream or [facts]
                try:
                    inspect.signature(CONVERSIONS[origin.conversion]).bind(*parts, **options)
                except TypeError as error:
                    raise ValueError(f"{role} {key}: {origin.conversion}: {error}") from error
        return self

    def options(self, role: str, case_id: str, facts: FileFacts) -> Options:
        """Parameters of a file's conversion: those of the role, of the case, of the file."""
        pattern = self.others if role == OTHERS else self.files[role]
        given = pattern.options.given()
        if isinstance(pattern, FilePattern) and case_id in pattern.exceptions:
            given |= pattern.exceptions[case_id].given()
        return Options(**(given | facts.options.given()))

    @property
    def automatic(self) -> list[str]:
        """Listed cases whose masks a program drew, so that they are no truth."""
        listed = [*self.splits.train, *self.splits.val, *self.splits.test]
        patterns = self.labels.automatic
        return sorted(i for i in listed if any(fnmatchcase(i, pattern) for pattern in patterns))
