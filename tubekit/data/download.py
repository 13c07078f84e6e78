"""Download one file: resumes, retries, times out, and leaves no half file where data are read."""

import hashlib
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from tubekit._extras import extra
from tubekit.data.storage import cache_root

if TYPE_CHECKING:
    import requests

# Waiting time before the second attempt; it doubles after each.
PAUSE_S = 0.5
# Longest silence of a server: until it accepts, and between two pieces.
TIMEOUT_S = (10.0, 30.0)
ATTEMPTS = 4

log = logging.getLogger("tubekit.data")


class DownloadError(RuntimeError):
    """A file that could not be downloaded.

    ``reason`` is short, for a list of many; ``unreachable``: the server did not answer at all.
    """

    def __init__(self, message: str, *, reason: str, unreachable: bool = False) -> None:
        super().__init__(message)
        self.reason = reason
        self.unreachable = unreachable


class _TooLargeError(Exception):
    """More bytes came than the file has."""


def part_path(url: str) -> Path:
    """Where the bytes of an unfinished download wait for the next attempt."""
    return cache_root() / ".partial" / hashlib.sha256(url.encode()).hexdigest()


def download(url: str, *, limit: int) -> Path:
    """Download to ``part_path(url)``; a broken transfer goes on where it stopped.

    The caller verifies the file, moves it in place and removes the part. From a server that
    ignores ranges the file comes anew.

    Args:
        url: http or https address.
        limit: bytes of the file; a server that sends more is cut off.
    Returns:
        Path of the complete download.
    Raises:
        DownloadError: the last attempt failed; the message names address, cause and remedy.
        OSError: the part cannot be written, for instance on a full disk; it is removed.
        MissingExtra: the packages of ``[data]`` are not installed.
    """
    with extra("data", "a download"):
        import pooch  # noqa: F401  # asked for here, before a file is begun
        import requests
    part = part_path(url)
    part.parent.mkdir(parents=True, exist_ok=True)
    cause: Exception | None = None
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE_S * 2 ** (attempt - 1))
        try:
            _transfer(url, part, limit)
            return part
        except requests.HTTPError as error:
            cause = error
            code = error.response.status_code if error.response is not None else 0
            if code == 416:  # the part is as long as the file, or longer: begin anew
                part.unlink(missing_ok=True)
            elif code < 500 and code != 429:
                part.unlink(missing_ok=True)
                raise DownloadError(
                    f"{url}: expected the file, got HTTP status {code}; check the address in the "
                    "manifest or point TUBEKIT_MIRROR at a mirror",
                    reason=f"HTTP status {code}",
                ) from error
        except requests.RequestException as error:
            cause = error
            # Nothing listens, or no network: more attempts only cost the reader time.
            if isinstance(error, requests.ConnectionError) and _never_connected(error):
                break
        except _TooLargeError as error:
            part.unlink(missing_ok=True)
            raise DownloadError(
                f"{url}: expected {limit} bytes, got more; check the address in the manifest",
                reason="larger than the manifest says",
            ) from error
        except OSError:
            part.unlink(missing_ok=True)
            raise
        log.info("%s: attempt %d failed: %s", url, attempt + 1, cause)
    unreachable = isinstance(cause, requests.ConnectionError | requests.Timeout)
    if part.is_file() and part.stat().st_size == 0:
        part.unlink()
    raise DownloadError(
        f"{url}: expected a complete download, got {type(cause).__name__}: {cause}; try again "
        "(it resumes), or point TUBEKIT_MIRROR at a mirror",
        reason=f"{'/'.join(url.split('/')[:3])} does not answer"
        if unreachable
        else "broken transfer",
        unreachable=unreachable,
    ) from cause


def _never_connected(error: "requests.ConnectionError") -> bool:
    from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, NewConnectionError | ConnectTimeoutError | NameResolutionError)


class _Limited:
    """A file that takes no more than ``limit`` bytes."""

    def __init__(self, file: BinaryIO, limit: int) -> None:
        self.file, self.limit = file, limit

    def write(self, data: bytes) -> int:
        if self.file.tell() + len(data) > self.limit:
            raise _TooLargeError
        return self.file.write(data)

    def flush(self) -> None:
        self.file.flush()


def _transfer(url: str, part: Path, limit: int) -> None:
    import pooch

    have = part.stat().st_size if part.is_file() else 0
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    with open(part, "ab") as file:

        def start_over(response: "requests.Response", **_: Any) -> None:
            # 200 instead of 206: the server ignores ranges and sends the whole file.
            if response.status_code == 200:
                file.seek(0)
                file.truncate()

        transfer = pooch.HTTPDownloader(
            headers=headers, timeout=TIMEOUT_S, hooks={"response": start_over}
        )
        transfer(url, _Limited(file, limit), None)
