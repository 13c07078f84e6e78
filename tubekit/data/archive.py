"""Unpack archives from strangers: every member is checked before the first byte is written."""

import os
import shutil
import stat
import tarfile
import tempfile
import zipfile
from pathlib import Path, PurePosixPath, PureWindowsPath

from tubekit._accept import PathLike
from tubekit._accept import path as as_path


class ArchiveError(ValueError):
    """An archive that is damaged or would write outside its destination."""


def extract(archive: PathLike, destination: PathLike) -> Path:
    """Unpack a .zip or .tar(.gz, .bz2, .xz) into a new or empty folder.

    Args:
        archive: the file.
        destination: folder to create; on any error it stays as it was.
    Returns:
        The destination.
    Raises:
        ArchiveError: no archive, damaged, or a member that is absolute, climbs out with ``../``,
            links outside, or is a device.
        FileExistsError: the destination holds something.

    Example:
        >>> import pathlib, tempfile, zipfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with zipfile.ZipFile(f"{folder}/a.zip", "w") as file:
        ...         file.writestr("a.txt", "text")
        ...     (extract(f"{folder}/a.zip", f"{folder}/out") / "a.txt").read_text()
        'text'
    """
    archive, destination = as_path(archive), as_path(destination)
    if destination.is_dir() and any(destination.iterdir()):
        raise FileExistsError(
            f"{destination}: expected a new or empty folder, got one with files; choose another"
        )
    destination.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=destination.parent, prefix=f".{destination.name}."))
    os.chmod(staging, 0o755)  # a temporary folder is private, a data folder is not
    try:
        if zipfile.is_zipfile(archive):
            _unzip(archive, staging)
        elif tarfile.is_tarfile(archive):
            _untar(archive, staging)
        else:
            raise ArchiveError(
                f"{archive}: expected a zip or tar file, got neither; fetch it again"
            )
        os.replace(staging, destination)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise ArchiveError(
            f"{archive}: expected a complete archive, got {type(error).__name__}: {error}; "
            "fetch it again"
        ) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return destination


def _refuse(archive: Path, member: str, why: str) -> ArchiveError:
    return ArchiveError(
        f"{archive}: expected members inside the archive's folder, got {member!r}, which {why}; "
        "nothing was written, do not use this archive"
    )


def _check_name(archive: Path, name: str) -> None:
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    if posix.is_absolute() or windows.is_absolute() or windows.drive:
        raise _refuse(archive, name, "is absolute")
    if ".." in posix.parts or ".." in windows.parts:
        raise _refuse(archive, name, "climbs out with '..'")


def _unzip(archive: Path, staging: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        for member in opened.infolist():
            _check_name(archive, member.filename)
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _refuse(archive, member.filename, "is a link or a device")
        opened.extractall(staging)


def _untar(archive: Path, staging: Path) -> None:
    with tarfile.open(archive) as opened:
        members = opened.getmembers()
        for member in members:
            _check_name(archive, member.name)
            try:
                tarfile.data_filter(member, str(staging))
            except tarfile.FilterError as error:
                raise _refuse(archive, member.name, f"is unsafe ({error})") from error
        opened.extractall(staging, members=members, filter="data")
