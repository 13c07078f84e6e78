"""Manifests: one TOML file per data set, checked when read, never executed.

A manifest says where a data set comes from, under which licence, which files it has, what their
SHA-256 must be, what the label values mean, which images belong to one patient, and how the cases
are split. Conversions are named; the names are looked up in a fixed table (``convert.py``).
"""

import os
import re
import tomllib
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from pydantic import Field, ValidationError, model_validator

from tubekit._folders import shipped
from tubekit.data.convert import CONVERSIONS
from tubekit.data.schema import (
    PART,
    CaseEntry,
    File,
    FilePattern,
    Identifier,
    Labels,
    Licence,
    Role,
    Shares,
    SpacingRule,
    Splits,
    Strict,
    Upstream,
    Window,
)


class Manifest(Strict):
    """A data set. Sets behind a registration list no hashes; ``obtain`` tells how to get them.

    Without ``files.image`` only masks are published: cases then have an image of no channels.
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
    upstream: dict[str, Upstream]
    labels: Labels
    spacing: SpacingRule
    window: Window | None = None
    files: dict[Role, FilePattern]
    group_pattern: str | None = None
    shares: Shares | None = None
    splits: Splits = Splits()
    cases: list[CaseEntry] = Field(default_factory=list)

    @model_validator(mode="after")
    def _consistent(self) -> "Manifest":
        for role, pattern in self.files.items():
            if pattern.conversion not in CONVERSIONS:
                known = ", ".join(sorted(CONVERSIONS))
                raise ValueError(
                    f"files.{role}: unknown conversion {pattern.conversion!r}; known: {known}"
                )
            if pattern.upstream is not None and pattern.upstream not in self.upstream:
                raise ValueError(f"files.{role}: upstream {pattern.upstream!r} is not described")
        if set(self.files) <= {"valid"}:
            raise ValueError("files.image is needed, or the files of a label")
        drawn = {role.removeprefix(PART) for role in self.files if role.startswith(PART)}
        if drawn != set(self.labels.parts) or (drawn and "label" in self.files):
            raise ValueError("labels.parts and the files label/<structure> must be the same")
        if unknown := sorted({p for case in self.cases for p in case.parts} - drawn):
            raise ValueError(f"cases.parts: no file label/<structure> for {', '.join(unknown)}")
        ids = [case.id for case in self.cases]
        listed = [*self.splits.train, *self.splits.val, *self.splits.test]
        for what, values in (("cases", ids), ("splits", listed)):
            double = sorted({v for v in values if values.count(v) > 1})
            if double:
                raise ValueError(f"{what}: listed more than once: {', '.join(double[:5])}")
        stray = sorted(set(ids) ^ set(listed))
        if stray:
            raise ValueError(f"cases and splits differ: {', '.join(stray[:5])}")
        if self.spacing.value and len(self.spacing.value) != self.dimensions:
            raise ValueError(f"spacing.value needs {self.dimensions} numbers")
        if self.access == "registration" and not self.obtain:
            raise ValueError("a set behind a registration needs 'obtain': how to get it")
        found = "image" in self.files and "{id}" in self.files["image"].path
        if not self.cases and not (self.group_pattern and found):
            raise ValueError(
                "without a list of cases, group_pattern and a path with {id} are needed"
            )
        if self.cases and self.shares:
            raise ValueError("shares are for cases found on disk; listed cases have splits")
        return self

    @property
    def short_title(self) -> str:
        """The title's first words, e.g. ``CHASE_DB1``."""
        return re.split("[:,]", self.title)[0]

    @property
    def groups(self) -> dict[str, str]:
        """Case id to patient (or acquisition)."""
        return {case.id: case.group for case in self.cases}

    def case(self, case_id: str) -> CaseEntry:
        """The entry of one case.

        Raises:
            ValueError: the data set has no such case.
        """
        for case in self.cases:
            if case.id == case_id:
                return case
        known = ", ".join(c.id for c in self.cases[:6])
        raise ValueError(
            f"{self.name}: expected one of its cases ({known}, ...), got {case_id!r}; "
            "see the manifest"
        )

    def case_files(self, case_id: str) -> list[File]:
        """The files of one case; of a label's structures those that the case has."""
        entry = self.case(case_id)
        found = []
        for role, pattern in self.files.items():
            if role.startswith(PART) and entry.parts and role.removeprefix(PART) not in entry.parts:
                continue
            facts = entry.facts(role)
            origin = facts.origin or pattern.origin
            url = None
            if pattern.upstream and origin:
                below = origin.format(id=case_id, part=entry.part)
                url = f"{self.upstream[pattern.upstream].url.rstrip('/')}/{quote(below)}"
            path = pattern.path.format(id=case_id, part=entry.part)
            found.append(File(self.name, case_id, role, path, facts, url, pattern.conversion))
        return found

    def group_of(self, case_id: str) -> str:
        """Group of a case that was found on disk rather than listed, by ``group_pattern``."""
        match = re.search(self.group_pattern or "", case_id)
        return match.group(match.lastindex or 0) if match else case_id


def manifest_folder() -> Path:
    """``$TUBEKIT_MANIFESTS``, else ``data_manifests/`` of the checkout or of the installation.

    Raises:
        FileNotFoundError: neither is a folder.
    """
    chosen = os.environ.get("TUBEKIT_MANIFESTS")
    folder = Path(chosen) if chosen else shipped("data_manifests")
    if not folder.is_dir():
        raise FileNotFoundError(
            f"expected a folder of data set manifests, got {folder}, which is none; point "
            "TUBEKIT_MANIFESTS at the data_manifests of the repository, or install it anew"
        )
    return folder


def known_names() -> list[str]:
    """Names of all data sets, sorted."""
    return sorted(path.stem for path in manifest_folder().glob("*.toml"))


def load_manifest(name: str) -> Manifest:
    """Read and check the manifest of one data set.

    Raises:
        ValueError: no data set has this name, or the file is not a valid manifest.
    """
    if name not in known_names():
        raise ValueError(
            f"expected a known data set ({', '.join(known_names())}), got {name!r}; choose one "
            "or add a manifest"
        )
    return read_manifest(manifest_folder() / f"{name}.toml")


def read_manifest(path: Path) -> Manifest:
    """Read one manifest file.

    Raises:
        ValueError: not TOML, or not a manifest; the message names file, place and remedy.
    """
    try:
        manifest = Manifest.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: expected TOML, got {error}; correct the file") from error
    except ValidationError as error:
        places = "; ".join(
            f"{'.'.join(map(str, e['loc'])) or 'manifest'}: {e['msg']}" for e in error.errors()[:5]
        )
        raise ValueError(f"{path}: expected a data set manifest, got {places}") from error
    if manifest.name != path.stem:
        raise ValueError(
            f"{path}: expected name = {path.stem!r}, got {manifest.name!r}; rename one"
        )
    return manifest
