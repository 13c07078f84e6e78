"""From public addresses to finished files: download, verify, convert, verify, move in place.

Files that share a download (an archive with several structures, an image and its label in one
file) are made from one copy of it. A few transfers run side by side.
"""

import hashlib
import math
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tubekit.data.convert import CONVERSIONS
from tubekit.data.decode import ReadError
from tubekit.data.download import DownloadError, download, part_path
from tubekit.data.integrity import IntegrityError, check_bytes
from tubekit.data.origin import File, Source
from tubekit.data.storage import write_atomic

SIDE_BY_SIDE = 4
# A server that did not answer is not asked again for so long, by any data set: behind a firewall
# each question costs ten seconds, and a book asks for dozens of sets.
SILENT_S = 300.0
_silent_since: dict[str, float] = {}


def deliver(
    files: Sequence[File], folder: Path, done: Callable[[File], object] = lambda _: None
) -> dict[str, DownloadError | IntegrityError]:
    """Make files below ``folder`` from their sources.

    What was transferred of a file that could not be completed is kept, so that the next call
    goes on from there.

    Args:
        files: each with at least one source.
        folder: of the data set in the cache.
        done: called after each file, whether it could be made or not.
    Returns:
        Path in the data set to the reason, for every file that could not be made.
    Raises:
        OSError: a file cannot be written, for instance on a full disk.
    """
    failures: dict[str, DownloadError | IntegrityError] = {}
    transfers = _Transfers()
    # Two pools, since a batch waits for its transfers.
    batches = ThreadPoolExecutor(SIDE_BY_SIDE)
    try:
        jobs = [batches.submit(_make, b, folder, transfers, done) for b in _batches(files)]
        for job in jobs:
            failures |= job.result()
    finally:  # after an error or Ctrl-C nothing new begins
        transfers.pool.shutdown(wait=False, cancel_futures=True)
        batches.shutdown(cancel_futures=True)
    return failures


class _Transfers:
    """Downloads in a pool."""

    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(SIDE_BY_SIDE)

    def get(self, source: Source, data_set: str) -> Path:
        """Path of the verified bytes; a resumed transfer that proves wrong is made anew."""
        host = "/".join(source.url.split("/")[:3])
        part = part_path(source.url)
        resumed = part.is_file()
        if not resumed or part.stat().st_size != source.bytes:
            if time.monotonic() - _silent_since.get(host, -math.inf) < SILENT_S:
                reason = f"{host} does not answer"
                raise DownloadError(f"{source.url}: not fetched, {reason}", reason=reason)
            try:
                download(source.url, limit=source.bytes)
            except DownloadError as error:
                if error.unreachable:
                    _silent_since[host] = time.monotonic()
                raise
        data = part.read_bytes()
        if (got := hashlib.sha256(data).hexdigest()) == source.sha256:
            return part
        part.unlink()
        if resumed:
            return self.get(source, data_set)
        raise IntegrityError(
            f"{source.url}: expected SHA-256 {source.sha256} ({source.bytes} bytes), got {got} "
            f"({len(data)} bytes); run 'tubekit data fetch {data_set}' again"
        )


def _make(
    batch: Sequence[File], folder: Path, transfers: _Transfers, done: Callable[[File], object]
) -> dict[str, DownloadError | IntegrityError]:
    failures: dict[str, DownloadError | IntegrityError] = {}
    name = batch[0].data_set
    sources = dict.fromkeys(source for file in batch for source in file.sources)
    arriving = {source: transfers.pool.submit(transfers.get, source, name) for source in sources}
    finished: set[Path] = set()
    waited_for: set[Path] = set()
    for file in batch:
        try:
            parts = [arriving[source].result() for source in file.sources]
        except (DownloadError, IntegrityError) as error:
            failures[file.path] = error
            waited_for |= {part_path(source.url) for source in file.sources}
        else:
            finished.update(parts)
            try:
                write_atomic(folder / file.path, _converted(file, [p.read_bytes() for p in parts]))
            except IntegrityError as error:
                failures[file.path] = error
        done(file)
    for part in finished - waited_for:
        part.unlink(missing_ok=True)
    return failures


def _converted(file: File, parts: Sequence[bytes]) -> bytes:
    origin = file.sources[0].url
    try:
        made = CONVERSIONS[file.conversion](*parts, **file.options.given())
    except ReadError as error:
        raise IntegrityError(
            f"{origin}: the conversion {file.conversion!r} failed: {error}"
        ) from error
    check_bytes(made, file, origin)
    return made


def _batches(files: Iterable[File]) -> list[list[File]]:
    """Files that share a source, directly or through others, are one batch."""
    batches: dict[int, list[File]] = {}
    of_url: dict[str, int] = {}
    for number, file in enumerate(files):
        batches[number] = [file]
        for source in file.sources:
            other = of_url.setdefault(source.url, number)
            if other != number:
                merged = batches.pop(other)
                batches[number] = merged + batches[number]
                of_url.update({s.url: number for f in merged for s in f.sources})
    return list(batches.values())
