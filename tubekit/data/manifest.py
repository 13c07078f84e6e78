"""Manifests: one TOML file per data set, checked when read, never executed.

A manifest says where a data set comes from, under which licence, which files it has, what their
SHA-256 must be, what the label values mean, which images belong to one patient, and how the cases
are split. Its first half is written by hand (``schema.py``), its second half, addresses and
hashes, is generated (``origin.py``). Conversions are named; ``convert`` has the table of names.
"""

import os
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from tubekit._accept import PathLike
from tubekit._accept import path as as_path
from tubekit._folders import shipped
from tubekit.data.manifest_fields import ManifestFields
from tubekit.data.origin import OTHERS, File, FileFacts, Source, UpstreamFile
from tubekit.data.schema import SPLITS, CaseEntry, Options, filled


class Manifest(ManifestFields):
    """A data set: its cases and their files, looked up in the fields.

    Attributes:
        name, version, title, task, citation, remarks: what a reader wants to know.
        dimensions: 2 or 3 spatial axes.
        access, obtain, licence, upstream: where the files come from, and what they allow.
        folder, files, others, origin, facts: where every file lies, and its size and hash.
        labels, spacing, window, preprocessing: what the values mean.
        group_pattern, patients, part, shares, splits: which cases belong together.

    Example:
        >>> len(load_manifest("chase_db1").cases)
        28
    """

    @property
    def cases(self) -> list[CaseEntry]:
        """The listed cases by id."""
        listed = (i for split in SPLITS for i in getattr(self.splits, split))
        return [self.case(case_id) for case_id in sorted(listed)]

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
        for split in SPLITS:
            if case_id in getattr(self.splits, split):
                return CaseEntry(case_id, self.group_of(case_id), self.part.get(split, ""))
        known = ", ".join(c.id for c in self.cases[:6])
        raise ValueError(
            f"{self.name}: expected one of its cases ({known}, ...), got {case_id!r}; "
            "see the manifest"
        )

    def case_files(self, case_id: str) -> list[File]:
        """The files of one case: those with facts, or all roles where none has."""
        entry = self.case(case_id)
        listed = {role for role in self.files if case_id in self.facts.get(role, {})}
        return [
            self._file(role, case_id, entry.part, filled(pattern.path, case_id, entry.part))
            for role, pattern in self.files.items()
            if role in listed or not listed
        ]

    def all_files(self) -> list[File]:
        """The files of all cases, then those that no case reads."""
        of_cases = [file for case in self.cases for file in self.case_files(case.id)]
        return of_cases + [self._file(OTHERS, "", "", path) for path in self.facts.get(OTHERS, {})]

    def _file(self, role: str, case_id: str, part: str, path: str) -> File:
        facts = self.facts.get(role, {}).get(case_id or path, FileFacts())
        origin = self.origin.get(role)
        if origin is None:
            return File(self.name, case_id, role, path, facts, (), "identity", Options())
        rule = filled(origin.path, case_id, part) if origin.path else None
        parts: Sequence[UpstreamFile | FileFacts] = facts.upstream or [facts]
        paths = [getattr(part, "path", None) or rule for part in parts]
        sources = tuple(
            Source(origin.address(path), part.sha256, part.bytes)
            for path, part in zip(paths, parts, strict=True)
            if path and part.sha256 and part.bytes
        )
        return File(
            self.name,
            case_id,
            role,
            path,
            facts,
            sources,
            origin.conversion,
            self.options(role, case_id, facts),
        )

    def group_of(self, case_id: str) -> str:
        """Group of a case, also of one that was found on disk rather than listed."""
        for group, members in self.patients.items():
            if case_id in members:
                return group
        match = re.search(self.group_pattern or "", case_id)
        return match.group(match.lastindex or 0) or case_id if match else case_id


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
    """Names of all data sets, sorted.

    Example:
        >>> "chase_db1" in known_names()
        True
    """
    return sorted(path.stem for path in manifest_folder().glob("*.toml"))


def load_manifest(name: str) -> Manifest:
    """Read and check the manifest of one data set.

    Args:
        name: one of ``known_names()``.
    Raises:
        ValueError: no data set has this name, or the file is not a valid manifest.

    Example:
        >>> load_manifest("chase_db1").dimensions
        2
    """
    if name not in known_names():
        raise ValueError(
            f"expected a known data set ({', '.join(known_names())}), got {name!r}; choose one "
            "or add a manifest"
        )
    return read_manifest(manifest_folder() / f"{name}.toml")


def read_manifest(path: PathLike) -> Manifest:
    """Read one manifest file.

    Args:
        path: the TOML file, named like the data set.
    Raises:
        ValueError: not TOML, or not a manifest; the message names file, place and remedy.

    Example:
        >>> from tubekit.data.manifest import manifest_folder
        >>> read_manifest(manifest_folder() / "chase_db1.toml").name
        'chase_db1'
    """
    path = as_path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected TOML, got {error}; correct the file") from error
    return parse_manifest(text, path)


def parse_manifest(text: str, path: Path) -> Manifest:
    """As ``read_manifest``, for text that is already in memory; ``path`` is for messages."""
    try:
        manifest = Manifest.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
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
