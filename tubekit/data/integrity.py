"""Compare files with what the manifest promises, before anybody reads them."""

import hashlib
from pathlib import Path, PurePath

import numpy as np

from tubekit.data.decode import ReadError, decode
from tubekit.data.origin import File
from tubekit.data.storage import file_sha256


class IntegrityError(ValueError):
    """A file is not what the manifest promises; the message names file, expected and got."""

    reason = "not the file that the manifest describes"


def content_digest(data: bytes, name: str | PurePath) -> str:
    """SHA-256 of what a file shows: type, shape, spacing and values, not how it was packed.

    Raises:
        ReadError: the file does not decode.
    """
    stored = decode(data, name)
    spacing = None if stored.spacing is None else tuple(stored.spacing)
    head = f"{stored.array.dtype.str} {stored.array.shape} {spacing}".encode()
    return hashlib.sha256(head + np.ascontiguousarray(stored.array).tobytes()).hexdigest()


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
