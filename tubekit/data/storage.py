"""Places on disk, hashes, and writes that either happen whole or not at all."""

import functools
import hashlib
import os
import secrets
from pathlib import Path

from tubekit._folders import cache_root

__all__ = ["cache_root", "file_sha256", "write_atomic"]


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file whole: into a neighbour first, then rename. A failure leaves nothing behind.

    Raises:
        OSError: for instance a full disk; an existing file at ``path`` stays as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not a temporary file of the system, which nobody but its owner may read.
    neighbour = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open(neighbour, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(neighbour, path)
    except BaseException as error:
        neighbour.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise OSError(
                error.errno,
                f"expected to write {len(data)} bytes, got {error.strerror or error}; free space "
                "or write to another disk",
                str(path),
            ) from error
        raise


def file_sha256(path: Path) -> str:
    """SHA-256 of a file. Remembered in this process while path, size and time stay the same."""
    status = path.stat()
    return _sha256(str(path), status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=65536)
def _sha256(path: str, size: int, mtime_ns: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
