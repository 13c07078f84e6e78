"""Find the files of a data set: mirror, cache, download; else say that they are unavailable.

Every file with a known SHA-256 is verified before anybody reads it.
"""

import dataclasses
import hashlib
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from tubekit._extras import extra
from tubekit.data.convert import CONVERSIONS, content_digest
from tubekit.data.decode import ReadError
from tubekit.data.discover import with_cases_on_disk
from tubekit.data.download import DownloadError, download, part_path
from tubekit.data.manifest import Manifest, load_manifest
from tubekit.data.schema import File, Role
from tubekit.data.storage import cache_root, file_sha256, write_atomic

# Below this size a bar per file is noise: data sets come in hundreds of small files.
BAR_FROM_BYTES = 5_000_000


class DataUnavailable(RuntimeError):
    """The real data are not here and cannot be fetched; callers show a phantom with a badge."""


class IntegrityError(ValueError):
    """A file is not what the manifest promises; the message names file, expected and got."""


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
    source: Mapping[str, Literal["mirror", "cache", "download"]]
    unavailable: Mapping[str, str]


def resolve(name: str, case_ids: Sequence[str] | None = None, *, offline: bool = False) -> Resolved:
    """Find, fetch and verify the files of a data set.

    Order: ``$TUBEKIT_<NAME>_DIR``, ``$TUBEKIT_MIRROR`` (a folder, or an http address that serves
    the same files), the user cache, download. ``$TUBEKIT_OFFLINE=1`` forbids the network.

    Args:
        name: of the data set.
        case_ids: these cases, each of which must be found; ``None``: all that can be found.
        offline: never use the network.
    Raises:
        ValueError: unknown data set or case.
        DataUnavailable: an asked case, or every case, cannot be found.
        IntegrityError: a file that was found is not the one that the manifest describes.
    """
    manifest = open_manifest(name)
    wanted = [c.id for c in manifest.cases] if case_ids is None else list(case_ids)
    offline = offline or os.environ.get("TUBEKIT_OFFLINE") == "1"
    files: dict[str, dict[Role, Path]] = {}
    source: dict[str, Literal["mirror", "cache", "download"]] = {}
    unavailable: dict[str, str] = {}
    unreachable: set[str] = set()
    quiet = offline or not sys.stderr.isatty()
    for case_id in wanted if quiet else _with_bar(wanted, name):
        found: dict[Role, Path] = {}
        try:
            for file in manifest.case_files(case_id):
                path, where = _locate(manifest, file, offline, unreachable)
                found[file.role], source[case_id] = path, where
            files[case_id] = found
        except DownloadError as error:
            unavailable[case_id] = str(error)
            source.pop(case_id, None)
    if (case_ids is not None and unavailable) or not files:
        raise DataUnavailable(_why(manifest, unavailable))
    return Resolved(manifest, files, source, unavailable)


def verify(name: str) -> Iterator[tuple[File, str]]:
    """Check every listed file that is on this machine, without the network.

    Yields:
        The file and ``"ok"``, ``"missing"``, ``"no hash listed"`` or the error's message.
    """
    manifest = open_manifest(name)
    for case in manifest.cases:
        for file in manifest.case_files(case.id):
            path = _on_disk(manifest, file)
            if path is None:
                yield file, "missing"
                continue
            try:
                check_file(path, file)
                yield file, "ok" if file.facts.sha256 else "no hash listed"
            except IntegrityError as error:
                yield file, str(error)


def check_file(path: Path, file: File) -> None:
    """Compare a file with the manifest: by SHA-256, else by what it shows when decoded.

    Raises:
        IntegrityError: names file, expected, got and remedy.
    """
    if file.facts.sha256 is None or file_sha256(path) == file.facts.sha256:
        return
    check_bytes(path.read_bytes(), file, f"{path}")


def check_bytes(data: bytes, file: File, origin: str) -> None:
    """As ``check_file``, for bytes that are not yet in their place.

    Raises:
        IntegrityError: names origin, expected, got and remedy.
    """
    facts, got = file.facts, hashlib.sha256(data).hexdigest()
    if facts.sha256 in (None, got):
        return
    # Another version of an encoder may pack the same pixels in other bytes.
    try:
        if facts.content and content_digest(data, file.path) == facts.content:
            return
    except ReadError:
        pass
    raise IntegrityError(
        f"{origin}: expected SHA-256 {facts.sha256} ({facts.bytes} bytes), got {got} "
        f"({len(data)} bytes); delete the file and run 'tubekit data fetch {file.data_set}' again"
    )


def open_manifest(name: str) -> Manifest:
    """The manifest of a data set, with the cases found on disk where it lists none."""
    manifest = load_manifest(name)
    return with_cases_on_disk(manifest, [folder for _, folder in local_folders(manifest)])


def local_folders(manifest: Manifest) -> list[tuple[Literal["mirror", "cache"], Path]]:
    """Folders that may hold a data set, in the order in which they are tried."""
    own = os.environ.get(f"TUBEKIT_{manifest.name.upper()}_DIR")
    mirror = os.environ.get("TUBEKIT_MIRROR", "")
    folders: list[tuple[Literal["mirror", "cache"], Path]] = []
    if own:
        folders.append(("mirror", Path(own)))
    if mirror and not _is_url(mirror):
        folders.append(("mirror", Path(mirror) / manifest.folder))
    folders.append(("cache", cache_root() / "data" / manifest.folder))
    return folders


def _is_url(text: str) -> bool:
    return text.startswith(("http://", "https://"))


def _on_disk(manifest: Manifest, file: File) -> Path | None:
    for _, folder in local_folders(manifest):
        if (folder / file.path).is_file():
            return folder / file.path
    return None


def _locate(
    manifest: Manifest, file: File, offline: bool, unreachable: set[str]
) -> tuple[Path, Literal["mirror", "cache", "download"]]:
    for where, folder in local_folders(manifest):
        path = folder / file.path
        if path.is_file():
            check_file(path, file)
            return path, where
    mirror = os.environ.get("TUBEKIT_MIRROR", "")
    if _is_url(mirror):
        below = quote(f"{manifest.folder}/{file.path}")
        url, conversion = f"{mirror.rstrip('/')}/{below}", "copy"
    elif file.url:
        url, conversion = file.url, file.conversion
    else:
        raise DownloadError(f"{file.path}: no public address is known", unreachable=False)
    host = "/".join(url.split("/")[:3])
    if offline or host in unreachable or file.facts.sha256 is None:
        reason = (
            "the network is off"
            if offline
            else f"{host} does not answer"
            if host in unreachable
            else "no hash is known to verify a download"
        )
        raise DownloadError(f"{file.path}: not on this machine and {reason}", unreachable=False)
    path = cache_root() / "data" / manifest.folder / file.path
    try:
        _fetch(url, conversion, file, path)
    except DownloadError as error:
        if error.unreachable:
            unreachable.add(host)
        raise
    return path, "download"


def _fetch(url: str, conversion: str, file: File, path: Path) -> None:
    """Download, convert, verify, then move in place. A resumed file that fails is fetched anew."""
    resumed = part_path(url).is_file()
    large = (file.facts.bytes or 0) >= BAR_FROM_BYTES
    part = download(url, bar=large and sys.stderr.isatty())
    try:
        data = CONVERSIONS[conversion](part.read_bytes(), file.case_id)
        check_bytes(data, file, url)
    except (IntegrityError, ReadError) as error:
        part.unlink(missing_ok=True)
        if resumed:
            return _fetch(url, conversion, file, path)
        if isinstance(error, IntegrityError):
            raise
        raise IntegrityError(f"{url}: the conversion {conversion!r} failed: {error}") from error
    write_atomic(path, data)
    part.unlink(missing_ok=True)


def _with_bar(wanted: Sequence[str], name: str) -> Iterable[str]:
    with extra("data", __name__):
        from tqdm import tqdm
    return tqdm(wanted, desc=name, unit="case", leave=False)


def _why(manifest: Manifest, unavailable: Mapping[str, str]) -> str:
    """One sentence: what was looked for, what came, and the remedy."""
    remedy = (
        manifest.obtain
        or "run 'tubekit data fetch' with a network, or point TUBEKIT_MIRROR at a mirror"
    )
    folders = " or ".join(str(folder) for _, folder in local_folders(manifest))
    first = next(iter(unavailable.items()), None)
    got = f"{len(unavailable)} missing, first {first[0]} ({first[1]})" if first else "no case"
    return f"{manifest.name}: expected its files in {folders}, got {got}; {remedy}"
