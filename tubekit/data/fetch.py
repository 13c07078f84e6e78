"""Find the files of a data set: mirror, cache, download; else say that they are unavailable.

Every file with a known SHA-256 is verified before anybody reads it.
"""

import dataclasses
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.progress import Progress

from tubekit.data.download import DownloadError, part_path
from tubekit.data.integrity import IntegrityError, check_file
from tubekit.data.manifest import Manifest
from tubekit.data.origin import File
from tubekit.data.places import (
    Place,
    cache_folder,
    downloadable,
    local_folders,
    network_is_off,
    on_disk,
    open_manifest,
)
from tubekit.data.schema import Role
from tubekit.data.transfer import deliver

Reasons = Mapping[str, DownloadError | IntegrityError]


class DataUnavailable(RuntimeError):
    """The real data are not here and cannot be fetched; callers show a phantom with a badge."""


@dataclasses.dataclass(frozen=True)
class Resolved:
    """Where the files of the cases are.

    Attributes:
        manifest: of the data set, with the cases found on disk where it lists none.
        files: case id to role to path.
        source: case id to where it was found.
        unavailable: case id to the reason why it was not.
    """

    manifest: Manifest
    files: Mapping[str, Mapping[Role, Path]]
    source: Mapping[str, Place]
    unavailable: Mapping[str, str]


def resolve(
    name: str,
    case_ids: Sequence[str] | None = None,
    *,
    offline: bool = False,
    partial: bool = False,
) -> Resolved:
    """Find, fetch and verify the files of a data set.

    Order: ``$TUBEKIT_<NAME>_DIR``, ``$TUBEKIT_MIRROR`` (a folder, or an http address that serves
    the same files), the user cache, download. ``$TUBEKIT_OFFLINE=1`` forbids the network.

    Args:
        name: of the data set.
        case_ids: these cases, each of which must be found; ``None``: all that can be found.
        offline: never use the network.
        partial: of ``case_ids``, too, those that can be found.
    Raises:
        ValueError: unknown data set or case.
        DataUnavailable: an asked case, or every case, cannot be found.
        IntegrityError: a file that was found is not the one that the manifest describes.

    Example:
        >>> resolve("chase_db1", ["Image_01L"])  # doctest: +SKIP
    """
    manifest = open_manifest(name)
    wanted = [c.id for c in manifest.cases] if case_ids is None else list(case_ids)
    of_case = {case_id: manifest.case_files(case_id) for case_id in wanted}
    found, reasons = _obtain(manifest, [f for fs in of_case.values() for f in fs], offline)
    for reason in reasons.values():
        if isinstance(reason, IntegrityError):
            raise reason
    files: dict[str, dict[Role, Path]] = {}
    source: dict[str, Place] = {}
    unavailable: dict[str, str] = {}
    for case_id, wanted_files in of_case.items():
        lacking = [str(reasons[f.path]) for f in wanted_files if f.path in reasons]
        if lacking:
            unavailable[case_id] = lacking[0]
        else:
            files[case_id] = {f.role: found[f.path][0] for f in wanted_files}
            source[case_id] = found[wanted_files[-1].path][1]
    if (case_ids is not None and unavailable and not partial) or not files:
        raise DataUnavailable(_why(manifest, unavailable))
    return Resolved(manifest, files, source, unavailable)


def fetch_all(name: str) -> tuple[int, Reasons]:
    """Find, fetch and verify every file of a data set, also those that no case reads.

    Returns:
        How many files are ready, and the reason for each of the others by its path.
    """
    manifest = open_manifest(name)
    found, reasons = _obtain(manifest, _all_files(manifest), offline=False)
    return len(found), reasons


class Plan(NamedTuple):
    """What a download would bring: finished files, addresses to ask, bytes still to come."""

    files: int
    downloads: int
    bytes: int


def plan(name: str) -> Plan:
    """What ``fetch_all`` would download now, without asking the network."""
    manifest = open_manifest(name)
    missing = [f for f in _all_files(manifest) if on_disk(manifest, f) is None]
    missing = [f for f in (downloadable(manifest, f) for f in missing) if f.sources]
    to_come = {}
    for source in {source for file in missing for source in file.sources}:
        part = part_path(source.url)
        to_come[source] = source.bytes - (part.stat().st_size if part.is_file() else 0)
    return Plan(len(missing), len(to_come), sum(to_come.values()))


def verify(name: str) -> Iterator[tuple[File, str]]:
    """Check every listed file that is on this machine, without the network.

    Yields:
        The file and ``"ok"``, ``"missing"``, ``"no hash listed"`` or the error's message.

    Example:
        >>> verify("chase_db1")  # doctest: +SKIP
    """
    manifest = open_manifest(name)
    for file in _all_files(manifest):
        here = on_disk(manifest, file)
        if here is None:
            yield file, "missing"
            continue
        try:
            check_file(here[0], file)
            yield file, "ok" if file.facts.sha256 else "no hash listed"
        except IntegrityError as error:
            yield file, str(error)


def _all_files(manifest: Manifest) -> list[File]:
    of_cases = [file for case in manifest.cases for file in manifest.case_files(case.id)]
    return of_cases + manifest.other_files()


def _obtain(
    manifest: Manifest, files: Sequence[File], offline: bool
) -> tuple[dict[str, tuple[Path, Place]], Reasons]:
    """Every file's path by its path in the data set, or the reason why it is not there."""
    offline = offline or network_is_off()
    found: dict[str, tuple[Path, Place]] = {}
    reasons: dict[str, DownloadError | IntegrityError] = {}
    missing: dict[str, File] = {}
    for file in files:
        here = on_disk(manifest, file)
        if here is not None:
            try:
                check_file(here[0], file)
                found[file.path] = here
            except IntegrityError as error:
                reasons[file.path] = error
            continue
        wanted = downloadable(manifest, file)
        reason = "the network is off" if offline else "no public address is known"
        if offline or not wanted.sources:
            reasons[file.path] = DownloadError(
                f"{file.path}: not on this machine and {reason}", reason=reason
            )
        else:
            missing[file.path] = wanted
    if missing:
        folder = cache_folder(manifest)
        screen, quiet = Console(stderr=True), not sys.stderr.isatty()
        with Progress(console=screen, transient=True, disable=quiet) as bar:
            task = bar.add_task(manifest.name, total=len(missing))
            reasons |= deliver(list(missing.values()), folder, lambda _: bar.advance(task))
        made = missing.keys() - reasons.keys()
        found |= {path: (folder / path, "download") for path in made}
    return found, reasons


def _why(manifest: Manifest, reasons: Mapping[str, object]) -> str:
    """One sentence: where a data set was looked for, what came, and the remedy."""
    remedy = (
        manifest.obtain
        or "run 'tubekit data fetch' with a network, or point TUBEKIT_MIRROR at a mirror"
    )
    folders = " or ".join(str(folder) for _, folder in local_folders(manifest))
    first = next(iter(reasons.items()), None)
    got = f"{len(reasons)} missing, first {first[0]} ({first[1]})" if first else "no case"
    return f"{manifest.name}: expected its files in {folders}, got {got}; {remedy}"
