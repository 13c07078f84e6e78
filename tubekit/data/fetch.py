"""Every file of a data set from disk or by download, verified; and what a download would bring."""

import sys
from collections.abc import Mapping, Sequence
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
    network_is_off,
    on_disk,
    open_manifest,
)
from tubekit.data.transfer import deliver

Reasons = Mapping[str, DownloadError | IntegrityError]


def fetch_all(name: str) -> tuple[int, Reasons]:
    """Find, fetch and verify every file of a data set, also those that no case reads.

    Returns:
        How many files are ready, and the reason for each of the others by its path.
    """
    manifest = open_manifest(name)
    found, reasons = obtain(manifest, manifest.all_files(), offline=False)
    return len(found), reasons


class Plan(NamedTuple):
    """What a download would bring: finished files, addresses to ask, bytes still to come."""

    files: int
    downloads: int
    bytes: int


def plan(name: str) -> Plan:
    """What ``fetch_all`` would download now, without asking the network."""
    manifest = open_manifest(name)
    missing = [f for f in manifest.all_files() if on_disk(manifest, f) is None]
    missing = [f for f in (downloadable(manifest, f) for f in missing) if f.sources]
    to_come = {}
    for source in {source for file in missing for source in file.sources}:
        part = part_path(source.url)
        to_come[source] = source.bytes - (part.stat().st_size if part.is_file() else 0)
    return Plan(len(missing), len(to_come), sum(to_come.values()))


def obtain(
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
