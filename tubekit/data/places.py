"""Where the files of a data set may lie, on this machine or on a mirror."""

import os
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from tubekit.data.discover import with_cases_on_disk
from tubekit.data.manifest import Manifest, load_manifest
from tubekit.data.origin import File, Source
from tubekit.data.schema import Options
from tubekit.data.storage import cache_root

Place = Literal["mirror", "cache", "download"]


def open_manifest(name: str) -> Manifest:
    """The manifest of a data set, with the cases found on disk where it lists none."""
    manifest = load_manifest(name)
    return with_cases_on_disk(manifest, [folder for _, folder in local_folders(manifest)])


def local_folders(manifest: Manifest) -> list[tuple[Place, Path]]:
    """Folders that may hold a data set, in the order in which they are tried."""
    own = os.environ.get(f"TUBEKIT_{manifest.name.upper()}_DIR")
    mirror = os.environ.get("TUBEKIT_MIRROR", "")
    folders: list[tuple[Place, Path]] = []
    if own:
        folders.append(("mirror", Path(own)))
    if mirror and not _is_url(mirror):
        folders.append(("mirror", Path(mirror) / manifest.folder))
    folders.append(("cache", cache_folder(manifest)))
    return folders


def network_is_off() -> bool:
    """Whether ``$TUBEKIT_OFFLINE=1`` forbids every download."""
    return os.environ.get("TUBEKIT_OFFLINE") == "1"


def cache_folder(manifest: Manifest) -> Path:
    """Where downloads of a data set are kept."""
    return cache_root() / "data" / manifest.folder


def on_disk(manifest: Manifest, file: File) -> tuple[Path, Place] | None:
    """The first folder's copy of a file, unverified."""
    for place, folder in local_folders(manifest):
        # Not Path.is_file, which raises where a folder may not be entered.
        if os.path.isfile(folder / file.path):
            return folder / file.path, place
    return None


def downloadable(manifest: Manifest, file: File) -> File:
    """The file with its sources: those of the manifest, or a mirror that serves finished files."""
    mirror, facts = os.environ.get("TUBEKIT_MIRROR", ""), file.facts
    if not _is_url(mirror) or not facts.sha256 or not facts.bytes:
        return file
    url = f"{mirror.rstrip('/')}/{quote(f'{manifest.folder}/{file.path}')}"
    source = Source(url, facts.sha256, facts.bytes)
    return file._replace(sources=(source,), conversion="identity", options=Options())


def _is_url(text: str) -> bool:
    return text.startswith(("http://", "https://"))
